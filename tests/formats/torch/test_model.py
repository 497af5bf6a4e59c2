"""PyTorch: modules, scripts and learners, by their structure."""

import json
from pathlib import Path

import pytest

from migrate.core.errors import NeedsYouError
from migrate.core.model_json import Field, content_of
from migrate.core.values import Inspection
from migrate.formats import inspect
from migrate.formats.inspect import demand_ready
from migrate.formats.pickle.imports import group_of
from tests.formats.hostile.base import changed, example
from tests.formats.hostile.opcodes import HARMLESS, NOWHERE, call, name, pickle, text
from tests.formats.hostile.torches import LEGACY, archived
from tests.formats.models import artifact, write

_LAYERS = [
    ("torch.nn.modules.linear.Linear", "in_features", [-1, 7], "float"),
    ("torch.nn.modules.conv.Conv2d", "in_channels", [-1, 7, -1, -1], "float"),
    ("torch.nn.modules.rnn.LSTM", "input_size", [-1, -1, 7], "float"),
    ("torch.nn.modules.sparse.Embedding", "num_embeddings", [-1, -1], "long"),
    ("torch.nn.modules.activation.ReLU", "none", [-1, -1], "float"),
    ("torch.nn.modules.conv.ConvTranspose2d", "in_channels", [-1, 7, -1, -1], "float"),
    ("torch.nn.modules.batchnorm.BatchNorm3d", "num_features", [-1, 7, -1, -1, -1], "float"),
    ("torch.nn.modules.instancenorm.InstanceNorm1d", "num_features", [-1, 7, -1], "float"),
    ("torch.nn.modules.normalization.GroupNorm", "num_channels", [-1, 7, -1, -1], "float"),
    ("torch.nn.modules.rnn.LSTMCell", "input_size", [-1, 7], "float"),
    ("torch.nn.modules.activation.MultiheadAttention", "embed_dim", [-1, -1, 7], "float"),
    ("torch.nn.modules.fold.Unfold", "none", [-1, -1, -1, -1], "float"),
]


def look(tmp_path: Path, files: dict[str, bytes], *, trusted: bool = False) -> Inspection:
    made = write(tmp_path, files)
    return inspect(made, framework="torch", allow_unsafe=[file.digest for file in made.files] if trusted else [])


def module(full: str, key: str, size: int) -> bytes:
    package, _, word = full.rpartition(".")
    return name(package, word) + b")\x81}" + text(key) + b"K" + bytes([size]) + b"sb"


@pytest.mark.parametrize(("full", "key", "shape", "word"), _LAYERS)
def test_a_modules_input(tmp_path: Path, full: str, key: str, shape: list[int], word: str) -> None:
    found = look(tmp_path, {"m.pt": archived(pickle(module(full, key, 7)))}, trusted=True)
    assert found.verdict == "ready"
    assert content_of(found.settings)["inputs"] == [{"name": "input_0", "type": word, "shape": shape}]
    assert "did not document" in found.notes[0]


def test_the_oldest_form(tmp_path: Path) -> None:
    body = pickle(module(*_LAYERS[0][:2], 3))
    content = LEGACY + b"\x80\x02M\xe9\x03." + pickle(b"}") + body + pickle(b"]")
    assert look(tmp_path, {"m.pt": content}).reason == "pickled-code"
    assert look(tmp_path, {"m.pt": content}, trusted=True).verdict == "ready"
    assert look(tmp_path, {"m.pt": content[:-5]}).reason == "truncated"


def _made(package: str, word: str) -> bytes:
    return archived(pickle(call(name(package, word))))


def test_a_class_that_is_nowhere_is_told_before_anything_is_built(tmp_path: Path) -> None:
    found = look(tmp_path, {"m.pt": archived(pickle(module("acme.Net", "_modules", 1)))}, trusted=True)
    assert (found.verdict, found.reason) == ("unsupported", "class-missing")
    assert '"acme.Net"' in (found.text or "")


@pytest.mark.parametrize(
    ("files", "verdict", "reason"),
    [
        ({"m.pt": archived(HARMLESS)}, "unsupported", "weights-only"),
        ({"m.pt": b"plain words"}, "unreadable", "not-torch"),
        ({"m.pt": archived(HARMLESS)[:-30]}, "unreadable", "truncated"),
        ({"species.ts": example("species-torchscript")["species.ts"]}, "needs-attention", "manifest-missing"),
        ({"m.pkl": _made("fastai.basic_train", "Learner")}, "unsupported", "older-than-supported"),
        ({"m.pkl": _made("fastai.vision.learner", "Learner")}, "unsupported", "vision-learner"),
        ({"m.pkl": _made("fastai.text.learner", "LMLearner")}, "unsupported", "unsupported-learner"),
        ({"m.pkl": _made("fastai.learner", "Learner")}, "unsupported", "unsupported-learner"),
        ({"m.pkl": HARMLESS}, "unreadable", "not-a-model"),
    ],
)  # fmt: skip
def test_refusals(tmp_path: Path, files: dict[str, bytes], verdict: str, reason: str) -> None:
    found = look(tmp_path, files)
    assert (found.verdict, found.reason) == (verdict, reason)


def test_a_learner_of_texts(tmp_path: Path) -> None:
    learner = pickle(name("fastai.text.learner", "TextLearner") + b")\x81}b")
    found = look(tmp_path, {"m.pkl": archived(learner)}, trusted=True)
    assert (found.runtime, content_of(found.settings)["inputs"]) == (
        "fastai",
        [{"name": "text", "type": "string", "shape": [-1]}],
    )


def test_manifests(tmp_path: Path) -> None:
    files = changed("species-torchscript", "manifest.json", lambda c: {**c, "saved_model_uri": "models/species.ts"})
    assert content_of(look(tmp_path / "1", files).settings)["entry"] == "species.ts"
    files = changed("species-torchscript", "manifest.json", lambda c: {**c, "saved_model_uri": "gone.ts"})
    assert look(tmp_path / "2", files).reason == "model-missing"
    files = changed("species-torchscript", "manifest.json", lambda c: {**c, "outputs": []})
    assert look(tmp_path / "3", files).reason == "invalid-manifest"
    words = [{"name": "x", "type": "string", "shape": [-1]}]
    files = changed("species-torchscript", "manifest.json", lambda c: {**c, "inputs": words})
    assert look(tmp_path / "4", files).reason == "invalid-manifest"


def test_a_manifest_of_a_pickled_module(tmp_path: Path) -> None:
    manifest = {
        "type": "torch_script",
        "saved_model_uri": "species.pt",
        "inputs": [{"name": "x", "type": "float", "shape": [-1, 4]}],
        "outputs": [{"name": "y", "type": "float", "shape": [-1, 3]}],
    }
    files = {**example("species-module"), "manifest.json": json.dumps(manifest).encode()}
    assert look(tmp_path / "1", files).reason == "pickled-code"
    found = look(tmp_path / "1", files, trusted=True)
    assert (found.format, content_of(found.settings)["engine"], content_of(found.settings)["manifest"]) == (
        "torch_pickle",
        "torch_pickle",
        True,
    )
    learner = {"manifest.json": files["manifest.json"], "species.pt": example("species-learner")["species.pkl"]}
    assert look(tmp_path / "2", learner, trusted=True).notes
    assert artifact(tmp_path / "2").files


@pytest.mark.parametrize(
    ("module", "word", "group"),
    [
        ("collections", "OrderedDict", "data"),
        ("torch._utils", "_rebuild_tensor_v2", "data"),
        ("builtins", "dict", "data"),
        ("builtins", NOWHERE, "dangerous"),
        ("__builtin__", NOWHERE, "dangerous"),
        *(
            (module, NOWHERE, "dangerous")
            for module in ("os", "posix", "operator", "importlib", "asyncio.events", "pip")
        ),
        *((f"torch.{part}", NOWHERE, "dangerous") for part in ("hub", "utils", "ops", "_ops", "jit", "fx", "package")),
        *((f"numpy.{part}", NOWHERE, "dangerous") for part in ("f2py", "testing", "testing.x", "lib.x", "distutils")),
        *((f"pandas.{part}", NOWHERE, "dangerous") for part in ("io", "testing", "core.computation.x")),
        ("pandas", "read_pickle", "dangerous"),
        ("numpy", "memmap", "dangerous"),
        ("functools", "partial", "dangerous"),
        ("torch.storage", "_load_from_bytes", "dangerous"),
        ("torch.nn", f"Linear.__{NOWHERE}__", "dangerous"),
        ("torch.utils.hooks", NOWHERE, "framework"),
        ("torch.utils.data.dataset", NOWHERE, "framework"),
        ("torch.nn.modules.linear", "Linear", "framework"),
        ("inspect", "Signature", "framework"),
        ("inspect", NOWHERE, "dangerous"),
        (NOWHERE, "thing", "unknown"),
    ],
)
def test_how_far_an_import_is_trusted(module: str, word: str, group: str) -> None:
    assert group_of(module, word) == group


def test_a_module_of_doubles_takes_doubles(tmp_path: Path) -> None:
    storage = b"(" + text("storage") + name("torch", "DoubleStorage") + text("0") + text("cpu") + b"K\x02tQ"
    tensor = call(name("torch._utils", "_rebuild_tensor_v2"), storage, b"K\0K\x02\x85K\x01\x85\x89}")
    state = b"}(" + text("in_features") + b"K\x02" + text("weight") + tensor + b"u"
    content = archived(
        pickle(name("torch.nn.modules.linear", "Linear") + b")\x81" + state + b"b"), **{"data/0": bytes(16)}
    )
    found = look(tmp_path, {"m.pt": content}, trusted=True).settings
    assert found is not None
    assert found.inputs == (Field("input_0", "double", (-1, 2)),)


def test_texts_of_python_2(tmp_path: Path) -> None:
    def short(word: str) -> bytes:
        return b"U" + bytes([len(word)]) + word.encode()

    storage = b"(" + short("storage") + name("torch", "FloatStorage") + short("9") + short("cpu") + b"K\x01NtQ"
    tensor = call(name("torch._utils", "_rebuild_tensor_v2"), storage, b"K\0K\x01\x85K\x01\x85\x89}")
    layer = name("torch.nn.modules.linear", "Linear") + b")\x81}(" + short("in_features") + b"K\x05"
    layer += short("weight") + tensor + b"ub"
    keys = pickle(b"]" + short("9") + b"a")
    content = LEGACY + b"\x80\x02M\xe9\x03." + pickle(b"}") + pickle(layer) + keys + bytes(8) + bytes(4)
    found = look(tmp_path, {"m.pt": content}, trusted=True)
    assert found.verdict == "ready", found
    assert found.settings is not None
    assert found.settings.inputs == (Field("input_0", "float", (-1, 5)),)


@pytest.mark.parametrize(
    ("module_name", "runtime"),
    [("fastcore.transform", "fastai27"), ("fastcore.dispatch", "fastai27"), ("fasttransform.transform", "fastai")],
)
def test_the_fastai_that_can_load_an_export(tmp_path: Path, module_name: str, runtime: str) -> None:
    learner = (
        name("fastai.text.learner", "TextLearner") + b")\x81}" + text("tfms") + name(module_name, "Pipeline") + b"sb"
    )
    assert look(tmp_path, {"m.pkl": archived(pickle(learner))}, trusted=True).runtime == runtime


@pytest.mark.parametrize(
    ("others", "verdict", "reason"),
    [
        ([("__builtin__", "getattr"), ("functools", "partial")], "unsupported", "vision-learner"),
        ([("__builtin__", "getattr"), ("os", NOWHERE)], "quarantined", "pickle-dangerous"),
    ],
)
def test_what_every_export_imports_hides_no_verdict(
    tmp_path: Path, others: list[tuple[str, str]], verdict: str, reason: str
) -> None:
    names = b"".join(name(*one) for one in [*others, ("fastai.vision.learner", "Learner")])
    found = look(tmp_path, {"m.pkl": archived(pickle(b"(" + names + b"t"))})
    assert (found.verdict, found.reason) == (verdict, reason)
    assert any(hazard.code == "pickle-dangerous" for hazard in found.hazards)
    if verdict == "unsupported":
        with pytest.raises(NeedsYouError) as refused:
            demand_ready(found, "migrate serve .")
        assert "Type:" not in (refused.value.next_step or "")

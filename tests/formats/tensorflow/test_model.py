"""SavedModels: which signature is served, and why one is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from migrate.core.model_json import content_of
from migrate.core.values import Inspection
from migrate.formats import inspect
from tests.formats.hostile.base import changed, example, unzipped, zipped
from tests.formats.hostile.tensorflows import entry, function, node, saved_model
from tests.formats.models import message, number, write

_WINE = example("wine-tf2")
_LOAD = example("load-zip")


def look(folder: Path, files: dict[str, bytes]) -> Inspection:
    return inspect(write(folder, files), framework="tensorflow_2")


def test_the_signature_and_what_the_engine_needs(tmp_path: Path) -> None:
    found = content_of(look(tmp_path, {"saved_model.pb": saved_model()}).settings)
    assert found["inputs"] == [{"name": "x", "type": "float", "shape": [2]}]
    assert found["tensorflow"] == {
        "saved_model": ".",
        "zip": False,
        "root": "",
        "signature": "serving_default",
        "tags": ["serve"],
        "dtypes": {"x": "float32"},
    }


def test_predict_comes_first(tmp_path: Path) -> None:
    tensor = message(1, b"y:0") + number(2, 1)
    predict = message(1, entry("x", message(1, b"x:0") + number(2, 1))) + message(2, entry("p", tensor))
    found = content_of(
        look(tmp_path, {"saved_model.pb": saved_model(signatures=message(5, entry("predict", predict)))}).settings
    )
    assert [field["name"] for field in found["outputs"]] == ["p"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("content", "verdict", "reason"),
    [
        (b"", "unreadable", "empty"),
        (saved_model()[:-9], "unreadable", "truncated"),
        (saved_model() + b"\x22\x00", "unreadable", "corrupt"),
        (number(1, 1), "unreadable", "corrupt"),
        (saved_model(output="gone:0"), "unsupported", "no-signature"),
        (saved_model().replace(b"serve\x12", b"train\x12", 1), "unsupported", "no-serving-graph"),
        (saved_model(node("v", "VarHandleOp")), "unreadable", "variables-missing"),
        (saved_model(node("x", "Placeholder")), "unreadable", "corrupt"),
    ],
)
def test_refusals(tmp_path: Path, content: bytes, verdict: str, reason: str) -> None:
    found = look(tmp_path, {"saved_model.pb": content})
    assert (found.verdict, found.reason) == (verdict, reason)


@pytest.mark.parametrize("gone", ["variables/variables.index", "variables/variables.data-00000-of-00001"])
def test_variables_that_are_not_all_there(tmp_path: Path, gone: str) -> None:
    found = look(tmp_path, {path: data for path, data in _WINE.items() if path != gone})
    assert (found.verdict, found.reason) == ("unreadable", "variables-missing")


def test_a_model_in_a_folder_named_by_a_time(tmp_path: Path) -> None:
    found = look(tmp_path, {f"1555630614/{path}": data for path, data in _WINE.items()})
    assert (found.verdict, content_of(found.settings)["entry"]) == ("ready", "1555630614/saved_model.pb")
    found = look(tmp_path / "2", {"1555630614/saved_model.pb": b""})
    assert (found.verdict, found.reason) == ("unreadable", "empty")


def test_archives(tmp_path: Path) -> None:
    files = unzipped(_LOAD["load.zip"])
    inner = {f"load/{path}": data for path, data in files.items()}
    for number_, (content, packed) in enumerate(((files, False), (files, True), (inner, True))):
        folder = tmp_path / str(number_)
        assert look(folder, {**_LOAD, "load.zip": zipped(content, packed=packed)}).verdict == "ready"
    twice = {**files, "copy/saved_model.pb": files["saved_model.pb"]}
    assert look(tmp_path / "9", {**_LOAD, "load.zip": zipped(twice)}).reason == "not-a-saved-model"


def _signature(name: str, output: str, word: int = 1, *, rank: bool = True) -> bytes:
    """A signature from ``inputs`` to one output, of texts (7) or floats (1)."""
    shape = message(3, message(2, number(1, 2))) if rank else message(3, number(3, 1))
    given = message(1, entry("inputs", message(1, b"x:0") + number(2, word) + shape))
    made = message(1, b"y:0") + number(2, 1) + message(3, message(2, number(1, 2)))
    return message(5, entry(name, given + message(2, entry(output, made))))


def _served(tmp_path: Path, *signatures: bytes, more: dict[str, bytes] | None = None) -> dict[str, Any]:
    content = saved_model(signatures=b"".join(signatures), default="")
    return content_of(look(tmp_path, {"saved_model.pb": content, **(more or {})}).settings)


@pytest.mark.parametrize(
    ("signatures", "chosen"),
    [
        ([("b", 1), ("serving_default", 1)], "b"),
        ([("serving_default", 1), ("b", 1)], "serving_default"),
        ([("serving_default", 7), ("b", 1)], "b"),
        ([("b", 1), ("serving_default", 7)], "b"),
        ([("b", 7), ("serving_default", 7), ("predict", 7)], "predict"),
        ([("a", 7), ("b", 1), ("serving_default", 1)], "serving_default"),
    ],
)
def test_the_signature_that_the_old_runtime_took(
    tmp_path: Path, signatures: list[tuple[str, int]], chosen: str
) -> None:
    found = _served(tmp_path, *(_signature(name, name, word) for name, word in signatures))
    assert found["tensorflow"]["signature"] == chosen


@pytest.mark.parametrize("word", ["float", "string"])
def test_a_manifest_means_the_signature_that_it_fits(tmp_path: Path, word: str) -> None:
    fields = {
        "inputs": [{"name": "inputs", "type": word, "shape": [2]}],
        "outputs": [{"name": "p", "type": "float", "shape": [2]}],
    }
    manifest = json.dumps({"type": "tensorflow", "saved_model_uri": ".", **fields}).encode()
    signatures = _signature("texts", "p", 7), _signature("other", "q"), _signature("numbers", "p")
    found = _served(tmp_path, *signatures, more={"manifest.json": manifest})
    assert found["manifest"]
    assert found["tensorflow"]["signature"] == {"float": "numbers", "string": "texts"}[word]


def test_texts_of_an_unknown_rank_are_a_list(tmp_path: Path) -> None:
    assert _served(tmp_path, _signature("s", "y", 7, rank=False))["inputs"][0]["shape"] == [-1]


def test_what_no_request_reaches_is_a_note(tmp_path: Path) -> None:
    content = saved_model(
        node("i", "OneShotIterator"), node("n", "IteratorGetNext"), functions=[function("f", node("r", "ReadFile"))]
    )
    found = look(tmp_path, {"saved_model.pb": content})
    assert (found.verdict, found.hazards) == ("ready", ())
    assert '"IteratorGetNext", "OneShotIterator", "ReadFile"' in found.notes[0]


@pytest.mark.parametrize(
    "nodes",
    [
        (node("q", "FIFOQueueV2"), node("d", "QueueDequeueV2", "q"), node("r", "ReadFile", "d")),
        (node("c", "Const"), node("d", "RangeDataset", "c", "c", "c"), node("m", "MapDataset", "d")),
        (node("i", "OneShotIterator", attributes={"dataset_factory": message(10, message(1, b"f"))}),),
    ],
)
def test_what_waits_for_its_input_does_not_run_early(tmp_path: Path, nodes: tuple[bytes, ...]) -> None:
    content = saved_model(*nodes, functions=[function("f", node("r", "ReadFile", "path"))])
    assert look(tmp_path, {"saved_model.pb": content}).verdict == "ready"


def test_what_is_fed_is_not_computed(tmp_path: Path) -> None:
    nodes = node("i", "IteratorGetNext"), node("z", "Neg", "i")
    assert look(tmp_path, {"saved_model.pb": saved_model(*nodes, output="z:0", source="i:0")}).verdict == "ready"


@pytest.mark.parametrize("operator", ["IdentityN", "NextIteration", "Assert", "NoOp"])
def test_operators_of_every_device_run_on_a_cpu(tmp_path: Path, operator: str) -> None:
    assert look(tmp_path, {"saved_model.pb": saved_model(node("z", operator, "x"), output="z:0")}).verdict == "ready"


def test_a_print_to_the_log_is_no_danger(tmp_path: Path) -> None:
    printed = node("p", "PrintV2", "x", attributes={"output_stream": message(2, b"stderr")})
    assert look(tmp_path, {"saved_model.pb": saved_model(printed, output="p:0")}).verdict == "ready"


_SHARD = "variables/variables.data-"


@pytest.mark.parametrize(
    ("shards", "verdict"),
    [
        (["00000-of-00001", "00000-of-00002"], "ready"),
        (["00000-of-00001", "00000-of-00002", "00001-of-00002"], "ready"),
        (["00000-of-00002", "00001-of-00002"], "unreadable"),
        (["00000-of-00002"], "unreadable"),
    ],
)
def test_shards_left_over_from_an_earlier_save(tmp_path: Path, shards: list[str], verdict: str) -> None:
    files = {path: data for path, data in _WINE.items() if not path.startswith(_SHARD)}
    assert look(tmp_path, files | {_SHARD + shard: b"" for shard in shards}).verdict == verdict


def test_fields_in_another_order(tmp_path: Path) -> None:
    content = saved_model(before=message(7, b""))
    assert look(tmp_path, {"saved_model.pb": content}).verdict == "ready"
    assert look(tmp_path / "2", {"saved_model.pb": content[2:] + content[:2]}).verdict == "ready"


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("saved_model_uri", "gone", "which is not there"),
        ("inputs", {"name": "other"}, "has no input"),
        ("inputs", {"type": "string"}, "has the type"),
        ("outputs", {"name": "other"}, "has no output"),
        ("inputs", {"shape": [-1, 7]}, "has the shape"),
    ],
)
def test_a_manifest_that_does_not_fit_is_left_out(tmp_path: Path, key: str, value: object, why: str) -> None:
    def change(content: dict[str, Any]) -> dict[str, Any]:
        return {**content, key: value if isinstance(value, str) else [{**content[key][0], **dict(value)}]}

    found = look(tmp_path, changed("load-zip", "manifest.json", change))
    assert (found.verdict, content_of(found.settings)["manifest"]) == ("ready", False)
    assert '"manifest.json" was left out' in found.notes[0]
    assert why in found.notes[0]

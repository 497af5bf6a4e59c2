"""Models converted to ONNX in real containers, and kept so only where that changes no answer."""

import hashlib
import json
import os
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from msgspec.structs import replace
from onnx import numpy_helper

from migrate.core.errors import NeedsYouError
from migrate.core.values import Conversion, RuntimeImage
from migrate.images.engine.build import build, remove_image
from migrate.images.engine.connection import Engine, connect
from migrate.images.model.context import ModelToRender, render
from migrate.images.runtime.image import ensure_runtime
from migrate.images.trial.conversion import MODEL, convert, converter_packages
from migrate.images.trial.in_engine import InEngine
from migrate.images.trial.rehearsal import rehearse
from migrate.migration.journey.slim import Original, Place, slim
from migrate.migration.run.workspace import Workspace
from migrate.migration.run_folder import export_models, read_folder
from migrate.parity.recording import record_customer, record_self
from migrate.parity.samples import read_samples
from tests.images.conftest import containers_of, silent
from tests.migration.folders import read, run_of_folder
from tests.server.format_models import python_of

CHECKOUT = Path(__file__).parents[3]
EXAMPLES = CHECKOUT / "examples"
SPECIES = EXAMPLES / "formats/species-torchscript"
MEMORY = 2 << 30
TAG = "migrate-test-slim:1"

Slim = Callable[[Original], Conversion]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]  # the first time, images of 1.7 GB are built


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    found = connect(os.environ)
    yield found
    found.close()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="module")
def runtime(engine: Engine, workspace: Workspace) -> Callable[[str], RuntimeImage]:
    return lambda name: ensure_runtime(engine, name, base=None, store=workspace.store, progress_text=silent)


@pytest.fixture(scope="module")
def original(workspace: Workspace, runtime: Callable[[str], RuntimeImage]) -> Callable[..., Original]:
    """A model of a folder, with the samples' answers for the model of this id."""

    def give(folder: Path, samples: str = "", *, image: str = "", root: Path = EXAMPLES / "format-samples") -> Original:
        (model,), _ = read(folder, workspace.root)
        known = read_samples(root, samples or folder.name)
        artifact, inspection = model.artifact.value, model.inspection.value
        name = image or inspection.runtime or ""
        return Original(model.record, artifact, inspection, runtime(name), record_customer(known, "tests"))

    return give


@pytest.fixture(scope="module")
def place(engine: Engine, workspace: Workspace) -> Place:
    return Place(
        engine=engine,
        store=workspace.store,
        context=workspace.root / "context",
        tag=TAG,
        memory=MEMORY,
        timeout=800,
        say=silent,
        stop=threading.Event(),
    )


@pytest.fixture(scope="module")
def slimmed(place: Place, runtime: Callable[[str], RuntimeImage]) -> Slim:
    return lambda model: slim(model, lambda: runtime("onnx"), place)


@pytest.fixture(autouse=True)
def nothing_is_left(engine: Engine, place: Place) -> Iterator[None]:
    yield
    assert containers_of(engine, "convert") == []
    assert engine.image(TAG) is None
    assert not place.context.exists()


@pytest.mark.parametrize(
    "name", [*(pytest.param(name, marks=pytest.mark.slow) for name in ("wine-tf2", "digits-h5")), "species-torchscript"]
)
def test_a_model_with_the_same_answers_is_kept(name: str, original: Callable[..., Original], slimmed: Slim) -> None:
    # Keras' runtime has all that TensorFlow's has: one image less to build.
    image = "torch" if "torch" in name else "keras"
    model = original(EXAMPLES / "formats" / name, image=image)
    found = slimmed(model)
    assert found.reason == ""
    assert found.inspection is not None
    assert found.artifact is not None
    assert [file.path for file in found.artifact.files] == [MODEL]
    assert (found.inspection.runtime, found.inspection.settings.engine) == ("onnx", "onnx")


def described(engine: Engine, model: ModelToRender, runtime: RuntimeImage, folder: Path) -> bytes:
    try:
        image = build(engine, render([model], runtime, folder), runtime, tag=TAG, progress=silent)
        with rehearse(InEngine(engine), image, memory=MEMORY, timeout=300) as running:
            status, _, body = running.call("GET", f"/{model.record.id}/describe")
            assert status == 200
            return body
    finally:
        remove_image(engine, TAG)


def test_describe_is_the_same_to_the_byte(
    engine: Engine,
    original: Callable[..., Original],
    slimmed: Slim,
    runtime: Callable[[str], RuntimeImage],
    tmp_path: Path,
) -> None:
    model = original(SPECIES)
    found = slimmed(model)
    assert found.artifact is not None
    assert found.inspection is not None
    before = ModelToRender(record=model.record, artifact=model.artifact, inspection=model.inspection)
    after = ModelToRender(record=model.record, artifact=found.artifact, inspection=found.inspection)
    old = described(engine, before, model.runtime, tmp_path / "before")
    assert b'"rolling_windows_size":0' in old.replace(b" ", b"")
    assert described(engine, after, runtime("onnx"), tmp_path / "after") == old


def test_a_drifted_conversion_is_refused(original: Callable[..., Original], slimmed: Slim, place: Place) -> None:
    model = original(SPECIES)
    made = slimmed(model).artifact
    assert made is not None
    path = Path(made.folder, MODEL)
    good = path.read_bytes()
    graph = onnx.load(str(path))
    weights = next(one for one in graph.graph.initializer if list(one.dims) in ([3, 4], [4, 3]))
    drifted = (numpy_helper.to_array(weights) * np.float32(1.01)).astype(np.float32)
    weights.CopyFrom(numpy_helper.from_array(drifted, weights.name))
    try:
        onnx.save(graph, str(path))  # where the conversion is looked for before it is made
        found = slimmed(model)
    finally:
        path.write_bytes(good)
    assert found.artifact is None
    assert found.reason.startswith("It answers differently: tensor 'probabilities'")


@pytest.fixture(scope="module")
def of_tensorflow_1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tensorflow-1")
    script = CHECKOUT / "tests/server/tensorflow_period.py"
    subprocess.run([python_of("tensorflow"), str(script), str(folder)], check=True)
    return folder


@pytest.mark.parametrize(
    ("name", "answer", "reason"),
    [
        ("variable", [[2.0, 6.0], [6.0, 12.0]], ""),
        pytest.param("loop", [[8.0, 16.0], [24.0, 32.0]], "", marks=pytest.mark.slow),
        pytest.param("counts", [[2.0, 3.0], [4.0, 5.0]], "It cannot be converted: ", marks=pytest.mark.slow),
    ],
)
def test_exports_of_tensorflow_1(
    of_tensorflow_1: Path,
    original: Callable[..., Original],
    slimmed: Slim,
    tmp_path: Path,
    name: str,
    answer: list[list[float]],
    reason: str,
) -> None:
    (tmp_path / name).mkdir()
    sample = {"request": {"x": [[1, 2], [3, 4]]}, "answer": {"y": answer}}
    (tmp_path / name / "1.json").write_text(json.dumps(sample))
    found = slimmed(original(of_tensorflow_1 / name, image="keras", root=tmp_path))
    assert found.reason.startswith(reason)
    assert (found.artifact is None) == bool(reason)


def rewritten(folder: Path, old: str, new: str) -> Path:
    """The species' module with other code in its forward."""
    shutil.copytree(SPECIES, folder)
    with zipfile.ZipFile(SPECIES / "species.ts") as source, zipfile.ZipFile(folder / "species.ts", "w") as target:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename == "species/code/__torch__.py":
                assert old.encode() in data
                data = data.replace(old.encode(), new.encode())
            target.writestr(entry.filename, data)
    return folder


def test_a_model_that_onnx_has_no_operator_for_keeps_its_runtime(
    original: Callable[..., Original], slimmed: Slim, tmp_path: Path
) -> None:
    folder = rewritten(tmp_path / "model", "torch.softmax(_0, 1)", "torch.softmax(torch.lgamma(_0), 1)")
    found = slimmed(original(folder, SPECIES.name))
    assert found.artifact is None
    assert found.reason.startswith("It cannot be converted: ")
    assert "lgamma" in found.reason


@pytest.mark.slow
def test_a_conversion_that_hangs_is_ended(
    engine: Engine, original: Callable[..., Original], workspace: Workspace, tmp_path: Path
) -> None:
    code = "_0 = torch.div((linear).forward(measurements, ), temperature)\n"
    endless = f"{code}    while bool(torch.ge(torch.sum(_0), -1000000)):\n      _0 = torch.add(_0, 1)\n"
    model = original(rewritten(tmp_path / "model", code, endless), SPECIES.name)
    with pytest.raises(NeedsYouError) as caught:
        convert(
            InEngine(engine),
            lambda: converter_packages(engine, model.runtime, workspace.store, silent),
            model.runtime,
            model.artifact,
            model.inspection.settings,
            store=workspace.store,
            timeout=20,
        )
    assert caught.value.code == "conversion-timeout"


def test_what_is_not_even_tried(original: Callable[..., Original], slimmed: Slim) -> None:
    model = original(SPECIES)
    bare = replace(model, recording=record_self(model.recording.samples))
    assert slimmed(bare).reason.startswith("there are no answers of the original")
    pickled = replace(
        model.inspection, format="torch_pickle", settings=replace(model.inspection.settings, engine="torch_pickle")
    )
    assert slimmed(replace(model, inspection=pickled)).reason == "models of the format torch_pickle are not converted"


@pytest.mark.slow
def test_the_models_of_one_image_are_all_converted_or_none(tmp_path: Path, workspace: Workspace) -> None:
    module = EXAMPLES / "formats/species-module"
    for model in (SPECIES, module):
        shutil.copytree(model, tmp_path / "models" / model.name)
    digest = f"sha256:{hashlib.sha256((module / 'species.pt').read_bytes()).hexdigest()}"
    folder = tmp_path / "models"
    with run_of_folder(folder, workspace.root, slim=True, rehearsal_timeout=800, allow_unsafe=(digest,)) as (run, _):
        rendered, told = export_models(run, read_folder(run, loading="here"))
    assert {model.inspection.runtime for model in rendered} == {"torch"}
    assert all(model.recorded for model in rendered)
    assert told == {
        module.name: "refused: models of the format torch_pickle are not converted",
        SPECIES.name: "refused: another model of the same image cannot be converted",
    }

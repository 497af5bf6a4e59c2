"""The committed sample models are what the script makes, and what the sandbox needs of them is there."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from numpy.typing import NDArray
from onnx import numpy_helper

from migrate.sandbox.world.samples import lay_object, read_index, samples_folder
from tests.server.format_models import close

ROOT = Path(__file__).parents[2]
LOADABLE = ("digits", "housing", "iris", "titanic")
# Where a solver stops depends on the processor; another model's numbers differ by much more.
FITTED, ANSWERED = 2e-2, 2e-3
KINDS = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the script makes here. Training ends in other last digits on another kind of processor."""
    folder = tmp_path_factory.mktemp("made")
    script = ROOT / "scripts" / "make_sample_models.py"
    subprocess.run([sys.executable, script, "--out", folder], check=True, capture_output=True)
    return folder


@pytest.mark.programs
def test_the_script_makes_the_committed_files(made: Path) -> None:
    files = [path.relative_to(made) for path in made.rglob("*") if path.is_file()]
    assert sorted(path.name for path in files if path.suffix == ".onnx") == [
        "churn.onnx",
        "digits.onnx",
        "housing.onnx",
        "iris.onnx",
        "pipeline_titanic.onnx",
    ]
    assert len([path for path in files if path.parts[0] == "samples"]) == 11
    assert all((ROOT / "examples" / path).is_file() for path in files)
    table = Path("models/exports/passengers.csv")
    assert (made / table).read_bytes() == (ROOT / "examples" / table).read_bytes()


@pytest.mark.programs
@pytest.mark.parametrize("model_id", LOADABLE)
def test_the_script_makes_the_committed_models(made: Path, model_id: str) -> None:
    (path,) = (made / "models" / model_id).glob("*.onnx")
    committed = onnx.load(samples_folder() / model_id / path.name)
    assert_alike(onnx.load(path), committed)


@pytest.mark.programs
@pytest.mark.parametrize("model_id", LOADABLE)
def test_the_script_makes_the_committed_requests_and_answers(made: Path, model_id: str) -> None:
    for path in sorted((made / "samples" / model_id).glob("*.json")):
        new, committed = (json.loads(file.read_bytes()) for file in (path, ROOT / "examples" / path.relative_to(made)))
        assert new["request"] == committed["request"]
        assert close(committed["answer"], new["answer"], ANSWERED), path.name


@pytest.mark.parametrize("model_id", LOADABLE)
def test_the_committed_models_give_the_committed_answers(model_id: str) -> None:
    (path,) = (samples_folder() / model_id).glob("*.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for file in sorted((ROOT / "examples" / "samples" / model_id).glob("*.json")):
        sample = json.loads(file.read_bytes())
        feeds = {
            node.name: np.array(sample["request"][node.name], KINDS[node.type]).reshape(
                [size if isinstance(size, int) and size else -1 for size in node.shape]
            )
            for node in session.get_inputs()
        }
        outputs = zip([node.name for node in session.get_outputs()], session.run(None, feeds), strict=True)
        for name, value in outputs:
            found = [[row[key] for key in sorted(row)] for row in value] if isinstance(value, list) else value
            assert_near(np.array(found).squeeze(), np.array(sample["answer"][name]).squeeze(), 1e-5)


def assert_alike(one: Message, other: Message) -> None:
    """Two messages of protobuf have the same fields, and fitted numbers of one training."""
    if isinstance(one, onnx.TensorProto) and isinstance(other, onnx.TensorProto):
        assert (one.name, one.data_type, one.dims) == (other.name, other.data_type, other.dims)
        assert_near(numpy_helper.to_array(one), numpy_helper.to_array(other), FITTED)
        return
    fields = [(field, value) for field, value in one.ListFields()]
    assert [field.name for field, _ in fields] == [field.name for field, _ in other.ListFields()]
    for field, value in fields:
        values, wanted = (
            list(found) if field.is_repeated else [found] for found in (value, getattr(other, field.name))
        )
        assert len(values) == len(wanted), field.name
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for left, right in zip(values, wanted, strict=True):
                assert_alike(left, right)
        elif field.type == FieldDescriptor.TYPE_FLOAT:
            assert_near(np.array(values), np.array(wanted), FITTED)
        else:
            assert values == wanted, field.name


def assert_near(one: NDArray[Any], other: NDArray[Any], relative: float) -> None:
    if one.dtype.kind == "f":
        np.testing.assert_allclose(one, other, rtol=relative, atol=relative)
    else:
        assert one.tolist() == other.tolist()


@pytest.mark.parametrize("model_id", LOADABLE)
def test_models_look_like_exports_of_2021(model_id: str) -> None:
    (path,) = (samples_folder() / model_id).glob("*.onnx")
    model = onnx.load(path)
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    assert model.ir_version == 7
    assert opsets[""] <= 13
    assert opsets.get("ai.onnx.ml", 1) == 1
    assert path.stat().st_size < 20_000


def test_the_image_model_takes_gray_images_of_channels_last() -> None:
    (image,) = onnx.load(samples_folder() / "digits" / "digits.onnx").graph.input
    assert [dim.dim_value for dim in image.type.tensor_type.shape.dim] == [0, 8, 8, 1]


def test_the_broken_model_is_a_model_cut_short() -> None:
    broken = samples_folder() / "broken" / "churn.onnx"
    assert (samples_folder() / "iris" / "iris.onnx").read_bytes().startswith(broken.read_bytes())
    with pytest.raises(Exception, match="INVALID_PROTOBUF"):
        onnxruntime.InferenceSession(broken)


def test_the_index_names_files_that_exist_and_paths_that_hold_objects() -> None:
    index = read_index()
    names = {item.name for item in index.objects}
    for item in index.objects:
        assert item.file is None or (samples_folder() / item.file).is_file()
    for model in index.models:
        parameters = model["workflowTemplateParameters"]
        assert isinstance(parameters, dict)
        path = parameters["storagePath"]
        assert path in names or any(name.startswith(f"{path}/") for name in names)
    assert {str(model["id"]) for model in index.models} == {*LOADABLE, "broken"}
    assert {model["flavor"] for model in index.models} <= {None, *(flavor["id"] for flavor in index.flavors)}


def test_objects_are_laid_with_their_content_and_large_ones_take_no_space(tmp_path: Path) -> None:
    for item in read_index().objects:
        target = tmp_path / "object"
        lay_object(item, target)
        if item.file is None:
            assert target.stat().st_size == item.size
            assert target.stat().st_blocks * 512 < 1_000_000
        else:
            assert target.read_bytes() == (samples_folder() / item.file).read_bytes()


def test_samples_are_requests_with_answers() -> None:
    files = sorted((ROOT / "examples" / "samples").glob("*/*.json"))
    assert {path.parent.name for path in files} == set(LOADABLE)
    for path in files:
        sample = json.loads(path.read_text(encoding="utf-8"))
        assert set(sample) == {"request", "answer"}
        assert sample["answer"]

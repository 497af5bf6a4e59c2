"""The committed sample models are what the script makes, and what the sandbox needs of them is there."""

import json
import subprocess
import sys
from pathlib import Path

import onnx
import onnxruntime
import pytest

from migrate.sandbox.world.samples import lay_object, read_index, samples_folder

ROOT = Path(__file__).parents[2]
LOADABLE = ("digits", "housing", "iris", "titanic")


def test_the_script_makes_the_committed_bytes(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, ROOT / "scripts" / "make_sample_models.py", "--out", tmp_path], check=True, capture_output=True
    )
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert len([path for path in made if path.suffix == ".onnx"]) == 5
    assert len([path for path in made if path.parts[0] == "samples"]) == 11
    assert made == {path: (ROOT / "examples" / path).read_bytes() for path in made}


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

"""Modules and scripts of PyTorch 1.4 to 1.12: they are answered as by the version that wrote them."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.core.model_json import content_of
from migrate.formats import inspect
from tests.formats.models import artifact
from tests.parity.oracle import reference
from tests.server.format_models import close, field, ok, python_of, serving
from tests.server.process import Server

pytestmark = pytest.mark.runtimes

MODULES = (
    *("conv", "recurrent", "indices", "digits", "transposed", "words", "encoder", "double", "checkpoint"),
    *("upsample-1.6", "upsample-1.4", "circular"),
)
SCRIPTS = {
    "divided": 4,
    "stft": 16,
    "stft-unsaid": 16,
    "stft-true": 16,
    "rfft": 16,
    "irfft": 16,
    "solved": 2,
    "eigenvalues": 2,
}


def settings_of(name: str, folder: Path) -> dict[str, Any]:
    found = artifact(folder)
    if name in SCRIPTS:
        shapes = {"stft": (-1, 5, 3, 2), "rfft": (-1, 9, 2), "eigenvalues": (-1,)}
        shape = shapes.get(name.partition("-")[0], (-1, SCRIPTS[name]))
        return {
            "engine": "torchscript",
            "entry": "model.ts",
            "manifest": True,
            "rolling_windows_size": 0,
            "inputs": [field("x", "float", -1, SCRIPTS[name])],
            "outputs": [field("output_0", "float", *shape)],
        }
    inspection = inspect(found, framework=None, allow_unsafe=[file.digest for file in found.files])
    assert inspection.verdict == "ready", inspection
    assert inspection.settings is not None
    return content_of(inspection.settings)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("old")
    script = Path(__file__).with_name("make_old_torch.py")
    subprocess.run([python_of("torch"), "-W", "ignore", str(script), str(root / "made")], check=True)
    for name in (*MODULES, *SCRIPTS):
        folder = root / "models" / name
        folder.mkdir(parents=True)
        files = root / "made" / name
        (root / f"{name}.json").write_text((files / "expected.json").read_text())
        (files / "expected.json").unlink()
        shutil.copytree(files, folder / "files")
        (folder / "model.json").write_text(json.dumps({"schema": 1, **settings_of(name, files), "id": name}))
    return root


@pytest.fixture(scope="module")
def server(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(made / "models", "torch", tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.mark.parametrize("name", [*MODULES, *SCRIPTS])
def test_the_answer_is_that_of_then(name: str, made: Path, server: Server) -> None:
    expected = json.loads((made / f"{name}.json").read_text())
    found = ok(server.eval(expected["request"], f"/{name}/eval", Keep_Dimensions="1"))
    assert close(expected["answer"], found, 2e-5), (found, expected["answer"])


@pytest.mark.parametrize(
    "name",
    [
        "encoder",
        "rfft",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("upsample-1.6", "circular", "divided", "stft-unsaid", "stft-true")
        ),
    ],
)
def test_the_reference_says_the_same(name: str, made: Path, tmp_path: Path) -> None:
    expected = json.loads((made / f"{name}.json").read_text())
    settings = json.loads((made / "models" / name / "model.json").read_text())
    with reference(made / "made" / name, tmp_path, python=python_of("torch")) as ask:
        assert "known" in ask({"model": settings})
        found = ask({"request": expected["request"]})
    assert close(expected["answer"], found["outputs"], 2e-5), found


def test_sizes_that_move_with_the_input_are_free(server: Server) -> None:
    shapes = {
        name: [one.get("shape") for one in server.call("GET", f"/{name}/describe").json()["outputs"]]
        for name in MODULES
    }
    assert shapes["conv"] == [[-1, 3, -1, -1]]
    assert shapes["recurrent"] == [[-1, -1, 6], [1, -1, 6], [1, -1, 6]]
    assert shapes["indices"] == [[-1, 3, -1, -1], [-1, 3, -1, -1]]
    assert shapes["digits"] == [[-1, 3]]


def test_samples_have_a_size_that_the_module_takes(made: Path, tmp_path: Path) -> None:
    settings = json.loads((made / "models/digits/model.json").read_text())
    with reference(made / "made/digits", tmp_path, python=python_of("torch")) as ask:
        known = ask({"model": settings})["known"]
    assert known["inputs"][0]["shape"] == [-1, 1, 28, 28]


def test_the_model_in_a_checkpoint_is_named_in_the_plan(made: Path) -> None:
    found = artifact(made / "made/checkpoint")
    inspection = inspect(found, framework=None, allow_unsafe=[file.digest for file in found.files])
    assert any('the model in it is "model"' in note for note in inspection.notes)

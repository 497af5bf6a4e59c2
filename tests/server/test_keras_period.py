"""Keras files of 2017 to 2020, served and asked of their reference: as TensorFlow 1.15 answered for them."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from migrate.core.model_json import content_of
from migrate.formats import inspect
from migrate.images.runtime import server_code
from tests.formats.models import artifact
from tests.parity.oracle import answers
from tests.server.format_models import ok, python_of, serving, write
from tests.server.process import Server

pytestmark = pytest.mark.runtimes

NAMES = (
    *(f"theano-{kind}" for kind in ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "ConvLSTM2D", "SeparableConv2D")),
    "theano-nested",
    "plain-Conv1D",
    "stateful",
    "double",
    "permuted",
)
# The second half of each question is asked by make test-all alone: its programs load the library once a file.
SOME = [name if name == "theano-Conv2D" else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of one HDF5 file each, as they were uploaded, and beside them the answers."""
    folder = tmp_path_factory.mktemp("keras")
    subprocess.run([python_of("keras"), str(Path(__file__).with_name("keras_period.py")), str(folder)], check=True)
    for name in NAMES:
        (folder / name).mkdir()
        (folder / f"{name}.h5").rename(folder / name / "model.h5")
    return folder


def settings_of(files: Path, name: str) -> dict[str, Any]:
    found = inspect(artifact(files / name), framework="keras")
    assert found.verdict == "ready", found
    return content_of(found.settings)


@pytest.fixture(scope="module")
def server(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("served")
    for name in NAMES:
        folder = write(root / "models" / name, settings_of(files, name))
        (folder / "files" / "model.h5").write_bytes((files / name / "model.h5").read_bytes())
    with serving(root / "models", "keras", root) as running:
        yield running


def recorded(files: Path, name: str) -> tuple[dict[str, Any], Any]:
    content = json.loads((files / f"{name}.json").read_text())
    return {"inputs": content["sent"]}, np.array(content["given"])


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_those_of_the_library(server: Server, files: Path, name: str) -> None:
    request, given = recorded(files, name)
    # stateful layers must answer the second time what they answered the first
    for _ in range(2):
        answer = ok(server.eval(request, f"/{name}/eval", Keep_Dimensions="1"))
        assert np.allclose(answer["prediction"], given, rtol=1e-12 if name == "double" else 1e-5, atol=1e-6)


@pytest.mark.parametrize("name", SOME)
def test_the_reference_agrees(files: Path, name: str) -> None:
    request, given = recorded(files, name)
    found = answers(files / name, settings_of(files, name), [request, request], python=python_of("keras"))
    for line in found:
        assert np.allclose(line["outputs"]["prediction"], given, rtol=1e-12 if name == "double" else 1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "word", "shape"),
    [("double", "double", [-1, 2]), ("stateful", "float", [2, 2]), ("permuted", "float", [-1, 3, 4])],
)
def test_the_description_says_what_the_model_gives(server: Server, name: str, word: str, shape: list[int]) -> None:
    output = ok(server.call("GET", f"/{name}/describe"))["outputs"][0]
    assert (output["type"], output["shape"]) == (word, shape)


# One model is being made while another thread begins with the next: the server does that with what takes long.
_AT_ONCE = """
import sys, threading
from pathlib import Path
from migrate.server.engines.keras_file import loaded
import tf_keras
found = []
def other():
    with loaded(Path(sys.argv[2])) as model:
        found.append(model.dtype)
thread = threading.Thread(target=other)
with loaded(Path(sys.argv[1])) as model:
    thread.start()
    thread.join(2)
    precision, meanwhile = tf_keras.backend.floatx(), list(found)
thread.join()
print(model.dtype, precision, meanwhile, found, tf_keras.backend.floatx())
"""


@pytest.mark.slow
def test_models_that_are_loaded_at_once_keep_their_precisions(files: Path, tmp_path: Path) -> None:
    server_code.copy_server(tmp_path / "server")
    paths = [str(files / name / "model.h5") for name in ("double", "plain-Conv1D")]
    command = [python_of("keras"), "-c", _AT_ONCE, *paths]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "server")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[-2] == "float64 float64 [] ['float32'] float32"

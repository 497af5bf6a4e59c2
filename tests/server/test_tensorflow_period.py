"""SavedModels of TensorFlow 1, served: loops, signatures without shapes, prints, and why a graph refuses."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.core.model_json import content_of
from migrate.formats import inspect
from tests.formats.models import artifact
from tests.parity.oracle import answers
from tests.server.format_models import ok, python_of, serving, write
from tests.server.process import Server

pytestmark = pytest.mark.runtimes

NAMES = ("loop", "no-shape", "refuses", "bytes")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tensorflow")
    script = Path(__file__).with_name("tensorflow_period.py")
    subprocess.run([python_of("tensorflow"), str(script), str(folder)], check=True)
    return folder


@pytest.fixture(scope="module")
def server(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("served")
    for name in NAMES:
        found = inspect(artifact(files / name), framework="tensorflow")
        assert found.verdict == "ready", found
        folder = write(root / "models" / name, content_of(found.settings))
        shutil.copytree(files / name, folder / "files", dirs_exist_ok=True)
    with serving(root / "models", "tensorflow", root) as running:
        yield running


def test_a_loop_of_tensorflow_1(server: Server) -> None:
    assert ok(server.eval({"x": [[1, 2], [3, 4]]}, "/loop/eval"))["y"] == [[8.0, 16.0], [24.0, 32.0]]


def test_a_print_does_not_stand_in_the_way(files: Path) -> None:
    found = inspect(artifact(files / "prints"), framework="tensorflow")
    assert found.verdict == "ready"
    asked = answers(files / "prints", found.settings, [{"x": [[1, 2]]}], python=python_of("tensorflow"))
    assert asked == [{"outputs": {"y": [[2.0, 3.0]]}}]


def test_one_value_for_a_signature_without_shapes(server: Server, files: Path) -> None:
    assert ok(server.call("GET", "/no-shape/describe"))["inputs"][0]["shape"] == []
    assert ok(server.eval({"x": 1}, "/no-shape/eval", Keep_Dimensions="1"))["y"] == 3.5
    assert server.eval({"x": [1, 2]}, "/no-shape/eval").status == 400
    settings = inspect(artifact(files / "no-shape"), framework="tensorflow").settings
    assert answers(files / "no-shape", settings, [{"x": 1}], python=python_of("tensorflow")) == [
        {"outputs": {"y": 3.5}}
    ]


def test_a_graph_takes_any_bytes_for_a_string(server: Server) -> None:
    """As graphs do that decode pictures themselves, which TensorFlow Serving's clients send so."""
    png = {"b64": "iVBORw0KGgo="}
    assert ok(server.eval({"x": [png]}, "/bytes/eval", Keep_Dimensions="1"))["y"] == [8]
    assert ok(server.eval({"instances": [png, {"b64": "/w=="}]}, "/bytes/eval"))["predictions"] == [8, 1]


def test_the_cause_is_told(server: Server) -> None:
    refused = server.eval(b'{"x": [[1, "NaN"]]}', "/refuses/eval")
    if refused.status == 400:
        refused = server.eval(b'{"x": [[1, 1e300]]}', "/refuses/eval")
    assert refused.status == 500
    assert refused.json()["detail"].startswith("the third measurement is missing")

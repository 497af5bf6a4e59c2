"""One server process with every model of these tests in it; tests that need settings of their own start another."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from onnx import TensorProto

from tests.server import models
from tests.server.process import Server, running


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Several models in one process, under their ids."""
    root = tmp_path_factory.mktemp("models")
    models.linear(root / "linear")
    models.table(root / "table")
    models.windows(root / "windows")
    models.every_type(root / "types")
    models.identity(root / "flat", TensorProto.FLOAT, [-1])
    models.identity(root / "double", TensorProto.DOUBLE, [-1])
    models.identity(root / "texts", TensorProto.STRING, [-1, -1])
    models.identity(root / "cube", TensorProto.INT32, [-1, -1, -1])
    models.identity(root / "gray", TensorProto.FLOAT, [-1, -1, -1, 1], more={"image_transformer": models.GRAY})
    models.identity(root / "rgb", TensorProto.FLOAT, [-1, -1, -1, 3], more={"image_transformer": models.RGB})
    models.identity(root / "small", TensorProto.FLOAT, [-1, 2, 2, 3], more={"image_transformer": models.RGB})
    models.linear(root / "odd-name", model_id="../a b/ü?")
    with running(root, tmp_path_factory.mktemp("log") / "log") as server:
        yield server


@pytest.fixture(scope="session")
def single(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One model, so that its routes are at the root too."""
    root = tmp_path_factory.mktemp("models")
    models.linear(root / "linear")
    with running(root, tmp_path_factory.mktemp("log") / "log", access_log="all") as server:
        yield server


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A file for a server's log."""
    return tmp_path / "log"

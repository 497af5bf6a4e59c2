"""A real engine, and models of this project's own, for the tests of this room."""

import hashlib
import os
import platform
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import docker.errors
import pytest

from migrate import formats
from migrate.core.values import Artifact, ArtifactFile, Image, ModelRecord, RuntimeImage
from migrate.images.engine.build import build_image
from migrate.images.engine.connection import Engine, connect
from migrate.images.engine.containers import LABEL, PROCESS_LABEL
from migrate.images.engine.tarstream import content, folder
from migrate.images.model.context import ModelToRender
from migrate.images.runtime.image import ensure_runtime

EXAMPLES = Path(__file__).resolve().parents[2] / "examples/models"
IRIS = EXAMPLES / "iris/iris.onnx"
HOUSING = EXAMPLES / "housing/housing.onnx"


def artifact_of(*paths: Path) -> Artifact:
    files = tuple(
        ArtifactFile(
            path=path.name,
            size=path.stat().st_size,
            digest=f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}",
        )
        for path in paths
    )
    digest = hashlib.sha256("".join(file.path + file.digest for file in files).encode()).hexdigest()
    size = sum(file.size for file in files)
    return Artifact(folder=str(paths[0].parent), files=files, size=size, digest=f"sha256:{digest}")


def model_of(path: Path, identity: str = "iris", recorded: bytes | None = None, *beside: Path) -> ModelToRender:
    artifact = artifact_of(path, *beside)
    inspection = formats.inspect(artifact, framework=None)
    record = ModelRecord(id=identity, source="tests")
    return ModelToRender(record=record, artifact=artifact, inspection=inspection, recorded=recorded)


def silent(*_: object) -> None:
    """A progress that nobody watches."""


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    found = connect(os.environ)
    yield found
    found.close()


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="session")
def runtime(engine: Engine, store: Path) -> RuntimeImage:
    return ensure_runtime(engine, "onnx", base=None, store=store, progress_text=silent)


@pytest.fixture
def new_tag(engine: Engine) -> Iterator[Callable[[], str]]:
    """Local names that are this test's own, removed with what they name."""
    made: list[str] = []

    def give() -> str:
        made.append(f"migrate-test-{uuid.uuid4().hex[:12]}:1")
        return made[-1]

    yield give
    for name in made:
        try:
            engine.client.api.remove_image(name, force=True)
        except docker.errors.ImageNotFound:
            continue


@pytest.fixture
def server_of(engine: Engine, runtime: RuntimeImage, new_tag: Callable[[], str]) -> Callable[..., Image]:
    """An image whose server is this script, with more modules on its path."""

    def give(script: str, **more: str) -> Image:
        entries = [
            content("Dockerfile", b"ARG RUNTIME\nFROM ${RUNTIME}\nCOPY layer/ /\nENV PYTHONPATH=/probe\n"),
            folder("layer"),
            content("layer/probe/migrate/server/__main__.py", script.encode()),
            folder("layer/models"),
            *(content(f"layer/probe/{name}.py", text.encode()) for name, text in more.items()),
        ]
        arguments = {"RUNTIME": runtime.reference}
        return build_image(engine, entries, tag=new_tag(), progress=silent, arguments=arguments, cache=True)

    return give


def containers_of(engine: Engine, purpose: str) -> list[str]:
    """The containers that this process made and that are there now, running or not."""
    labels = [f"{LABEL}={purpose}", f"{PROCESS_LABEL}={platform.node()}:{os.getpid()}"]
    found = engine.client.api.containers(all=True, filters={"label": labels})
    return [str(container["Id"]) for container in found]

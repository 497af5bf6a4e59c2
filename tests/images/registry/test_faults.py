"""An image arrives whole, whatever goes wrong once at whichever request to a real registry."""

import itertools
from collections.abc import Iterator

import pytest

from migrate.core.errors import LocalError
from migrate.core.secret import Secret
from migrate.images.registry import client as client_module
from migrate.images.registry import upload as upload_module
from migrate.images.registry.blobs import push_blobs
from migrate.images.registry.client import RegistryClient, digest_of
from migrate.images.registry.credentials import RegistryCredentials
from migrate.images.registry.image import put_manifest
from migrate.machine.patience import Patience, Retry
from migrate.sandbox.base.faults import (
    CutUpload,
    Drop,
    ExpiredCredential,
    Fault,
    FaultBook,
    ServerError,
    Slow,
    TooMany,
)
from migrate.sandbox.running.registry import Registry
from migrate.sandbox.running.registry_engines import program_installed
from tests.images.registry.real import OCI_MANIFEST, blob_of, content, image_of, read_back
from tests.sandbox.running.registry_helpers import PASSWORD, USER, running_registry

# A registry from an image needs an engine, and the program does not.
pytestmark = [] if program_installed() else [pytest.mark.engine]

CHUNK = 512 << 10
LOGIN = RegistryCredentials(username=USER, password=Secret(PASSWORD))
NUMBER = itertools.count(100)


@pytest.fixture(scope="module")
def faults() -> FaultBook:
    return FaultBook()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, faults: FaultBook) -> Iterator[Registry]:
    with running_registry(tmp_path_factory.mktemp("registry"), faults=faults) as running:
        yield running


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, faults: FaultBook) -> Iterator[None]:
    monkeypatch.setattr(client_module, "REGISTRY_BUSY", Patience(seconds=60, first=0.02, longest=0.1))
    monkeypatch.setattr(client_module, "REGISTRY_QUESTION", Patience(seconds=60, first=0.02, longest=0.1))
    monkeypatch.setattr(upload_module, "REGISTRY_UPLOAD", Retry(attempts=6, first_wait=0.02, longest_wait=0.1))
    yield
    faults.forget()


def send(registry: Registry, chunks: float = 3.2) -> list[int]:
    """An image of one layer in some chunks, as ``push_image`` sends it but for the size of a chunk."""
    data = content(int(chunks * CHUNK), seed=next(NUMBER))
    client = RegistryClient(registry.address, "team/model", LOGIN, pushing=True)
    manifest, blobs = image_of(blob_of(data))
    moved: list[int] = []
    client.digest("1")  # it is logged in
    push_blobs(client, blobs, progress=lambda done, _: moved.append(done), chunk=CHUNK)
    put_manifest(client, manifest, OCI_MANIFEST, "1")
    assert client.digest("1") == digest_of(manifest)
    assert read_back(client, blob_of(data).descriptor.digest) == data
    assert moved == sorted(moved)
    assert moved[-1] == sum(blob.descriptor.size for blob in blobs)
    return moved


STEPS = {
    "looking": {"method": "HEAD"},
    "beginning": {"method": "POST"},
    "a chunk": {"method": "PATCH", "nth": 3},
    "the last request": {"method": "PUT", "path_regex": "/blobs/"},
    "the manifest": {"method": "PUT", "path_regex": "/manifests/"},
}
FAULTS: dict[str, type[Fault]] = {
    "429": TooMany, "503": ServerError, "500, done": ServerError, "cut before": Drop, "cut after": Drop,
    "cut inside": CutUpload, "expired": ExpiredCredential,
}  # fmt: skip
MORE: dict[str, dict[str, object]] = {
    "429": {"times": 2},
    "503": {"times": 2},
    "500, done": {"status": 500, "done": True},
    "cut before": {"point": "before"},
    "cut after": {"point": "after"},
    "cut inside": {"after_bytes": 300_000},
}
QUICK = {("429", "a chunk"), ("503", "beginning"), ("cut after", "the last request"), ("expired", "a chunk")}


@pytest.mark.parametrize(
    ("name", "step"),
    [
        pytest.param(name, step, marks=[] if (name, step) in QUICK else pytest.mark.slow)
        for name in FAULTS
        for step in STEPS
        if name != "cut inside" or step == "a chunk"
    ],
)
def test_it_arrives_all_the_same(registry: Registry, faults: FaultBook, name: str, step: str) -> None:
    faults.add(FAULTS[name](**{"service": "registry", "times": 1, **STEPS[step], **MORE.get(name, {})}))  # type: ignore[arg-type]
    send(registry)
    assert faults.fired()


def test_one_that_stays_busy_is_told_as_that(
    registry: Registry, faults: FaultBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "REGISTRY_BUSY", Patience(seconds=0.1, first=0.05))
    faults.add(TooMany(service="registry", method="POST"))
    with pytest.raises(LocalError) as error:
        send(registry)
    assert error.value.code == "registry-failed"
    assert "too many requests" in error.value.what


@pytest.mark.slow
def test_a_slow_one(registry: Registry, faults: FaultBook) -> None:
    faults.add(Slow(service="registry", method="PATCH", bytes_per_second=1 << 20, seconds=1))
    send(registry)

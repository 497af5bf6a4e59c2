"""Blobs that are made while they are sent: their digests are known at the end, and a cut costs a chunk."""

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.core.errors import Interrupted, LocalError
from migrate.core.values import Descriptor
from migrate.images.registry.blobs import push_blobs
from migrate.images.registry.client import RegistryClient
from migrate.images.registry.source import UnmadeBlob
from tests.images.registry.real import LAYER, Real, blob_of, content, docker_registry
from tests.images.registry.wire import wire
from tests.waiting import wait_until

CHUNK = 1 << 20


class Made:
    """What is made, counted; ``fails`` after so many bytes."""

    def __init__(self, data: bytes, fails: int | None = None) -> None:
        self.data = data
        self.fails = fails
        self.begun = 0
        self.at = 0

    def __call__(self) -> "Made":
        self.begun += 1
        self.at = 0
        return self

    def read(self, size: int, /) -> bytes:
        if self.fails is not None and self.at >= self.fails:
            raise LocalError("The file changed.", code="file-changed", next_step="Again.")
        piece = self.data[self.at : self.at + min(size, 300_000)]
        self.at += len(piece)
        return piece

    def close(self) -> None:
        pass

    @property
    def descriptor(self) -> Descriptor:
        assert self.at == len(self.data)
        digest = f"sha256:{hashlib.sha256(self.data).hexdigest()}"
        return Descriptor(media_type=LAYER, digest=digest, size=len(self.data))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


def push(address: str, made: Made, stop: threading.Event | None = None) -> list[tuple[int, int | None]]:
    moved: list[tuple[int, int | None]] = []
    client = RegistryClient(address, "team/model", None, pushing=True, stop=stop)
    blob = UnmadeBlob(open=made, about=len(made.data) - 1000)
    push_blobs(client, [blob], progress=lambda *now: moved.append(now), chunk=CHUNK)
    return moved


@pytest.mark.parametrize("size", [0, 5, CHUNK, 3 * CHUNK, 3 * CHUNK + 7])
def test_its_digest_is_known_at_its_end(registry: Real, size: int) -> None:
    made = Made(content(size, seed=size))
    moved = push(registry.address, made)
    assert made.begun == 1
    assert registry.blob(made.descriptor.digest) == made.data
    assert moved[-1] == (size, size)
    assert [done for done, _ in moved] == sorted(done for done, _ in moved)


def test_two_cuts_cost_two_chunks_and_it_is_made_once(registry: Real) -> None:
    made = Made(content(5 * CHUNK + 7, seed=11))
    with wire(registry.address, cuts=[int(1.5 * CHUNK), int(4.2 * CHUNK)]) as line:
        push(line.address, made)
        assert line.made == 2
        assert line.sent < len(made.data) + 2 * CHUNK + 40_000
    assert made.begun == 1
    assert registry.blob(made.descriptor.digest) == made.data


def test_an_upload_that_the_registry_forgot_is_made_anew(registry: Real, tmp_path: Path) -> None:
    made = Made(content(3 * CHUNK, seed=12))
    uploads = registry.folder / "data/docker/registry/v2/repositories/team/model/_uploads"

    def forget(size: int, /) -> bytes:
        if made.begun == 1 and made.at > 2 * CHUNK:
            for path in uploads.glob("*"):
                path.rename(tmp_path / path.name)
        return Made.read(made, size)

    made.read = forget  # type: ignore[method-assign]
    push(registry.address, made)
    assert made.begun == 2
    assert registry.blob(made.descriptor.digest) == made.data


def test_one_chunk_that_the_registry_forgot_before_its_end_is_made_anew(registry: Real, tmp_path: Path) -> None:
    made = Made(content(CHUNK, seed=17))
    uploads = registry.folder / "data/docker/registry/v2/repositories/team/model/_uploads"
    before = len(registry.answered("PATCH", "/blobs/uploads/"))

    def forget(size: int, /) -> bytes:
        piece = Made.read(made, size)
        if not piece and made.begun == 1:
            wait_until(lambda: len(registry.answered("PATCH", "/blobs/uploads/")) > before, "no chunk came")
            for path in uploads.glob("*"):
                path.rename(tmp_path / path.name)
        return piece

    made.read = forget  # type: ignore[method-assign]
    push(registry.address, made)
    assert made.begun == 2
    assert registry.blob(made.descriptor.digest) == made.data


def test_one_that_cannot_be_made_ends_the_upload(registry: Real) -> None:
    with pytest.raises(LocalError) as caught:
        push(registry.address, Made(content(3 * CHUNK, seed=13), fails=2 * CHUNK))
    assert caught.value.code == "file-changed"
    # A registry that still writes the chunk that was cut answers 500, and forgets the upload later.
    assert registry.answered("DELETE", "/blobs/uploads/")[0] in {204, 500}


def test_a_stop_ends_it(registry: Real) -> None:
    stop = threading.Event()
    made = Made(content(3 * CHUNK, seed=14))

    def stopping(size: int, /) -> bytes:
        if made.at > CHUNK:
            stop.set()
        return Made.read(made, size)

    made.read = stopping  # type: ignore[method-assign]
    with pytest.raises(Interrupted):
        push(registry.address, made, stop)
    assert made.begun == 1


def test_a_blob_of_the_store_goes_beside_it(registry: Real) -> None:
    made, kept = Made(content(2 * CHUNK, seed=15)), blob_of(content(CHUNK + 5, seed=16))
    client = RegistryClient(registry.address, "team/model", None, pushing=True)
    blob = UnmadeBlob(open=made, about=2 * CHUNK)
    push_blobs(client, [blob, kept, kept], progress=lambda *_: None, chunk=CHUNK)
    assert registry.blob(made.descriptor.digest) == made.data
    assert registry.blob(kept.descriptor.digest)

"""Blobs that are cut on their way to Debian's docker-registry arrive whole, and little of them is sent again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.images.registry.blobs import push_blobs
from migrate.images.registry.client import RegistryClient
from migrate.images.registry.remote import remote
from migrate.images.registry.source import Blob
from tests.images.registry.authority import HOST, PROXIES, Authority
from tests.images.registry.real import Real, blob_of, content, docker_registry
from tests.images.registry.wire import wire

CHUNK = 1 << 20


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


def push(address: str, data: bytes, **more: int) -> list[int]:
    moved: list[int] = []
    client = RegistryClient(address, "team/model", None, pushing=True)
    push_blobs(client, [blob_of(data)], progress=lambda done, _: moved.append(done), chunk=CHUNK, **more)
    return moved


@pytest.mark.parametrize("inside", [1, 0.5, 0.999])
def test_a_cut_in_a_chunk_sends_that_chunk_again(registry: Real, inside: float) -> None:
    data = content(5 * CHUNK + 7, seed=hash(inside))
    with wire(registry.address, cuts=[int((3 + inside) * CHUNK)]) as line:
        moved = push(line.address, data)
        assert line.made == 1
        assert line.sent < len(data) + CHUNK + 40_000
    assert moved == sorted(moved)
    assert moved[-1] == len(data)
    assert registry.blob(blob_of(data).descriptor.digest) == data


def test_a_cut_in_every_chunk(registry: Real) -> None:
    data = content(6 * CHUNK, seed=2)
    # After a cut in the middle of a chunk that chunk is sent once more, and the next one is cut in its middle.
    with wire(registry.address, cuts=[int(1.5 * CHUNK * number) for number in range(1, 6)]) as line:
        push(line.address, data)
        assert line.made == 5
        assert line.sent < len(data) + 5 * CHUNK + 40_000
    assert registry.blob(blob_of(data).descriptor.digest) == data


@pytest.mark.slow
def test_a_line_that_ends_every_large_request(registry: Real) -> None:
    data = content(6 * CHUNK, seed=3)
    with wire(registry.address, each=CHUNK + CHUNK // 2) as line:
        push(line.address, data)
        assert line.made
    assert registry.blob(blob_of(data).descriptor.digest) == data


@pytest.mark.slow
def test_every_connection_cut_at_once(registry: Real) -> None:
    """Then this registry has forgotten the upload, and it begins anew."""
    data = content(5 * CHUNK, seed=4)
    with wire(registry.address, cuts=[int(3.5 * CHUNK)], both=True) as line:
        moved = push(line.address, data)
        assert line.made == 1
        assert line.sent > len(data) + 3 * CHUNK
    assert moved == sorted(moved)
    assert registry.blob(blob_of(data).descriptor.digest) == data


def test_cuts_on_both_sides_of_a_layer_that_is_sent_on(registry: Real) -> None:
    data = content(6 * CHUNK + 7, seed=6)
    push(registry.address, data)
    descriptor = blob_of(data).descriptor
    back, cuts = [int(1.3 * CHUNK), int(4.1 * CHUNK)], [int(1.6 * CHUNK), int(4.4 * CHUNK)]
    with wire(registry.address, back=back) as coming, wire(registry.address, cuts=cuts) as going:
        source = remote(RegistryClient(coming.address, "team/model", None), descriptor)
        client = RegistryClient(going.address, "team/sent-on", None, pushing=True)
        push_blobs(client, [Blob(descriptor=descriptor, open=source)], progress=lambda _done, _all: None, chunk=CHUNK)
        assert (coming.made, going.made) == (2, 2)
        assert coming.received < len(data) + 2 * CHUNK + 40_000
        assert going.sent < len(data) + 2 * CHUNK + 40_000
        assert client.ask("HEAD", f"team/sent-on/blobs/{descriptor.digest}").status == 200


def test_a_cut_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path, "authority")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    data = content(4 * CHUNK, seed=5)
    with docker_registry(tmp_path / "registry", tls=authority.files()) as registry:
        with wire(registry.address, cuts=[int(2.5 * CHUNK)]) as line:
            push(line.address.replace("127.0.0.1", HOST), data)
            assert line.made == 1
            assert line.sent < len(data) + CHUNK + 80_000
        assert registry.blob(blob_of(data).descriptor.digest) == data

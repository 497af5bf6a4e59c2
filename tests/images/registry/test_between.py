"""Pushes through proxies that refuse large bodies, and to registries that send uploads to other hosts."""

import base64
import threading
import time
from collections.abc import Iterator

import pytest

from migrate.core.errors import Interrupted, LocalError
from migrate.core.secret import Secret
from migrate.images.registry import upload as upload_module
from migrate.images.registry.blobs import push_blobs
from migrate.images.registry.client import RegistryClient
from migrate.images.registry.credentials import RegistryCredentials
from migrate.images.registry.remote import remote
from migrate.images.registry.source import Blob
from tests.images.conftest import silent
from tests.images.registry.between import between
from tests.images.registry.real import PASSWORD, ROBOT, Real, basic_registry, blob_of, content, read_back
from tests.waiting import wait_until

LOGIN = RegistryCredentials(username=ROBOT, password=Secret(PASSWORD))
BASIC = f"Basic {base64.b64encode(f'{ROBOT}:{PASSWORD}'.encode()).decode()}"
CHUNK = 2 << 20


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    with basic_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


def client_of(address: str, stop: threading.Event | None = None) -> RegistryClient:
    return RegistryClient(address, "team/model", LOGIN, pushing=True, stop=stop)


def push(address: str, data: bytes, **more: int) -> None:
    push_blobs(client_of(address), [blob_of(data)], progress=silent, chunk=CHUNK, **more)


@pytest.mark.parametrize("rudely", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("size", [CHUNK, 2 * CHUNK + 5])
def test_chunks_become_smaller(registry: Real, size: int, rudely: bool) -> None:
    data = content(size, seed=200 + size + rudely)
    with between(registry.address, largest=600_000, rudely=rudely) as (address, rules):
        push(address, data)
        bodies = [int(headers.get("content-length", "0")) for method, _, headers in rules.asked if method == "PATCH"]
    assert max(bodies[-3:]) <= 600_000
    assert registry.blob(blob_of(data).descriptor.digest) == data


def test_a_proxy_that_takes_nothing_is_named(registry: Real) -> None:
    with between(registry.address, largest=1000) as (address, _), pytest.raises(LocalError) as error:
        push(address, content(CHUNK, seed=210))
    assert error.value.code == "registry-failed"
    assert "takes no layer of this size" in error.value.what


@pytest.mark.parametrize("way", ["location", "redirect"])
def test_uploads_on_another_host_get_no_login(registry: Real, way: str) -> None:
    data = content(CHUNK + 5, seed={"location": 220, "redirect": 221}[way])
    with between(registry.address, login=BASIC) as (other, far), between(registry.address) as (address, near):
        if way == "location":
            near.location = lambda said: said.replace(address, other)
        else:
            near.elsewhere = other
            far.location = lambda said: said.replace(other, address)
        push(address, data)
        # Besides, there is a spare request for the second chunk.
        sent = [one for one in far.asked if one[0] == "PUT" or int(one[2].get("content-length", "0"))]
        assert len(sent) == 3, "two chunks and the end"
        assert not any("authorization" in headers for _, _, headers in far.asked)
        assert all("authorization" in headers for _, _, headers in near.asked[2:])
    assert registry.blob(blob_of(data).descriptor.digest) == data


def test_an_address_may_be_a_part_of_one(registry: Real) -> None:
    data = content(CHUNK + 5, seed=230)
    with between(registry.address) as (address, near):
        near.location = lambda said: said.partition(address)[2]
        push(address, data)
    assert registry.blob(blob_of(data).descriptor.digest) == data


def test_nothing_is_sent_to_another_machine_over_http(registry: Real) -> None:
    with between(registry.address) as (address, near):
        near.location = lambda _: "http://storage.example.com/upload?signature=sesame"
        with pytest.raises(LocalError) as error:
            push(address, content(1000, seed=240))
    assert error.value.code == "registry-failed"
    assert "storage.example.com/upload, which is not https" in error.value.what
    assert "sesame" not in error.value.what


def test_a_registry_that_takes_no_small_chunks(registry: Real) -> None:
    data = content(2 * CHUNK + 5, seed=245)
    with between(registry.address, least=CHUNK) as (address, near):
        push_blobs(client_of(address), [blob_of(data)], progress=silent, chunk=CHUNK // 4)
        bodies = [int(headers["content-length"]) for _, _, headers in near.asked if "content-range" in headers]
    assert bodies == [CHUNK, CHUNK, 5]
    assert registry.blob(blob_of(data).descriptor.digest) == data


def test_a_registry_that_does_not_mount(registry: Real) -> None:
    data = content(1000, seed=250)
    push(registry.address, data)
    with between(registry.address, mounts=False) as (address, near):
        client = RegistryClient(address, "team/next", LOGIN, pushing=True)
        push_blobs(client, [blob_of(data, mount_from="team/model")], progress=silent)
        begun = [path for method, path, _ in near.asked if method == "POST"]
    assert all("mount=" in path for path in begun), "the upload goes on where mounting ended"
    assert read_back(client_of(registry.address), blob_of(data).descriptor.digest) == data


@pytest.mark.slow
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_registry_says_how_long_to_wait(registry: Real, method: str) -> None:
    data = content(CHUNK + 5, seed=255 + len(method))
    with between(registry.address, busy=method) as (address, _):
        before = time.monotonic()
        push(address, data)
        assert time.monotonic() - before >= 1
    assert registry.blob(blob_of(data).descriptor.digest) == data


def test_a_stop_in_the_middle_leaves_nothing(registry: Real) -> None:
    stop = threading.Event()

    def progress(done: int, total: int | None) -> None:
        if total is not None and done > total // 2:
            stop.set()

    with between(registry.address) as (address, near):
        with pytest.raises(Interrupted):
            push_blobs(client_of(address, stop), [blob_of(content(3 * CHUNK, 260))], progress=progress, chunk=CHUNK)
        # Its connection is another one than the last PATCH's, and may be written down a moment later.
        wait_until(lambda: any(method == "DELETE" for method, _, _ in near.asked), "the upload was not given up")


def test_a_stop_ends_the_waiting_for_an_answer(registry: Real) -> None:
    stop = threading.Event()
    with between(registry.address, silent="PATCH") as (address, near):
        threading.Thread(target=_set_once, args=(stop, lambda: any(each[0] == "PATCH" for each in near.asked))).start()
        before = time.monotonic()
        with pytest.raises(Interrupted):
            push_blobs(client_of(address, stop), [blob_of(content(CHUNK + 1, 270))], progress=silent, chunk=CHUNK)
        assert time.monotonic() - before < upload_module.REGISTRY_HINDSIGHT.seconds / 2


def _set_once(stop: threading.Event, seen: object) -> None:
    while not seen():  # type: ignore[operator]
        time.sleep(0.02)
    stop.set()


def test_a_layer_goes_from_one_registry_to_another(registry: Real) -> None:
    data = content(2 * CHUNK + 5, seed=280)
    push(registry.address, data)
    descriptor = blob_of(data).descriptor
    with between(registry.address) as (address, near):
        source = remote(client_of(address), descriptor)
        client = RegistryClient(registry.address, "team/other", LOGIN, pushing=True)
        push_blobs(client, [Blob(descriptor=descriptor, open=source)], progress=silent, chunk=CHUNK)
        assert [method for method, _, _ in near.asked] == ["GET", "GET"], "the login, and the layer once"
        assert source(5).read(10) == data[5:15]
        assert source(len(data)).read(10) == b""
    assert read_back(client, descriptor.digest) == data

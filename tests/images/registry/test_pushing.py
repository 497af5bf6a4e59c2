"""Images reach real registries that ask who is there, that have the layers elsewhere, or that refuse them."""

import contextlib
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.core.errors import LocalError
from migrate.core.secret import Secret
from migrate.images.registry import client as client_module
from migrate.images.registry import upload as upload_module
from migrate.images.registry.blobs import push_blobs
from migrate.images.registry.client import RegistryClient, digest_of
from migrate.images.registry.credentials import RegistryCredentials
from migrate.images.registry.image import push_image
from migrate.images.registry.source import Blob
from migrate.machine.patience import Patience, Retry
from tests.images.conftest import silent
from tests.images.registry.real import (
    OCI_MANIFEST,
    PASSWORD,
    ROBOT,
    Real,
    basic_registry,
    bearer_registry,
    blob_of,
    content,
    docker_registry,
    image_of,
)
from tests.images.registry.refusing import NOS, SLOW_NOS, RefusingRegistry, registry_that_refuses

LOGIN = RegistryCredentials(username=ROBOT, password=Secret(PASSWORD))
WRONG = RegistryCredentials(username=ROBOT, password=Secret("wrong-password"))
ASKING = {"basic": basic_registry, "bearer": bearer_registry}


@pytest.fixture(scope="module", params=[*ASKING])
def asking(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    with ASKING[request.param](tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a registry that stays busy."""
    for name in ("REGISTRY_BUSY", "REGISTRY_QUESTION"):
        monkeypatch.setattr(client_module, name, Patience(seconds=0.3, first=0.1))
    monkeypatch.setattr(upload_module, "REGISTRY_UPLOAD", Retry(attempts=3, first_wait=0.02, longest_wait=0.1))


def send(
    registry: Real | RefusingRegistry,
    data: bytes,
    *,
    login: RegistryCredentials | None = None,
    repository: str = "team/model",
    **more: Any,
) -> RegistryClient:
    client = RegistryClient(registry.address, repository, login, pushing=True)
    manifest, blobs = image_of(blob_of(data, **more))
    pushed = push_image(client, manifest=manifest, media_type=OCI_MANIFEST, blobs=blobs, tag="1", progress=silent)
    assert pushed.digest == digest_of(manifest)
    return client


def refusal(registry: Real | RefusingRegistry, data: bytes, **more: Any) -> LocalError:
    with pytest.raises(LocalError) as error:
        send(registry, data, **more)
    assert error.value.next_step
    assert PASSWORD not in error.value.what
    assert "wrong-password" not in error.value.what
    assert "_state" not in error.value.what
    return error.value


def test_a_robot_pushes(asking: Real) -> None:
    data = content(300_000, seed=5)
    send(asking, data, login=LOGIN)
    assert asking.blob(blob_of(data).descriptor.digest) == data


@pytest.mark.parametrize("login", [None, WRONG])
def test_a_login_that_is_none(asking: Real, login: RegistryCredentials | None) -> None:
    error = refusal(asking, content(1000, seed=6), login=login)
    assert error.code == "registry-login"
    assert "docker login" in error.next_step


def test_a_layer_of_another_repository_is_mounted(asking: Real) -> None:
    data = content(200_000, seed=7)
    send(asking, data, login=LOGIN, repository="team/base")
    before = len(asking.answered("PUT", "/v2/team/next/blobs/uploads/"))
    send(asking, data, login=LOGIN, repository="team/next", mount_from="team/base")
    assert asking.answered("POST", f"mount={blob_of(data).descriptor.digest.replace(':', '%3A')}") == [201]
    assert len(asking.answered("PUT", "/v2/team/next/blobs/uploads/")) == before + 1, "the configuration alone"


def test_a_layer_that_is_not_where_it_was_said_is_sent(asking: Real) -> None:
    data = content(200_000, seed=8)
    send(asking, data, login=LOGIN, repository="team/other", mount_from="team/none")
    assert asking.blob(blob_of(data).descriptor.digest) == data
    assert len(asking.answered("POST", "/v2/team/other/blobs/uploads/")) == 2, "the upload goes on where mounting ended"


def test_what_is_there_is_not_sent_again(asking: Real) -> None:
    data = content(200_000, seed=9)
    send(asking, data, login=LOGIN, repository="team/again")
    moved: list[tuple[int, int | None]] = []
    client = RegistryClient(asking.address, "team/again", LOGIN, pushing=True)
    blobs = [blob_of(data)] * 3
    push_blobs(client, blobs, progress=lambda *now: moved.append(now))
    assert moved == [(200_000, 200_000)]
    assert len(asking.answered("POST", "/v2/team/again/blobs/uploads/")) == 2


def test_two_at_once_push_the_same(asking: Real) -> None:
    data = content(5 << 20, seed=10)
    meeting = threading.Barrier(2, timeout=60)
    failures: list[BaseException] = []

    def opened(blob: Blob) -> Blob:
        def once(offset: int) -> Any:
            with contextlib.suppress(threading.BrokenBarrierError):
                meeting.wait()
            return blob.open(offset)

        return Blob(descriptor=blob.descriptor, open=once)

    def task() -> None:
        try:
            client = RegistryClient(asking.address, "team/both", LOGIN, pushing=True)
            push_blobs(client, [opened(blob_of(data))], progress=silent, chunk=1 << 20)
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    threads = [threading.Thread(target=task) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert asking.blob(blob_of(data).descriptor.digest) == data


def test_a_registry_that_is_being_maintained(tmp_path: Path) -> None:
    with docker_registry(tmp_path, storage={"maintenance": {"readonly": {"enabled": True}}}) as registry:
        error = refusal(registry, content(1000))
    assert error.code == "registry-failed"
    assert "read-only" in error.what


@pytest.fixture
def may_mount() -> None:
    tried = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "true"], check=False, capture_output=True
    )
    if tried.returncode:
        pytest.skip("this kernel or container forbids user namespaces")


def on_a_small_disk(folder: Path) -> tuple[str, ...]:
    """Runs a program with 4 MB for its files, in a mount namespace that ends with it."""
    (folder / "data").mkdir(parents=True)
    command = 'mount -t tmpfs -o size=4m none "$0" && exec "$@"'
    return ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", command, str(folder / "data"))


@pytest.mark.parametrize("size", [3 << 20, 9 << 20])
def test_a_registry_whose_disk_is_full(tmp_path: Path, hasty: None, size: int, may_mount: None) -> None:
    with docker_registry(tmp_path, around=on_a_small_disk(tmp_path)) as registry:
        client = RegistryClient(registry.address, "team/model", None, pushing=True)
        push_blobs(client, [blob_of(content(2 << 20, seed=11))], progress=silent)
        with pytest.raises(LocalError) as error:
            push_blobs(client, [blob_of(content(size, seed=12))], progress=silent, chunk=1 << 20)
    assert error.value.code == "registry-full"
    assert "no space left" in error.value.what


def test_nobody_there_is_told_soon(tmp_path: Path, hasty: None) -> None:
    with docker_registry(tmp_path) as registry:
        pass
    error = refusal(registry, content(1000))
    assert error.code == "registry-unreachable"
    assert registry.address in error.what


@pytest.mark.parametrize("name", [*NOS, *SLOW_NOS])
def test_a_registrys_no_is_told_in_words(name: str, hasty: None) -> None:
    no, code, words = (NOS | SLOW_NOS)[name]
    with registry_that_refuses() as registry:
        registry.no = no
        error = refusal(registry, content(1000), login=LOGIN)
        assert error.code == code
        assert words in error.what
        assert "<" not in error.what, "a page is no sentence"
        assert "layers that arrived" not in error.next_step
        registry.no = None
        send(registry, content(1000), login=LOGIN)

"""The registry is a real one, driven by a real engine, and counts by its own log."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
import requests

from migrate.sandbox.running.registry import Registry, read_access_log
from tests.sandbox.running.registry_helpers import PASSWORD, USER, import_image, running_registry

GOOD = {"username": USER, "password": PASSWORD}
# user ai-user, password "correct horse"
HTPASSWD = "ai-user:$2b$05$qSaRizC8hbUQZfsFrggEcuLlO8ouwWjuBfrGHhQQRLrh5HfyiIDqe\n"

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    engine = docker.from_env()
    yield engine
    engine.close()


@pytest.fixture
def image(registry: Registry, client: docker.DockerClient) -> Iterator[str]:
    reference = f"{registry.address}/sandbox-test/{secrets.token_hex(4)}:one"
    import_image(client, reference, {"content": secrets.token_bytes(1000)})
    yield reference
    client.images.remove(reference, force=True)


def push(client: docker.DockerClient, reference: str, login: dict[str, str]) -> list[str]:
    events = client.api.push(reference, auth_config=login, stream=True, decode=True)
    return [str(event["error"]) for event in events if "error" in event]


def test_a_good_login_pushes_and_pulls_and_the_log_counts_it(
    registry: Registry, client: docker.DockerClient, image: str
) -> None:
    name = image.split("/", 1)[1].rpartition(":")[0]
    before = len(registry.accesses())
    assert push(client, image, GOOD) == []
    lines = registry.accesses()[before:]
    manifests = [line for line in lines if line.method == "PUT" and f"/{name}/manifests/" in line.path]
    uploads = [line for line in lines if line.method == "PUT" and f"/{name}/blobs/uploads/" in line.path]
    assert [line.status for line in manifests] == [201]
    assert [line.status for line in uploads] == [201, 201]  # the layer and the configuration
    client.images.remove(image)
    client.api.pull(image, auth_config=GOOD)
    assert client.images.get(image)
    blobs = [line for line in registry.accesses() if line.method == "GET" and f"/{name}/blobs/" in line.path]
    assert sum(line.bytes for line in blobs) > 1000


def test_a_wrong_password_is_refused(registry: Registry, client: docker.DockerClient, image: str) -> None:
    errors = push(client, image, {"username": USER, "password": "wrong"})
    assert errors
    assert "unauthorized" in errors[0]
    with pytest.raises(docker.errors.APIError, match="unauthorized: incorrect"):
        client.login(USER, "wrong", registry=registry.address, reauth=True)
    assert client.login(USER, PASSWORD, registry=registry.address, reauth=True)["Status"] == "Login Succeeded"


def test_nobody_gets_in_without_a_login(registry: Registry, client: docker.DockerClient, image: str) -> None:
    assert push(client, image, {})
    answer = requests.get(f"http://{registry.address}/v2/", timeout=60)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="http://127.0.0.1:')


def test_a_token_opens_what_it_was_asked_for_and_nothing_else(registry: Registry) -> None:
    challenge = requests.get(f"http://{registry.address}/v2/", timeout=60).headers["WWW-Authenticate"]
    realm = challenge.split('"')[1]
    query = {"service": "sandbox-registry", "scope": "repository:asked:pull"}
    token = requests.get(realm, params=query, auth=(USER, PASSWORD), timeout=60).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    tags = f"http://{registry.address}/v2/%s/tags/list"
    assert requests.get(tags % "asked", headers=headers, timeout=60).status_code == 404
    assert requests.get(tags % "other", headers=headers, timeout=60).status_code == 401
    start = f"http://{registry.address}/v2/asked/blobs/uploads/"
    assert requests.post(start, headers=headers, timeout=60).status_code == 401
    form = {"grant_type": "password", "username": USER, "password": PASSWORD, "scope": "repository:asked:push,pull"}
    token = requests.post(realm, data=form, timeout=60).json()["access_token"]
    assert requests.post(start, headers={"Authorization": f"Bearer {token}"}, timeout=60).status_code == 202
    assert requests.get(realm, timeout=60).status_code == 401
    assert requests.get(realm, headers={"Authorization": "Basic ???"}, timeout=60).status_code == 401


def test_down_and_up_keep_address_and_content(registry: Registry, client: docker.DockerClient, image: str) -> None:
    assert push(client, image, GOOD) == []
    address = registry.address
    registry.down()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{address}/v2/", timeout=60)
    registry.up()
    assert registry.address == address
    client.images.remove(image)
    client.api.pull(image, auth_config=GOOD)
    assert client.images.get(image)


def test_basic_authentication_can_be_had(tmp_path: Path, client: docker.DockerClient) -> None:
    with running_registry(tmp_path, htpasswd=HTPASSWD) as basic:
        challenge = requests.get(f"http://{basic.address}/v2/", timeout=60).headers["WWW-Authenticate"]
        assert challenge.startswith("Basic")
        assert requests.get(f"http://{basic.address}/v2/", auth=(USER, PASSWORD), timeout=60).status_code == 200
        assert requests.get(f"http://{basic.address}/v2/", auth=(USER, "wrong"), timeout=60).status_code == 401


def test_it_says_why_it_cannot_start(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="cannot be started"),
        running_registry(tmp_path, htpasswd=HTPASSWD, image="sandbox-test.invalid/registry:none"),
    ):
        pass


def test_the_guard_ends_it_with_the_sandbox(tmp_path: Path) -> None:
    with running_registry(tmp_path) as running:
        child = running._engine._child  # type: ignore[attr-defined]
        child.stdin.close()  # what the kernel does when the sandbox is killed
        child.wait(120)
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://{running.address}/v2/", timeout=60)


@pytest.fixture
def registry_image(client: docker.DockerClient) -> Iterator[str]:
    """An image that holds Debian's registry program where the public image has its own."""
    program = shutil.which("docker-registry")
    assert program is not None
    libraries = [
        word
        for word in subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout.split()
        if word.startswith("/")
    ]
    files = {"bin/registry": Path(program).read_bytes()} | {path[1:]: Path(path).read_bytes() for path in libraries}
    reference = f"sandbox-test-registry:{secrets.token_hex(4)}"
    import_image(client, reference, files)
    yield reference
    client.images.remove(reference, force=True)


def test_it_runs_from_an_image_too(tmp_path: Path, client: docker.DockerClient, registry_image: str) -> None:
    with running_registry(tmp_path, image=registry_image) as running:
        reference = f"{running.address}/from-image:one"
        import_image(client, reference, {"content": os.urandom(100)})
        assert push(client, reference, GOOD) == []
        running.down()
        running.up()
        assert any(line.method == "PUT" and line.status == 201 for line in running.accesses())
        client.images.remove(reference, force=True)
        running.stop()
        assert any(line.method == "PUT" and line.status == 201 for line in running.accesses())
    assert not client.containers.list(all=True, filters={"ancestor": registry_image})


def test_reading_the_log() -> None:
    text = (
        '127.0.0.1 - - [24/Nov/2026:03:00:00 +0000] "PUT /v2/a/blobs/uploads/1?_state=x HTTP/1.1" 201 0 "" "docker"\n'
        "something else\n"
        '127.0.0.1 - - [24/Nov/2026:03:00:01 +0000] "GET /v2/ HTTP/1.1" 401 87 "" "docker"\n'
    )
    assert [(line.method, line.path, line.status, line.bytes) for line in read_access_log(text)] == [
        ("PUT", "/v2/a/blobs/uploads/1", 201, 0),
        ("GET", "/v2/", 401, 87),
    ]

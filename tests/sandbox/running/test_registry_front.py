"""What the sandbox's registry can be told to do wrong, over a real registry and as a client meets it."""

import socket
import ssl
from collections.abc import Iterator

import pytest
import requests

from migrate.sandbox.base.faults import CutUpload, Drop, ExpiredCredential, Fault, FaultBook, ServerError, Slow, TooMany
from migrate.sandbox.base.seam import Traffic
from migrate.sandbox.running.registry import Registry
from migrate.sandbox.running.registry_engines import program_installed
from tests.sandbox.running.registry_helpers import PASSWORD, USER, running_registry

# A registry from an image needs an engine, and the program does not.
pytestmark = [] if program_installed() else [pytest.mark.engine]


class Client:
    """Asks the registry as a client with a token does."""

    def __init__(self, registry: Registry, realm_token: str) -> None:
        self.base = f"http://{registry.address}"
        self.headers = {"Authorization": f"Bearer {realm_token}"}

    def __call__(self, method: str, path: str, **more: object) -> requests.Response:
        return requests.request(method, f"{self.base}{path}", headers=self.headers, timeout=30, **more)  # type: ignore[arg-type]

    def upload(self, content: bytes) -> requests.Response:
        began = self("POST", "/v2/a/b/blobs/uploads/")
        assert began.status_code == 202, began.text
        return requests.patch(began.headers["Location"], data=content, headers=self.headers, timeout=30)


@pytest.fixture(scope="module")
def lines() -> list[Traffic]:
    return []


@pytest.fixture(scope="module")
def faults() -> FaultBook:
    return FaultBook()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, faults: FaultBook, lines: list[Traffic]) -> Iterator[Client]:
    with running_registry(tmp_path_factory.mktemp("front"), faults=faults, record=lines.append) as registry:
        asked = requests.get(f"http://{registry.address}/v2/", timeout=30).headers["WWW-Authenticate"]
        realm = asked.partition('realm="')[2].partition('"')[0]
        token = requests.get(
            realm,
            params={"service": "sandbox-registry", "scope": "repository:a/b:pull,push"},
            auth=(USER, PASSWORD),
            timeout=30,
        ).json()["token"]
        yield Client(registry, token)


def test_who_tries_tls_first_is_answered_at_once(client: Client) -> None:
    host, _, port = client.base.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection, pytest.raises(ssl.SSLError):
        ssl.create_default_context().wrap_socket(connection, server_hostname=host)


STATUSES: dict[str, tuple[Fault, int]] = {
    "429": (TooMany(service="registry", times=1), 429),
    "5xx": (ServerError(service="registry", times=1, status=502), 502),
    "5xx done": (ServerError(service="registry", times=1, status=500, done=True), 500),
    "expired-credential": (ExpiredCredential(service="registry", times=1), 401),
}


@pytest.mark.parametrize("name", STATUSES)
def test_each_fault_meets_one_request(client: Client, faults: FaultBook, lines: list[Traffic], name: str) -> None:
    faults.forget()
    fault, status = STATUSES[name]
    faults.add(fault)
    assert client("GET", "/v2/a/b/tags/list").status_code == status
    assert lines[-1].fault == name.partition(" ")[0]
    assert client("GET", "/v2/a/b/tags/list").status_code in {200, 404}
    assert lines[-1].fault == ""
    assert sum(faults.fired().values()) == 1


@pytest.mark.parametrize("point", ["before", "after"])
def test_a_broken_connection(client: Client, faults: FaultBook, point: str) -> None:
    faults.forget()
    faults.add(Drop(service="registry", method="GET", times=1, point=point))  # type: ignore[arg-type]
    with pytest.raises(requests.ConnectionError):
        client("GET", "/v2/a/b/tags/list")
    assert client("GET", "/v2/a/b/tags/list").status_code in {200, 404}


def test_an_upload_that_is_cut(client: Client, faults: FaultBook) -> None:
    faults.forget()
    faults.add(CutUpload(method="PATCH", after_bytes=70_000, times=1))
    with pytest.raises(requests.ConnectionError):
        client.upload(bytes(1 << 20))
    assert client.upload(bytes(1 << 20)).status_code == 202
    assert faults.fired() == {"cut-upload": 1}


def test_a_slow_registry(client: Client, faults: FaultBook) -> None:
    faults.forget()
    faults.add(Slow(service="registry", method="PATCH", bytes_per_second=1 << 20, times=1))
    answer = client.upload(bytes(1 << 19))
    assert answer.status_code == 202
    assert answer.elapsed.total_seconds() > 0.2


def test_faults_without_a_service_leave_the_registry_alone(client: Client, faults: FaultBook) -> None:
    faults.forget()
    faults.add(ServerError())
    assert client("GET", "/v2/a/b/tags/list").status_code in {200, 404}
    assert faults.fired() == {}

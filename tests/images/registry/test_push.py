"""Pushes to real registries: one that asks for Bearer tokens, one that asks for Basic."""

import base64
import contextlib
import hashlib
import io
import json
import os
import secrets
import socket
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import docker.errors
import pytest
from msgspec.structs import replace

from migrate.core.errors import LocalError, UsageError
from migrate.core.secret import Secret
from migrate.core.values import Image, Layer
from migrate.images.engine.build import read_image
from migrate.images.engine.connection import Engine
from migrate.images.registry.client import RegistryClient
from migrate.images.registry.credentials import RegistryCredentials
from migrate.images.registry.image import put_manifest
from migrate.images.registry.push import immutable_tag, push, pushed_exists
from migrate.sandbox.running.registry import Registry
from tests.images.conftest import silent
from tests.sandbox.running.registry_helpers import PASSWORD, USER, running_registry

pytestmark = pytest.mark.engine

GOOD = RegistryCredentials(username=USER, password=Secret(PASSWORD))
# user ai-user, password "correct horse", bcrypt
HTPASSWD = "ai-user:$2b$05$qSaRizC8hbUQZfsFrggEcuLlO8ouwWjuBfrGHhQQRLrh5HfyiIDqe\n"


@pytest.fixture(scope="module", params=["bearer", "basic"])
def registry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    htpasswd = HTPASSWD if request.param == "basic" else None
    with running_registry(tmp_path_factory.mktemp("registry"), htpasswd=htpasswd) as running:
        yield running


@pytest.fixture
def image(engine: Engine, new_tag: Callable[[], str]) -> Image:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as packed:
        info = tarfile.TarInfo("content")
        info.size = 3_000_000
        packed.addfile(info, io.BytesIO(secrets.token_bytes(info.size)))
    tag = new_tag()
    name, _, version = tag.partition(":")
    engine.client.api.import_image_from_data(data.getvalue(), repository=name, tag=version)
    return read_image(engine, tag)


def send(engine: Engine, registry: Registry, image: Image, **changed: object) -> object:
    values: dict[str, object] = {
        "registry": registry.address,
        "repository": "team/model",
        "tag": immutable_tag(image),
        "credentials": GOOD,
        "progress": silent,
    }
    return push(engine, image, **(values | changed))  # type: ignore[arg-type]


def test_what_arrived_is_what_was_built(engine: Engine, registry: Registry, image: Image) -> None:
    moved: list[tuple[int, int | None]] = []
    pushed = push(
        engine,
        image,
        registry=registry.address,
        repository="team/model",
        tag=immutable_tag(image),
        credentials=GOOD,
        progress=lambda *now: moved.append(now),
    )
    assert pushed.reference == f"{registry.address}/team/model:{image.image_id[7:19]}"
    assert pushed.size is not None
    assert pushed.size > 2_900_000
    assert moved[-1][0] == moved[-1][1] >= 3_000_000
    assert pushed_exists(pushed, GOOD)
    # Nothing of the push is left on the engine but the image itself, and an image pulled from there is the same.
    with pytest.raises(docker.errors.ImageNotFound):
        engine.client.api.inspect_image(pushed.reference)
    login = {"username": USER, "password": PASSWORD}
    engine.client.api.pull(pushed.reference, auth_config=login)
    assert engine.client.api.inspect_image(pushed.reference)["Id"] == image.image_id
    engine.client.api.remove_image(pushed.reference)


@pytest.mark.parametrize("known", [True, False])
def test_a_name_that_was_there_before_stays_where_it_is_somebodys(
    engine: Engine, registry: Registry, image: Image, known: bool
) -> None:
    name = f"{registry.address}/team/model"
    engine.client.api.tag(image.image_id, name, tag=immutable_tag(image))
    send(engine, registry, image, named_before=known)
    reference = f"{name}:{immutable_tag(image)}"
    assert (engine.image(reference) is not None) == known
    if known:
        engine.client.api.remove_image(reference)


def test_an_image_that_is_there_is_not_sent_again(engine: Engine, registry: Registry, image: Image) -> None:
    first = send(engine, registry, image)
    before = len(registry.accesses())
    assert send(engine, registry, image) == first
    assert all(access.method in ("GET", "HEAD") for access in registry.accesses()[before:])


def test_another_image_under_the_tag_does_not_count(engine: Engine, registry: Registry, image: Image) -> None:
    pushed = push(
        engine,
        image,
        registry=registry.address,
        repository="team/moving",
        tag="1",
        credentials=GOOD,
        progress=silent,
    )
    assert pushed_exists(pushed, GOOD)
    assert not pushed_exists(replace(pushed, digest=f"sha256:{'0' * 64}"), GOOD)
    assert not pushed_exists(replace(pushed, reference=f"{registry.address}/team/moving:2"), GOOD)
    # What the caller believes was built is not what the engine sends: found out at the registry.
    other = replace(image, layers=(Layer(digest=f"sha256:{'1' * 64}"),))
    with pytest.raises(LocalError) as error:
        send(engine, registry, other, repository="team/moving", tag="1")
    assert error.value.code == "push-failed"


@pytest.mark.parametrize("login", [None, RegistryCredentials(username=USER, password=Secret("wrong-password"))])
def test_a_refused_login_is_told_as_one(
    engine: Engine, registry: Registry, image: Image, login: RegistryCredentials | None
) -> None:
    with pytest.raises(LocalError) as error:
        send(engine, registry, image, credentials=login)
    assert error.value.code == "registry-login"
    assert "docker login" in error.value.next_step
    assert "wrong-password" not in error.value.what
    with pytest.raises(docker.errors.ImageNotFound):
        engine.client.api.inspect_image(f"{registry.address}/team/model:{immutable_tag(image)}")


def test_a_registry_that_is_down(engine: Engine, registry: Registry, image: Image) -> None:
    registry.down()
    try:
        with pytest.raises(LocalError) as error:
            send(engine, registry, image)
        assert error.value.code == "registry-unreachable"
        assert "address and the network" in error.value.next_step
    finally:
        registry.up()
    send(engine, registry, image)  # a clean second run


def test_an_index_is_followed_to_the_image_for_amd64(engine: Engine, registry: Registry, image: Image) -> None:
    pushed = push(
        engine, image, registry=registry.address, repository="team/index", tag="x", credentials=GOOD, progress=silent
    )
    client = RegistryClient(registry.address, "team/index", GOOD, pushing=True)
    plain = client.image("x")
    assert plain is not None
    assert plain.config == image.image_id
    media = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = client.manifest("x")
    assert manifest is not None
    entry = {"mediaType": media, "size": len(manifest), "digest": pushed.digest}
    # An attestation beside the image, as newer engines push it.
    entries = [
        {**entry, "platform": {"os": "unknown", "architecture": "unknown"}},
        {**entry, "platform": {"os": "linux", "architecture": "amd64"}},
    ]
    kind = "application/vnd.docker.distribution.manifest.list.v2+json"
    for tag, listed in (("all", entries), ("none", entries[:1])):
        index = {"schemaVersion": 2, "mediaType": kind, "manifests": listed}
        put_manifest(client, json.dumps(index).encode(), kind, tag)
    found = client.image("all")
    assert found is not None
    assert found == replace(plain, digest=found.digest)
    assert found.digest != plain.digest
    # An engine that keeps images as containerd does calls the image by the index's digest.
    by_index = replace(image, image_id=found.digest)
    again = send(engine, registry, by_index, repository="team/index", tag="all")
    assert again == replace(pushed, reference=f"{registry.address}/team/index:all", digest=found.digest)
    with pytest.raises(LocalError) as error:
        client.image("none")
    assert error.value.code == "registry-failed"
    assert "linux/amd64" in error.value.what


def test_a_name_that_is_no_reference(engine: Engine, registry: Registry, image: Image) -> None:
    with pytest.raises(UsageError):
        send(engine, registry, image, repository="Team/../model")


class Odd:
    """A server that answers what it is told to, for what no real registry answers."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.asked: list[str] = []
        self.answers: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(ConnectionError):  # a client may leave when it has seen enough
                self.asked.append(self._request(connection))
                connection.sendall(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])

    @staticmethod
    def _request(connection: socket.socket) -> str:
        text = ""
        while True:
            text += connection.recv(65536).decode()
            head, end, body = text.partition("\r\n\r\n")
            length = next((line.split(":")[1] for line in head.lower().split("\r\n") if "content-length:" in line), "0")
            if end and len(body) >= int(length):
                return text

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.listener.getsockname()[1]}"


def reply(status: str, body: bytes, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture
def odd() -> Iterator[Odd]:
    server = Odd()
    yield server
    server.listener.shutdown(socket.SHUT_RDWR)
    server.listener.close()


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([reply("200 OK", b"<html>")], "registry-failed"),
        ([reply("200 OK", b"[]")], "registry-failed"),
        ([reply("200 OK", b'{"config": 3}')], "registry-failed"),
        ([reply("403 Forbidden", b"")], "registry-login"),
        ([reply("500 Oops", b"")], "registry-failed"),
        ([b""], "registry-unreachable"),
        ([b"SSH-2.0\r\n"], "registry-unreachable"),
        ([reply("200 OK", bytes(9 << 20))], "registry-failed"),
        ([reply("401 No", b"", WWW_Authenticate="Negotiate")], "registry-login"),
        ([reply("200 OK", json.dumps({"config": {"digest": f"sha256:{'0' * 64}"}, "layers": []}).encode())],
         "registry-failed"),
    ],
)  # fmt: skip
def test_odd_answers_are_errors_with_a_name(odd: Odd, answers: list[bytes], code: str) -> None:
    odd.answers = answers
    with pytest.raises(LocalError) as error:
        RegistryClient(odd.address, "team/model", GOOD).image("1")
    assert error.value.code == code


def test_a_login_is_never_sent_anywhere_but_over_https(odd: Odd) -> None:
    challenge = 'Bearer realm="http://tokens.example.com/",service="x"'
    odd.answers = [reply("401 No", b"", WWW_Authenticate=challenge)]
    with pytest.raises(LocalError) as error:
        RegistryClient(odd.address, "team/model", GOOD).image("1")
    assert error.value.code == "registry-failed"
    assert "not https" in error.value.what
    assert all("Authorization" not in asked for asked in odd.asked)


def test_an_identity_token_is_exchanged(odd: Odd) -> None:
    odd.answers = [
        reply("401 No", b"", WWW_Authenticate=f'Bearer realm="http://{odd.address}/token",service="s"'),
        reply("200 OK", b'{"access_token": "abcdef"}'),
        reply("404 None", b""),
    ]
    login = RegistryCredentials(username="<token>", password=Secret("refresh-me"), is_token=True)
    assert RegistryClient(odd.address, "team/model", login).image("1") is None
    assert odd.asked[1].startswith("POST /token")
    assert "refresh_token=refresh-me" in odd.asked[1]
    assert "Authorization: Bearer abcdef" in odd.asked[2]
    assert base64.b64encode(b"<token>:refresh-me").decode() not in "".join(odd.asked)


def test_a_token_that_expired_is_fetched_anew(odd: Odd) -> None:
    refused = reply("401 No", b"", WWW_Authenticate=f'Bearer realm="http://{odd.address}/token"')
    there = reply("200 OK", b"{}")
    odd.answers = [
        refused,
        reply("200 OK", b'{"token": "first-token"}'),
        there,
        refused,
        reply("200 OK", b'{"token": "second-token"}'),
        there,
    ]
    client = RegistryClient(odd.address, "team/model", GOOD)
    digest = f"sha256:{hashlib.sha256(b'{}').hexdigest()}"
    assert client.digest("1") == digest
    assert client.digest("1") == digest
    assert "Bearer second-token" in odd.asked[-1]


def test_the_environments_proxy_is_not_asked_for_this_machine(odd: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    odd.answers = [reply("404 None", b"")]
    assert RegistryClient(odd.address, "team/model", None).digest("1") is None
    assert os.environ["http_proxy"]
    assert Path(odd.asked[0].split()[1]) == Path("/v2/team/model/manifests/1")

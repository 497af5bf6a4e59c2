"""A registry with a certificate of its own authority, and a token server with one that everybody knows."""

import hashlib
import json
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from msgspec import Struct

from migrate.core.errors import LocalError
from migrate.images.registry import certificates, client
from migrate.images.registry.client import RegistryClient
from migrate.machine.patience import Patience
from tests.images.registry.authority import HOST, PROXIES, Authority

MANIFEST = b'{"schemaVersion": 2}'


Reply = Callable[[BaseHTTPRequestHandler], tuple[int, bytes, dict[str, str]]]


@contextmanager
def server(context: ssl.SSLContext, reply: Reply) -> Iterator[str]:
    """A server over TLS; gives its host and port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body, headers = reply(self)
            self.send_response(status)
            for name, text in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    with listening(Handler, context) as port:
        yield f"{HOST}:{port}"


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None) -> Iterator[int]:
    found = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if context is not None:
        found.socket = context.wrap_socket(found.socket, server_side=True)
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    try:
        yield int(found.server_address[1])
    finally:
        found.shutdown()
        thread.join()
        found.server_close()


class Proxy(BaseHTTPRequestHandler):
    """Joins a caller to the host that it names (RFC 9110, section 9.3.6)."""

    asked: list[str]

    def do_CONNECT(self) -> None:
        self.asked.append(self.path)
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as other:
            self.send_response(200)
            self.end_headers()
            ends = {self.connection: other, other: self.connection}
            while True:
                for end in select.select([*ends], [], [])[0]:
                    data = end.recv(1 << 16)
                    if not data:
                        return
                    ends[end].sendall(data)

    def log_message(self, *_: object) -> None:
        return


class World(Struct):
    """A registry, and its folder in the engine's settings; ``private`` signed its certificate."""

    registry: str
    tokens: str
    folder: Path
    private: Authority

    def digest(self) -> str | None:
        """What the registry says of a tag, with a token of the token server."""
        return RegistryClient(self.registry, "team/model", None).digest("1")

    def trust(self) -> None:
        self.folder.mkdir(parents=True)
        (self.folder / "ca.crt").write_bytes(self.private.file.read_bytes())


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    private, public = Authority(tmp_path, "private"), Authority(tmp_path, "public")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(public.file))
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(client, "REGISTRY_QUESTION", Patience(seconds=0, first=1))
    monkeypatch.setattr(certificates, "FOLDERS", (tmp_path / "certs.d",))
    with ExitStack() as stack:
        body = json.dumps({"token": "a token of this test"}).encode()
        tokens = stack.enter_context(server(public.context(), lambda _: (200, body, {})))

        def reply(request: BaseHTTPRequestHandler) -> tuple[int, bytes, dict[str, str]]:
            if request.headers["Authorization"] == "Bearer a token of this test":
                return 200, MANIFEST, {}
            return 401, b"", {"WWW-Authenticate": f'Bearer realm="https://{tokens}/token",service="registry"'}

        registry = stack.enter_context(server(private.context(), reply))
        yield World(registry, tokens, tmp_path / "certs.d" / registry, private)


def test_the_registrys_own_authority_is_added_to_the_usual_ones(world: World) -> None:
    world.trust()
    assert world.digest() == f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"


def test_through_a_proxy_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.trust()
    handler = type("Handler", (Proxy,), {"asked": []})
    with listening(handler, None) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        assert world.digest() == f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"
        assert set(handler.asked) == {world.registry, world.tokens}


def test_another_registrys_authority_is_not_trusted(world: World) -> None:
    world.folder = world.folder.with_name("0.0.0.0:1")
    world.trust()
    with pytest.raises(LocalError) as error:
        world.digest()
    assert error.value.code == "registry-unreachable"
    assert "certificate verify failed" in error.value.what


def test_the_usual_authorities_are_needed_for_the_token_server(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.trust()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(world.private.file))
    with pytest.raises(LocalError) as error:
        world.digest()
    assert "certificate verify failed" in error.value.what


def test_a_certificate_that_cannot_be_read_is_named(world: World) -> None:
    world.folder.mkdir(parents=True)
    (world.folder / "ca.crt").write_text("no certificate")
    with pytest.raises(LocalError) as error:
        world.digest()
    assert (error.value.code, str(world.folder) in error.value.what) == ("registry-failed", True)


def test_a_login_in_netrc_is_not_the_registrys(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.trust()
    (tmp_path / "netrc").write_text(f"machine {HOST} login somebody password of-another-service\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert world.digest() == f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"

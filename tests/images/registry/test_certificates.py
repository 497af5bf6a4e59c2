"""A registry with a certificate of its own authority, and a token server with one that everybody knows."""

import datetime as dt
import hashlib
import ipaddress
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
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Struct

from migrate.core.errors import LocalError
from migrate.images.registry import certificates, client
from migrate.images.registry.client import RegistryClient
from migrate.machine.patience import Patience

HOST = "0.0.0.0"  # reaches this machine, and is no loopback address, to which http would be spoken
MANIFEST = b'{"schemaVersion": 2}'
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy")


class Authority:
    """Signs certificates for this machine."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.file = folder / f"{name}.crt"
        self._write(self.file, self._build(x509.Name(self._named(name)), self._key.public_key(), ca=True))

    @staticmethod
    def _named(name: str) -> list[x509.NameAttribute[str]]:
        return [x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]

    def _build(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, ca: bool) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        made = x509.CertificateBuilder(x509.Name(self._named(self._name)), subject, key, x509.random_serial_number())
        made = made.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        made = made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        if not ca:
            address = x509.IPAddress(ipaddress.ip_address(HOST))
            made = made.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        return made.sign(self._key, hashes.SHA256())

    @staticmethod
    def _write(file: Path, certificate: x509.Certificate) -> None:
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def context(self) -> ssl.SSLContext:
        """What a server needs that this authority vouches for."""
        own = ec.generate_private_key(ec.SECP256R1())
        certificate, key = self._folder / f"{self._name}-own.pem", self._folder / f"{self._name}-own.key"
        self._write(certificate, self._build(x509.Name([]), own.public_key(), ca=False))
        plain = serialization.NoEncryption()
        key.write_bytes(own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context


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

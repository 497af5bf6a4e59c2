"""OAuth2 works over https only: the sandbox stands behind a TLS relay with a certificate of its own."""

import datetime as dt
import ipaddress
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from migrate.core.errors import ConfigurationError, RemoteError
from migrate.ovhcloud import projects
from migrate.ovhcloud.config import read_credentials
from migrate.ovhcloud.session import Cloud, open_session
from migrate.sandbox import control
from migrate.sandbox.base.settings import Folder
from tests.clouds import QUICK, calls


def certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


def relay(outer: ssl.SSLSocket, behind: socket.socket) -> None:
    """Pass bytes on in both directions, in one thread: OpenSSL does not read and write one connection at once."""
    try:
        while True:
            ready = [outer] if outer.pending() else select.select([outer, behind], [], [])[0]
            for one in ready:
                data = one.recv(65536)
                if not data:
                    return
                (behind if one is outer else outer).sendall(data)
    except (OSError, ValueError):
        return  # one side is gone, or the test is over
    finally:
        outer.close()
        behind.close()


@pytest.fixture
def tls(sandbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The sandbox's base URL over https; the machine trusts its certificate."""
    file = certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    inner = urlsplit(control.env(sandbox)["OVH_ENDPOINT"])
    listener = socket.create_server(("127.0.0.1", 0))
    open_sockets: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            try:
                outer = context.wrap_socket(accepted, server_side=True)
            except OSError:
                accepted.close()
                continue
            behind = socket.create_connection((inner.hostname or "", inner.port or 0))
            open_sockets.extend((outer, behind))
            threading.Thread(target=relay, args=(outer, behind), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}{inner.path}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(timeout=120)
    for item in open_sockets:
        item.close()


def open_oauth(sandbox: Path, url: str, tmp_path: Path, secret: str | None = None) -> Cloud:
    identity = Folder(sandbox).read()
    assert identity is not None
    environ = {
        "HOME": str(tmp_path),
        "OVH_ENDPOINT": url,
        "OVH_CLIENT_ID": identity.identity.client_id,
        "OVH_CLIENT_SECRET": secret or identity.identity.client_secret,
    }
    return Cloud(open_session(read_credentials(environ), state_folder=tmp_path, retry=QUICK), identity.identity.project)


def test_a_service_account_works_at_another_base_url(sandbox: Path, tls: str, tmp_path: Path) -> None:
    cloud = open_oauth(sandbox, tls, tmp_path)
    with cloud.session:
        assert projects.project(cloud).status == "ok"
        assert projects.project(cloud).status == "ok"
    assert calls(sandbox, "GET", "/cloud/project/{serviceName}") == 2
    assert calls(sandbox, "GET", "/auth/time") == 0  # nothing is signed


def test_a_token_that_was_revoked_is_made_anew(sandbox: Path, tls: str, tmp_path: Path) -> None:
    cloud = open_oauth(sandbox, tls, tmp_path)
    with cloud.session:
        assert projects.project(cloud).status == "ok"
        control.reset(sandbox)  # forgets every token
        assert projects.project(cloud).status == "ok"
    assert calls(sandbox, "GET", "/cloud/project/{serviceName}") == 2  # one was refused


def test_a_wrong_client_secret(sandbox: Path, tls: str, tmp_path: Path) -> None:
    cloud = open_oauth(sandbox, tls, tmp_path, secret="not-the-right-secret")
    with cloud.session, pytest.raises(ConfigurationError) as caught:
        projects.project(cloud)
    assert caught.value.code == "wrong-key"
    assert "not-the-right-secret" not in caught.value.what
    assert "OVH_CLIENT_SECRET" in caught.value.next_step


def test_a_certificate_that_nobody_signed(
    sandbox: Path, tls: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    cloud = open_oauth(sandbox, tls, tmp_path)
    with cloud.session, pytest.raises(RemoteError) as caught:
        projects.project(cloud)
    assert caught.value.code == "network"
    assert "TLS" in caught.value.what

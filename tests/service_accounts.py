"""A service account: OAuth2 works over https only, so the sandbox stands behind a TLS relay with a certificate of its
own.
"""

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

from migrate.ovhcloud.config import read_credentials
from migrate.ovhcloud.session import Cloud, open_session
from migrate.sandbox import control
from migrate.sandbox.base.settings import Folder
from tests.clouds import QUICK


def certificate(folder: Path) -> Path:
    """A key and its certificate for 127.0.0.1, in one file."""
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


def environ_of(sandbox: Path, url: str, home: Path, secret: str | None = None) -> dict[str, str]:
    """What a person would have set for the service account of a sandbox."""
    identity = Folder(sandbox).read()
    assert identity is not None
    return {
        "HOME": str(home),
        "OVH_ENDPOINT": url,
        "OVH_CLIENT_ID": identity.identity.client_id,
        "OVH_CLIENT_SECRET": secret or identity.identity.client_secret,
        "OVH_CLOUD_PROJECT_SERVICE": identity.identity.project,
    }


def open_oauth(sandbox: Path, url: str, tmp_path: Path, secret: str | None = None) -> Cloud:
    """The project, through a session of the service account."""
    environ = environ_of(sandbox, url, tmp_path, secret)
    session = open_session(read_credentials(environ), state_folder=tmp_path, retry=QUICK)
    return Cloud(session, environ["OVH_CLOUD_PROJECT_SERVICE"])

"""Buckets behind a certificate of one's own, which obstore does not trust by itself."""

import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from migrate.core.errors import MigrateError
from migrate.machine.patience import Retry
from migrate.ovhcloud import objects
from migrate.sources import s3
from migrate.sources.aws import read_account

EMPTY = b"""<?xml version="1.0"?><ListBucketResult><Name>shelf</Name><KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys>
<IsTruncated>false</IsTruncated></ListBucketResult>"""
ONCE = Retry(attempts=1, first_wait=0.01, longest_wait=0.01)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(EMPTY)))
        self.end_headers()
        self.wfile.write(EMPTY)

    def log_message(self, *_: object) -> None:
        return


def certificate(folder: Path) -> tuple[Path, Path, Path]:
    """An authority, and what it has signed for this machine: certificate and key."""
    now = dt.datetime.now(dt.UTC)
    authority, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority")])

    def builder(name: x509.Name, key: ec.EllipticCurvePublicKey, *, ca: bool) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder(issuer, name, key, x509.random_serial_number())
        made = made.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        return made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)

    leaf = builder(x509.Name([]), own.public_key(), ca=False).add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=True
    )
    files = tuple(folder / name for name in ("ca.pem", "cert.pem", "key.pem"))
    pem = serialization.Encoding.PEM
    files[0].write_bytes(
        builder(issuer, authority.public_key(), ca=True).sign(authority, hashes.SHA256()).public_bytes(pem)
    )
    files[1].write_bytes(leaf.sign(authority, hashes.SHA256()).public_bytes(pem))
    plain = serialization.NoEncryption()
    files[2].write_bytes(own.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return files[0], files[1], files[2]


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    monkeypatch.setattr(objects, "STORAGE_RETRY", ONCE)
    monkeypatch.setattr(s3, "STORAGE_RETRY", ONCE)
    authority, own, key = certificate(tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret of this test", "AWS_REGION": "gra"}
    url = f"https://127.0.0.1:{server.server_address[1]}"
    yield {"HOME": str(tmp_path), "AWS_ENDPOINT_URL": url, "REQUESTS_CA_BUNDLE": str(authority), **keys}
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_certificates_of_the_other_services_hold(environ: dict[str, str]) -> None:
    assert s3.s3_store(read_account(environ), "shelf").list("") == ()
    del environ["REQUESTS_CA_BUNDLE"]
    with pytest.raises(MigrateError) as caught:
        s3.s3_store(read_account(environ), "shelf").list("")
    assert caught.value.code == "storage-unavailable"


def test_certificates_that_cannot_be_read(environ: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(MigrateError) as caught:
        read_account(environ | {"REQUESTS_CA_BUNDLE": str(tmp_path / "gone.pem")})
    assert caught.value.code == "bad-configuration"
    (tmp_path / "no.pem").write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    with pytest.raises(MigrateError) as caught:
        s3.s3_store(read_account(environ | {"REQUESTS_CA_BUNDLE": str(tmp_path / "no.pem")}), "shelf").list("")
    assert caught.value.code in {"bad-configuration", "storage-unavailable"}

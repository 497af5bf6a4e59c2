"""An authority that signs certificates for this machine, under a name to which https is spoken."""

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOST = "0.0.0.0"  # reaches this machine, and is no loopback address, to which http would be spoken
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy")

_SIGNS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


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
        # What Python 3.13 asks of certificates by default (VERIFY_X509_STRICT).
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        made = made.add_extension(issuer, critical=False)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        if ca:
            made = made.add_extension(_SIGNS, critical=True)
        else:
            address = x509.IPAddress(ipaddress.ip_address(HOST))
            made = made.add_extension(x509.SubjectAlternativeName([address]), critical=True)
        return made.sign(self._key, hashes.SHA256())

    @staticmethod
    def _write(file: Path, certificate: x509.Certificate) -> None:
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def context(self) -> ssl.SSLContext:
        """What a server needs that this authority vouches for."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.files())
        return context

    def files(self) -> tuple[Path, Path]:
        """A certificate for this machine, and its key."""
        own = ec.generate_private_key(ec.SECP256R1())
        certificate, key = self._folder / f"{self._name}-own.pem", self._folder / f"{self._name}-own.key"
        self._write(certificate, self._build(x509.Name([]), own.public_key(), ca=False))
        plain = serialization.NoEncryption()
        key.write_bytes(own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
        return certificate, key

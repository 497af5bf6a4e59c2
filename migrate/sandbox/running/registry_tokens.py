"""The token server of the sandbox's registry: a login becomes a signed token for what the client asked to do.

The exchange is that of the Docker registry's token authentication (distribution, ``docs/spec/auth/token.md``): the
registry answers 401 with a realm, the client asks there with Basic authentication and the scopes it needs, and comes
back with the token as Bearer.
"""

import base64
import binascii
import datetime as dt
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

SERVICE: Final = "sandbox-registry"
ISSUER: Final = "sandbox-token-server"
LIFETIME: Final = dt.timedelta(minutes=5)
_ACTIONS: Final = {"repository": {"pull", "push", "delete", "*"}, "registry": {"*"}}

Check = Callable[[str, str], bool]


class Signer:
    """A key with its self-signed certificate, kept in a folder: the registry trusts the certificate."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        key_file = folder / "token-key.pem"
        self.certificate_file: Final = folder / "token-certificate.pem"
        if not (key_file.is_file() and self.certificate_file.is_file()):
            _make_key(key_file, self.certificate_file)
        self._key: Final = key_file.read_bytes()
        certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
        self._chain: Final = [base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode("ascii")]

    def sign(self, subject: str, access: list[dict[str, object]]) -> dict[str, object]:
        """The answer of the token server that grants ``access`` to ``subject``."""
        now = dt.datetime.now(dt.UTC)
        claims = {
            "iss": ISSUER,
            "sub": subject,
            "aud": SERVICE,
            "iat": now,
            "nbf": now - dt.timedelta(seconds=30),
            "exp": now + LIFETIME,
            "jti": secrets.token_hex(8),
            "access": access,
        }
        token = jwt.encode(claims, self._key, algorithm="ES256", headers={"x5c": self._chain})
        return {
            "token": token,
            "access_token": token,
            "expires_in": int(LIFETIME.total_seconds()),
            "issued_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


def token_routes(signer: Signer, check: Check) -> list[BaseRoute]:
    """``GET|POST /token``; ``check(username, password)`` tells whether a login is good."""

    async def give(request: Request) -> Response:
        if request.method == "POST":
            form = parse_qs((await request.body()).decode("utf-8", "replace"))
            login = (form.get("username", [""])[0], form.get("password", [""])[0])
            scopes = [scope for text in form.get("scope", []) for scope in text.split()]
        else:
            given = _basic(request.headers.get("authorization"))
            if given is None:
                return _unauthorized()
            login = given
            scopes = [scope for text in request.query_params.getlist("scope") for scope in text.split()]
        if not await run_in_threadpool(check, *login):
            return _unauthorized()
        return JSONResponse(signer.sign(login[0], granted(scopes)))

    return [Route("/token", give, methods=["GET", "POST"])]


def granted(scopes: Iterable[str]) -> list[dict[str, object]]:
    """The access that scopes such as ``repository:a/b:pull,push`` name: each action asked for that exists."""
    access: list[dict[str, object]] = []
    for scope in scopes:
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        wanted = [action for action in actions.split(",") if action in _ACTIONS.get(kind, ())]
        if name and wanted:
            access.append({"type": kind, "name": name, "actions": wanted})
    return access


def _unauthorized() -> Response:
    body = {"errors": [{"code": "UNAUTHORIZED", "message": "incorrect username or password"}]}
    return JSONResponse(body, status_code=401, headers={"WWW-Authenticate": f'Basic realm="{SERVICE}"'})


def _basic(header: str | None) -> tuple[str, str] | None:
    scheme, _, value = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        username, colon, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (username, password) if colon else None


def _make_key(key_file: Path, certificate_file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ISSUER)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key_file.touch(mode=0o600)
    key_file.write_bytes(pem)
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

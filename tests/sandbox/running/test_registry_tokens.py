"""The token server signs what a client asked for, for good logins only."""

import base64
import json
from pathlib import Path

import jwt
import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from migrate.sandbox.running.registry_tokens import ISSUER, SERVICE, Signer, granted


def test_tokens_verify_with_the_certificate_that_they_carry(tmp_path: Path) -> None:
    signer = Signer(tmp_path)
    access: list[dict[str, object]] = [{"type": "repository", "name": "a/b", "actions": ["pull"]}]
    token = str(signer.sign("ai-user", access)["token"])
    certificate = x509.load_pem_x509_certificate(signer.certificate_file.read_bytes())
    claims = jwt.decode(
        token,
        certificate.public_key(),
        algorithms=["ES256"],
        audience=SERVICE,
        issuer=ISSUER,  # type: ignore[arg-type]
    )
    assert claims["sub"] == "ai-user"
    assert claims["access"] == access
    header = json.loads(base64.urlsafe_b64decode(token.split(".", maxsplit=1)[0] + "=="))
    assert header["typ"] == "JWT"
    assert x509.load_der_x509_certificate(base64.b64decode(header["x5c"][0])) == certificate


def test_the_key_is_kept_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    Signer(tmp_path)
    before = (tmp_path / "token-key.pem").read_bytes()
    Signer(tmp_path)
    assert (tmp_path / "token-key.pem").read_bytes() == before
    assert (tmp_path / "token-key.pem").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("repository:team/iris:pull", [("repository", "team/iris", ["pull"])]),
        ("repository:iris:push,pull", [("repository", "iris", ["push", "pull"])]),
        ("repository:127.0.0.1:5000/iris:pull", [("repository", "127.0.0.1:5000/iris", ["pull"])]),
        ("registry:catalog:*", [("registry", "catalog", ["*"])]),
        ("repository:iris:fly", []),
        ("planet:iris:pull", []),
        ("repository::pull", []),
        ("", []),
    ],
)
def test_scopes_become_access(scope: str, expected: list[tuple[str, str, list[str]]]) -> None:
    assert [tuple(entry.values()) for entry in granted([scope])] == expected


@given(st.lists(st.text()))
def test_no_scope_is_too_odd(scopes: list[str]) -> None:
    for entry in granted(scopes):
        assert entry["type"] in {"repository", "registry"}

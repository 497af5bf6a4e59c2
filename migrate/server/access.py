"""The customer's old tokens, for apps that are deployed open: Bearer, or Basic with an empty user."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Set as AbstractSet

from migrate.server.errors import HttpError


def check_token(authorization: str | None, digests: AbstractSet[str]) -> None:
    """Let a request pass whose token has one of the digests; every request when there are none.

    Each digest is compared in constant time, and all of them are.

    Raises:
        HttpError: 401.
    """
    if not digests:
        return
    given = hashlib.sha256(_token(authorization or "")).hexdigest()
    matches = [hmac.compare_digest(given, digest) for digest in digests]
    if not any(matches):
        raise HttpError(401, "Unauthorized", headers={"WWW-Authenticate": 'Bearer, Basic realm="migrate"'})


def _token(authorization: str) -> bytes:
    scheme, _, value = authorization.strip().partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value.encode("latin-1", "replace")
    if scheme.lower() == "basic":
        try:
            user, colon, password = base64.b64decode(value, validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return b""
        return password if colon and not user else b""
    return b""

"""Who calls: signatures, the clock, consumer keys and their rules, service accounts, and the rate of calls."""

import hashlib
import hmac
import math
import re
import secrets
import time
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from migrate.sandbox.base.errors import ApiError, error, old_error
from migrate.sandbox.base.settings import Identity

MAXIMUM_SKEW: Final = 30
TOKEN_LIFE: Final = 3600


class Rule(Struct, frozen=True, kw_only=True):
    """An access rule of a consumer key; ``*`` in the path stands for anything."""

    method: str
    path: str


EVERYTHING: Final = tuple(Rule(method=method, path="/*") for method in ("GET", "POST", "PUT", "DELETE", "PATCH"))


class Credential(Struct, kw_only=True):
    """A consumer key."""

    number: int
    consumer_key: str
    rules: tuple[Rule, ...]
    created: float
    state: str = "validated"
    last_use: float | None = None
    redirection: str = ""


class Caller(Struct, frozen=True, kw_only=True):
    """Who is calling; ``key`` is what the rate is counted by."""

    key: str
    method: str
    credential: Credential | None = None


class Keyring:
    """The application, its consumer keys and the tokens of the service account.

    ``policy`` are the IAM actions that the service account may take; None is all of them.
    """

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.credentials: dict[str, Credential] = {}
        self.pending: dict[str, Credential] = {}
        self.policy: frozenset[str] | None = None
        self._bearers: dict[str, float] = {}
        self.reset()

    def reset(self) -> None:
        """Forget every key but the one of the folder, which may do everything again, as the service account may."""
        self.policy = None
        self.credentials.clear()
        self.pending.clear()
        self._bearers.clear()
        self.issue(EVERYTHING, state="validated", consumer_key=self.identity.consumer_key)

    def issue(self, rules: tuple[Rule, ...], *, state: str, consumer_key: str = "") -> Credential:
        """Make a consumer key."""
        credential = Credential(
            number=len(self.credentials) + 1,
            consumer_key=consumer_key or secrets.token_hex(16),
            rules=rules,
            created=time.time(),
            state=state,
        )
        self.credentials[credential.consumer_key] = credential
        return credential

    def bearer(self) -> str:
        """An access token of the service account, good for an hour."""
        token = secrets.token_urlsafe(32)
        self._bearers[token] = time.time() + TOKEN_LIFE
        return token

    def identify(self, method: str, url: str, body: bytes, headers: Mapping[str, str], now: float) -> Caller:
        """Who signed this request.

        Args:
            method: The HTTP method.
            url: The whole URL with its query, as the caller wrote it.
            body: The body as sent.
            headers: With lower-case names.
            now: The API's clock, Unix seconds.

        Raises:
            ApiError: 401 without a login, 403 with an unknown or invalid key, 400 with a bad signature or clock.
        """
        authorization = headers.get("authorization", "")
        if authorization.startswith("Bearer "):
            return self._service_account(authorization.removeprefix("Bearer "))
        self.check_application(headers)
        consumer_key = headers.get("x-ovh-consumer")
        if not consumer_key:
            raise error(401, "Client::Unauthorized", "You must login first")
        credential = self.credentials.get(consumer_key)
        if credential is None or credential.state != "validated":
            raise error(403, "Client::Forbidden", "This credential is not valid")
        self._check_signature(method, url, body, headers, consumer_key)
        _check_clock(headers.get("x-ovh-timestamp", ""), now)
        credential.last_use = time.time()
        return Caller(key=consumer_key, method="account", credential=credential)

    def denied(self, caller: Caller, actions: tuple[str, ...]) -> tuple[str, ...]:
        """The actions that the policy of the service account does not allow; consumer keys have rules instead."""
        if caller.credential is not None or self.policy is None:
            return ()
        return tuple(action for action in actions if action not in self.policy)

    def check_application(self, headers: Mapping[str, str]) -> None:
        """Refuse another application key than the one of this folder.

        Raises:
            ApiError: 401 without a key, 403 with a wrong one.
        """
        application = headers.get("x-ovh-application")
        if not application:
            raise error(401, "Client::Unauthorized", "You must login first")
        if application != self.identity.application_key:
            raise error(403, "Client::Forbidden", "This application key is invalid")

    def _check_signature(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], consumer_key: str
    ) -> None:
        stamp = headers.get("x-ovh-timestamp", "")
        parts = (self.identity.application_secret, consumer_key, method, url)
        text = "+".join(parts).encode() + b"+" + body + b"+" + stamp.encode()
        expected = "$1$" + hashlib.sha1(text).hexdigest()  # noqa: S324 - the API's own signature
        if not hmac.compare_digest(expected.encode(), headers.get("x-ovh-signature", "").encode()):
            raise old_error(400, "INVALID_SIGNATURE", "Bad Request", "Invalid signature")

    def _service_account(self, token: str) -> Caller:
        if self._bearers.get(token, 0.0) < time.time():
            raise error(401, "Client::Unauthorized", "You must login first")
        return Caller(key=self.identity.client_id, method="oauth2_client_credentials")


def _check_clock(stamp: str, now: float) -> None:
    if not stamp.isdigit() or abs(int(stamp) - now) > MAXIMUM_SKEW:
        raise old_error(400, "QUERY_TIME_OUT", "Bad Request", "Query out of time")


def granted(rules: tuple[Rule, ...], method: str, path: str) -> bool:
    """Whether a rule covers the call; ``path`` is decoded and has no query."""
    return any(
        rule.method == method and re.fullmatch(re.escape(rule.path).replace(r"\*", ".*"), path, re.DOTALL)
        for rule in rules
    )


class Rate:
    """A bucket for each key: as many calls as the limit at once, and as many each minute."""

    def __init__(self, per_minute: int) -> None:
        self._limit = per_minute
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, key: str) -> None:
        """Count a call.

        Raises:
            ApiError: 429 when the bucket is empty; the refused call is not counted.
        """
        if not self._limit:
            return
        now = time.monotonic()
        level, since = self._buckets.get(key, (float(self._limit), now))
        level = min(float(self._limit), level + (now - since) * self._limit / 60)
        if level < 1:
            self._buckets[key] = (level, now)
            raise too_many(-1)
        self._buckets[key] = (level - 1, now)

    def fill(self) -> None:
        """Forget all calls."""
        self._buckets.clear()


def too_many(retry_after: float) -> ApiError:
    """429; the contract promises no header, so there is none unless a fault asks for it."""
    headers = {"Retry-After": str(math.ceil(retry_after))} if retry_after >= 0 else {}
    body: dict[str, object] = {"class": "Client::TooManyRequests", "message": "Too many requests, try again later"}
    return ApiError(429, body, headers)

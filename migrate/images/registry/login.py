"""Answers to a registry that asks who is there: Basic, or Bearer tokens, which are fetched from its token server.

The exchange is that of the distribution project ("Token Authentication Specification"): a 401 names the token server
and the scope, the login goes there, and the token comes back. A token opens the scopes it was asked for and lives for
minutes; one that is about to end is renewed before the next request, since a refusal in the middle of a large body is
often lost with its connection.
"""

from __future__ import annotations

import base64
import re
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from migrate.core.addresses import secure_url
from migrate.core.errors import LocalError
from migrate.core.secret import Secret
from migrate.core.text import printable, type_again
from migrate.images.registry.refusals import login_error
from migrate.images.registry.transport import NoAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

    from migrate.images.registry.credentials import RegistryCredentials
    from migrate.images.registry.transport import Answer

_PARAMETER: Final = re.compile(r'(\w+)="([^"]*)"')
_RENEWED: Final = 0.25
"""The part of a token's life that is left when it is renewed."""

Scopes = tuple[str, ...]
"""What a token is to open, such as ``repository:team/model:pull,push``."""


class _Held(Struct, frozen=True, kw_only=True):
    authorization: Secret
    challenge: str = ""
    renew_at: float | None = None  # of time.monotonic()


class Login:
    """The login at one registry, with the tokens that it was given. Threads may share it.

    Args:
        registry: ``host[:port]``.
        credentials: The login, or None.
        send: Asks a token server; takes what ``Transport.exchange`` takes.
    """

    def __init__(self, registry: str, credentials: RegistryCredentials | None, send: Callable[..., Answer]) -> None:
        self._registry = registry
        self._credentials = credentials
        self._send = send
        self._held: dict[Scopes, _Held] = {}
        self._turn = threading.Lock()

    @property
    def given(self) -> bool:
        """Whether there is a login."""
        return self._credentials is not None

    @property
    def used(self) -> bool:
        """Whether the registry has asked for a login, and got one."""
        return bool(self._held)

    def authorization(self, scopes: Scopes) -> Secret | None:
        """What a request for these scopes sends as ``Authorization``, or None before anybody asked for it.

        Raises:
            LocalError: ``registry-login``, ``registry-failed``.
        """
        with self._turn:
            held = self._held.get(scopes)
            if held is not None and held.renew_at is not None and time.monotonic() > held.renew_at:
                held = self._fetched(held.challenge, scopes)
            return None if held is None else held.authorization

    def answer(self, challenge: str, scopes: Scopes, refused: Secret | None) -> bool:
        """Answer a 401.

        Args:
            challenge: Its ``WWW-Authenticate``.
            scopes: What the request needs.
            refused: What it sent.

        Returns:
            Whether there is anything to try again with.

        Raises:
            LocalError: The token server refuses the login (``registry-login``) or cannot be used (``registry-failed``).
            NoAnswer: The token server does not answer, or is busy.
        """
        with self._turn:
            held = self._held.get(scopes)
            if held is not None and held.authorization != refused:
                return True  # another thread's request has met the same refusal and was quicker
            challenge = challenge or ("" if held is None else held.challenge)  # some proxies only say 401
            scheme = challenge.partition(" ")[0].lower()
            if scheme == "basic" and self._credentials is not None:
                basic = _basic(self._credentials)
                self._held[scopes] = _Held(authorization=basic)
                return basic != refused
            if scheme != "bearer":
                return False
            self._fetched(challenge, scopes)
            return True

    def _fetched(self, challenge: str, scopes: Scopes) -> _Held:
        parameters = dict(_PARAMETER.findall(challenge))
        realm = parameters.get("realm", "")
        if not secure_url(realm):
            raise self._failed(f"it wants the login sent to {printable(realm)}, which is not https")
        wanted = _joined(parameters.get("scope", ""), scopes)
        asked = time.monotonic()
        answer = self._asked(realm, parameters.get("service", ""), wanted)
        if answer.status in (401, 403):
            raise login_error(self._registry, f"its token server answers {answer.status}")
        if answer.status == 429 or answer.status >= 500:
            raise NoAnswer(f"its token server answers {answer.status}")
        if answer.status != 200:
            raise self._failed(f"its token server answers {answer.status}")
        try:
            content = msgspec.json.decode(answer.content, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise self._failed("its answer is not JSON") from error
        token = content.get("token") or content.get("access_token")
        if not isinstance(token, str) or not token:
            raise self._failed("its token server gives no token")
        Secret(token)  # registered by itself too: servers like to repeat it
        lives = content.get("expires_in")
        renew_at = asked + lives * (1 - _RENEWED) if isinstance(lives, int | float) and lives > 0 else None
        held = _Held(authorization=Secret(f"Bearer {token}"), challenge=challenge, renew_at=renew_at)
        self._held[scopes] = held
        return held

    def _asked(self, realm: str, service: str, scopes: Scopes) -> Answer:
        known = self._credentials
        if known is not None and known.is_token:
            form = {"service": service, "scope": " ".join(scopes), "grant_type": "refresh_token"}
            form |= {"client_id": "mlserving-migrate", "refresh_token": known.password.reveal()}
            return self._send("POST", realm, headers={}, data=form)
        headers = {"Authorization": _basic(known).reveal()} if known is not None else {}
        return self._send("GET", realm, headers=headers, params={"service": service, "scope": scopes})

    def _failed(self, why: str) -> LocalError:
        return LocalError(
            f"The registry {self._registry} cannot be used: {why}.",
            code="registry-failed",
            next_step=type_again(note="if it stays so, ask who runs the registry"),
        )


def _joined(challenged: str, scopes: Scopes) -> Scopes:
    """The scopes that a challenge names and those that are needed, one for each thing with all that is done to it.

    A registry behind an address of another form may know a repository by another name than its clients do: the
    challenge's counts, with what this client needs of it.
    """
    actions: dict[str, list[str]] = {}
    theirs, ours = challenged.split(), list(scopes)
    if theirs and ours:
        ours[0] = f"{theirs[0].rpartition(':')[0]}:{ours[0].rpartition(':')[2]}"
    for scope in (*theirs, *ours):
        name, _, said = scope.rpartition(":")
        known = actions.setdefault(name, [])
        known += [action for action in said.split(",") if action not in known]
    return tuple(f"{name}:{','.join(said)}" for name, said in actions.items())


def _basic(credentials: RegistryCredentials) -> Secret:
    pair = f"{credentials.username}:{credentials.password.reveal()}".encode()
    return Secret(f"Basic {base64.b64encode(pair).decode()}")

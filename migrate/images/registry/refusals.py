"""Why a registry did not take an image: what its no means, and who can change it.

It is heard from the registry itself, or from an engine. The engine repeats what the registry said, in words of its own:
a status where the body was no JSON of the distribution specification (a proxy's page, the plain text of
docker-registry), else the registry's code and message. The texts that are told apart here were said by Docker 20.10 and
28 and by Podman 4.3, of docker-registry, Harbor, nginx and ECR.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec

from migrate.core.errors import LocalError
from migrate.core.text import printable, type_again
from migrate.images.engine.connection import engine_error
from migrate.machine.disk import FULL

if TYPE_CHECKING:
    from migrate.core.codes.catalogue import Code
    from migrate.images.registry.credentials import RegistryCredentials
    from migrate.images.registry.transport import Answer

# A status as an engine writes it; other numbers of three digits are parts of ports, sizes and digests.
_STATUS: Final = re.compile(
    r"(?:HTTP |unexpected HTTP status: |StatusCode: |unexpected status(?: code)?\b.{0,400}?: )([1-5]\d\d)\b", re.DOTALL
)
_PAGE: Final = re.compile(r"<\s*(?:!doctype|html|head|body)\b", re.IGNORECASE)


_FULL_DISK: Final = re.compile(rb'"Err":28\b|no space left on device')


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_LARGE: Final = _words(r"entity too large|content too large|payload too large")
_QUOTA: Final = _words(r"\bquota\b|configured upper limit|insufficient storage|storage limit")
_IMMUTABLE: Final = _words(r"\bimmutable\b|cannot be overwritten")
_READ_ONLY: Final = _words(r"method not allowed|read-?only")
_NO_PROJECT: Final = _words(r"project .{0,200}not found|name unknown|NAME_UNKNOWN|repository .{0,200}does not exist in")
_UNKNOWN_BLOB: Final = _words(r"blob unknown|MANIFEST_BLOB_UNKNOWN|blob not found")
_RATE: Final = _words(r"toomanyrequests|too many requests")
_PUSH: Final = _words(r"action: ?push|insufficient_scope|\bdenied\b|forbidden")
_LOGIN: Final = _words(
    r"unauthorized|no basic auth credentials|authentication required|invalid username/password|authorization failed"
)
_UNTRUSTED: Final = _words(r"x509:|failed to verify certificate|server gave HTTP response to HTTPS client")
_UNREACHABLE: Final = _words(
    r"connection refused|no such host|server misbehaving|no route to host|network is unreachable|i/o timeout"
    r"|TLS handshake timeout|Client\.Timeout|context deadline exceeded|temporary failure in name resolution"
)


def push_error(registry: str, repository: str, text: str, credentials: RegistryCredentials | None) -> LocalError:
    """The error for what the engine said of a push that failed.

    Args:
        registry: ``host[:port]``.
        repository: The path in it.
        text: The engine's words.
        credentials: The login that was sent, or None.

    Returns:
        LocalError with ``registry-login``, ``registry-denied``, ``registry-full``, ``registry-failed``,
        ``registry-unreachable``, ``disk-full`` or ``push-failed``.
    """
    status = _status(text)
    said = _said(text, status)
    no = _no(registry, repository, text.replace(repository, ""), said, status, known=credentials is not None)
    return no or _where(registry, text, said, status)


def answer_error(registry: str, repository: str, answer: Answer, *, known: bool) -> LocalError:
    """The error for an answer of the registry itself, or of a proxy before it, by which a push cannot go on.

    Args:
        registry: ``host[:port]``.
        repository: The path in it.
        answer: With a status from 300 on, or one that the request does not have.
        known: Whether a login was sent.

    Returns:
        As ``push_error``, but for ``disk-full``.
    """
    text = _errors(answer.content)
    status = answer.status
    said = printable(" ".join(text.split()), 300).rstrip(".") if text else ""
    said = f"it answers {status} {_phrase(status)}".strip() + (f", {said}" if said else "")
    if out_of_space(answer):
        return _error(
            "registry-full",
            f"The registry {registry} has no space left on its disk.",
            "Ask who runs it to free or add space, or name another --registry",
        )
    no = _no(registry, repository, text.replace(repository, ""), said, status, known=known)
    return (
        no
        or _failing(registry, said, status)
        or _error(
            "push-failed", f"The push to {registry} failed: {said}.", note="layers that arrived are not sent twice"
        )
    )


def out_of_space(answer: Answer) -> bool:
    """Whether a registry says that its disk is full, which waiting does not change.

    docker-registry gives the error of its storage, whose ``Err`` is Linux's number.
    """
    return answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR and (
        _FULL_DISK.search(answer.content) is not None or answer.status == HTTPStatus.INSUFFICIENT_STORAGE
    )


def is_unknown_blob(answer: Answer) -> bool:
    """Whether a registry refuses a manifest for a blob that it does not have (any more)."""
    return _UNKNOWN_BLOB.search(_errors(answer.content)) is not None


def _no(registry: str, repository: str, words: str, said: str, status: int | None, *, known: bool) -> LocalError | None:
    """The error where the registry, or a proxy before it, says no for a reason that is known."""
    project = repository.rpartition("/")[0] or repository
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or _LARGE.search(words):
        return _error(
            "registry-failed",
            f"A proxy before the registry {registry} takes no layer of this size: {said}.",
            "Ask who runs it to raise the proxy's limit (nginx: client_max_body_size)",
        )
    if status == HTTPStatus.INSUFFICIENT_STORAGE or _QUOTA.search(words):
        return _error(
            "registry-full",
            f"The registry {registry} has no space left for {project}: {said}.",
            f"Delete images there that nothing uses, have the quota of {project} raised, or name another --registry",
        )
    if _IMMUTABLE.search(words):
        return _error(
            "registry-failed",
            f"The registry {registry} has another image under this tag and does not let it be replaced: {said}.",
            "Delete that tag there, or name another --registry",
        )
    if status == HTTPStatus.METHOD_NOT_ALLOWED or _READ_ONLY.search(words):
        return _error(
            "registry-failed",
            f"The registry {registry} takes no images, it is read-only: {said}.",
            "Ask who runs it whether it is being maintained, or name another --registry",
        )
    if status == HTTPStatus.TOO_MANY_REQUESTS or _RATE.search(words):
        return _error(
            "registry-failed", f"The registry {registry} gets too many requests: {said}.", "Wait some minutes"
        )
    return _who(registry, project, words, said, status, known=known)


def _who(registry: str, project: str, words: str, said: str, status: int | None, *, known: bool) -> LocalError | None:
    """The error where login or rights are too little."""
    denied = status == HTTPStatus.FORBIDDEN or _PUSH.search(words) is not None
    if known and _NO_PROJECT.search(words):
        return _error(
            "registry-denied",
            f"The registry {registry} has no project {project} that this login sees: {said}.",
            f"Make the project {project} there, or name another with --registry {registry}/PROJECT",
        )
    if known and denied:
        return denied_error(registry, f"push to the project {project}", said)
    if denied or status == HTTPStatus.UNAUTHORIZED or _LOGIN.search(words):
        return login_error(registry, said)
    return None


def _where(registry: str, text: str, said: str, status: int | None) -> LocalError:
    """The error where it is neither login nor rights: the way there, the registry itself, or this machine."""
    if _UNTRUSTED.search(text):
        return _error(
            "registry-unreachable",
            f"The container engine does not trust the registry {registry}: {said}.",
            "Have the registry answer https with a known certificate, or give the engine its CA "
            f"(/etc/docker/certs.d/{registry}/ca.crt)",
        )
    if _UNREACHABLE.search(text):
        return unreachable_error(registry, said)
    if (failing := _failing(registry, said, status)) is not None:
        return failing
    error = engine_error(text)
    if error.code == FULL:
        return error
    return _error(
        "push-failed", f"The push to {registry} failed: {said}.", note="layers that arrived are not sent twice"
    )


def _failing(registry: str, said: str, status: int | None) -> LocalError | None:
    if status is None or status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    return _error(
        "registry-failed",
        f"The registry {registry} fails on its side: {said}.",
        "Wait a while",
        note="if it stays so, ask who runs the registry whether its disk is full",
    )


def unreachable_error(registry: str, why: str) -> LocalError:
    """Nobody answers at the registry's address."""
    return _error(
        "registry-unreachable", f"The registry {registry} does not answer: {why}.", "Check its address and the network"
    )


def login_error(registry: str, why: str) -> LocalError:
    """The registry does not know this login, or wants one."""
    return _error(
        "registry-login",
        f"The registry {registry} refuses the login: {why}.",
        f"Log in (docker login {registry}), or give --registry-user and MIGRATE_REGISTRY_PASSWORD",
    )


def denied_error(registry: str, doing: str, why: str) -> LocalError:
    """The registry knows this login and does not let it do this.

    Args:
        registry: ``host[:port]``.
        doing: Such as ``push to the project team``.
        why: The registry's words.
    """
    return _error(
        "registry-denied",
        f"The registry {registry} knows this login and does not let it {doing}: {why}.",
        f"Give its user the right to {doing}, or name another with --registry {registry}/PROJECT",
    )


def _error(code: Code, what: str, first: str = "", note: str = "") -> LocalError:
    return LocalError(what, code=code, next_step=type_again(first, note=note))


def _status(text: str) -> int | None:
    found = _STATUS.search(text)
    return int(found[1]) if found else None


def _said(text: str, status: int | None) -> str:
    """The registry's words; its status where they are a page or could not be parsed."""
    if status is not None and (_PAGE.search(text) or "response body" in text or "StatusCode:" in text):
        return f"it answers {status} {_phrase(status)}".strip()
    return printable(" ".join(text.split()), 300).rstrip(".")


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else ""


def _errors(content: bytes) -> str:
    """The codes and messages of an answer as the distribution specification has it, in an engine's words."""
    try:
        said = msgspec.json.decode(content, type=_Errors)
    except msgspec.MsgspecError:
        return ""
    return "; ".join(f"{error.code.lower().replace('_', ' ')}: {error.message}".strip(": ") for error in said.errors)


class _Problem(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Errors(msgspec.Struct):
    errors: list[_Problem]

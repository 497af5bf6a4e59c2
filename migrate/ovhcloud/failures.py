"""From an answer of the API that is not a success to one of this tool's errors."""

from typing import Final

import msgspec
from msgspec import Struct

from migrate.core.codes.catalogue import Code
from migrate.core.errors import ConfigurationError, MigrateError, NeedsYouError, RemoteError
from migrate.core.text import printable, type_again

RETRIED: Final = frozenset({429, 500, 502, 503, 504, 520, 521, 522, 523, 524})

_UNSURE: Final = frozenset({"maybe-done", "unexpected-answer"})

_KEYS_STEP: Final = "Check OVH_ENDPOINT and the keys (they belong to one platform), or make new ones."
_CONTAINER_STEP: Final = (
    "The model files are still in your object storage: type `migrate list` to see the containers of the project, "
    "then `migrate run CONTAINER@REGION` with the one that holds them."
)


def may_be_done(error: MigrateError) -> bool:
    """Whether a call that failed so may have been carried out: its answer was lost, or cannot be read."""
    return error.code in _UNSURE


class Refusal(Struct, frozen=True, kw_only=True):
    """An answer that is not a success, as far as it could be read.

    ``word`` is the body's ``class`` (recent answers) or ``errorCode`` (older ones). ``missing`` are the IAM actions
    that the credentials lack.
    """

    method: str
    template: str
    status: int
    message: str
    word: str = ""
    missing: tuple[str, ...] = ()
    query_id: str | None = None

    @property
    def call(self) -> str:
        """Method and path with words in place of the identifiers."""
        return f"{self.method} {self.template.replace('{serviceName}', 'PROJECT')}"

    @property
    def says_clock(self) -> bool:
        """Whether the refusal is about the timestamp of the signature."""
        text = f"{self.message} {self.word}".lower()
        return self.status in {400, 401, 403} and any(
            word in text for word in ("out of time", "query_time_out", "timestamp", "clock")
        )


def read_refusal(method: str, template: str, status: int, content: bytes, *, query_id: str | None = None) -> Refusal:
    """Read an error body: an object, or ``null``, a string, HTML or nothing."""
    word, message = "", ""
    missing: tuple[str, ...] = ()
    try:
        body = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = None
    if isinstance(body, str):
        message = body
    elif isinstance(body, dict):
        message = _text(body.get("message"))
        word = _text(body.get("class")) or _text(body.get("errorCode"))
        missing = _missing_actions(body.get("details"))
    return Refusal(
        method=method,
        template=template,
        status=status,
        message=printable(message or f"HTTP {status} without a readable reason", 300),
        word=printable(word, 60),
        missing=missing,
        query_id=query_id,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _missing_actions(details: object) -> tuple[str, ...]:
    if not isinstance(details, dict):
        return ()
    names: list[str] = []
    for key in ("unauthorizedActionsByAuthentication", "unauthorizedActionsByIAM"):
        value = details.get(key)
        # Seen as a list of names and, in older reports, as one comma-separated text.
        found = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
        names += [printable(str(name).strip(), 120) for name in found if str(name).strip()]
    return tuple(dict.fromkeys(names))


def error_for(refusal: Refusal) -> MigrateError:
    """The error that a refusal means for the person at the terminal."""
    status, message = refusal.status, refusal.message
    if refusal.says_clock:
        return ConfigurationError(
            f"OVHcloud refused the time of the request, also after its clock was read again: {message}.",
            code="clock-skew",
            next_step=type_again("Set this machine's clock (for example with `timedatectl set-ntp true`)"),
            query_id=refusal.query_id,
        )
    if status in {401, 403, 460} or (status == 400 and "signature" in message.lower()):
        return _credential_error(refusal)
    if status in {404, 410}:
        return _missing_error(refusal)
    if status == 429:
        return _error(
            RemoteError, refusal, "rate-limited", "OVHcloud answers that there are too many requests", "Wait a minute."
        )
    if status >= 500:
        return _error(
            RemoteError, refusal, "remote-unavailable", f"OVHcloud fails ({status})", type_again("Wait a while")
        )
    if status == 409:
        return _error(RemoteError, refusal, "conflict", "OVHcloud sees a conflict", type_again())
    if "quota" in message.lower():
        return _quota_error(refusal)
    return _error(ConfigurationError, refusal, "refused-by-api", f"OVHcloud refused the request ({status})", "")


def _error(kind: type[MigrateError], refusal: Refusal, code: Code, why: str, next_step: str) -> MigrateError:
    what = f"{why}: {refusal.call}: {refusal.message.rstrip('.')}."
    return kind(what, code=code, next_step=next_step, query_id=refusal.query_id)


def _quota_error(refusal: Refusal) -> MigrateError:
    return _error(
        NeedsYouError,
        refusal,
        "quota-exceeded",
        "The project's quota does not allow this",
        "Ask for more in the control panel (Project Management > Quotas), or use fewer apps with `--layout packed`.",
    )


def _credential_error(refusal: Refusal) -> MigrateError:
    lower = refusal.message.lower()
    word = refusal.word.upper()
    if "quota" in lower:
        return _quota_error(refusal)
    if refusal.missing:
        actions = ", ".join(refusal.missing)
        return _error(
            ConfigurationError,
            refusal,
            "not-granted",
            f"The credentials lack the right {actions}",
            f"Allow {actions} in the IAM policy of the identity, or `{refusal.call}` in the consumer key's rules.",
        )
    if "not been granted" in lower or "not granted" in lower or word == "NOT_GRANTED_CALL":
        return _error(
            ConfigurationError,
            refusal,
            "not-granted",
            "The consumer key has not been granted this call",
            f"Make a consumer key whose rules include `{refusal.call}`: `migrate login` makes one with all that are "
            "needed, and `migrate permissions` prints them.",
        )
    expired = refusal.status == 460 or "expired" in lower or "credential is not valid" in lower
    if expired or word == "INVALID_CREDENTIAL":
        return _error(
            ConfigurationError,
            refusal,
            "expired-credential",
            "The credentials are expired or not validated",
            type_again("Make a new consumer key and validate it"),
        )
    return _error(ConfigurationError, refusal, "wrong-key", "OVHcloud does not accept the credentials", _KEYS_STEP)


def _missing_error(refusal: Refusal) -> MigrateError:
    lower = refusal.message.lower()
    if "service does not exist" in lower:
        return _error(
            ConfigurationError,
            refusal,
            "unknown-project",
            "The project does not exist or does not belong to these credentials",
            "Give its id with --project or OVH_CLOUD_PROJECT_SERVICE (32 hex digits in the control panel).",
        )
    serving = "/ai/serving" in refusal.template or "/capabilities/serving" in refusal.template
    if serving and (refusal.status == 410 or "invalid (or empty) url" in lower):
        return ConfigurationError(
            "ML Serving and its API are gone (OVHcloud ended the product in December 2022), "
            "so its namespaces cannot be read.",
            code="ml-serving-gone",
            next_step=_CONTAINER_STEP,
            query_id=refusal.query_id,
        )
    return _error(ConfigurationError, refusal, "not-found", "OVHcloud does not know it", "")


def no_connection(error: BaseException) -> bool:
    """Whether the connection was never made, so that nothing can have been carried out."""
    from urllib3.exceptions import MaxRetryError, NewConnectionError, ProxyError  # noqa: PLC0415

    reason: object = error.args[0] if error.args else None
    if isinstance(reason, MaxRetryError):
        reason = reason.reason
    return isinstance(reason, NewConnectionError | ProxyError)


def proxy_login(error: BaseException) -> ConfigurationError | None:
    """The error for a proxy that refuses the login; None for another failure.

    It is not tried again: directories lock people out who try several times. The text is that of ``http.client``, which
    has no class for it.
    """
    from requests.exceptions import ProxyError  # noqa: PLC0415

    if not isinstance(error, ProxyError) or "Tunnel connection failed: 407" not in str(error):
        return None
    return ConfigurationError(
        "The proxy refuses the name or the password: it answers 407.",
        code="proxy-login",
        next_step=type_again("Correct HTTPS_PROXY, or the proxy in the configuration file (docs/network.md)"),
    )


def shortest(error: BaseException) -> str:
    """What the innermost cause of an error says."""
    inner: object = error
    while isinstance(inner, BaseException) and (reason := getattr(inner, "reason", None) or _first(inner)) is not None:
        inner = reason
    return str(inner).rsplit(": ", 1)[-1].strip(" .()") or type(error).__name__


def _first(error: BaseException) -> BaseException | None:
    return next((argument for argument in reversed(error.args) if isinstance(argument, BaseException)), None)

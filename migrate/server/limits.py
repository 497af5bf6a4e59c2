"""Everything that can be set from outside: ``MIGRATE_*`` environment variables with safe defaults.

docs/server-settings.md lists them for users.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Final

from migrate.server.logs import log

_SERVICE_LINK: Final = "an address and no port: Kubernetes sets it where a service is called migrate"
_MIB: Final = 1024 * 1024


class SettingError(Exception):
    """A variable has a value that cannot be used; the text says which and what it takes."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The server's settings; each field is read from ``MIGRATE_`` and its name in capitals.

    Attributes:
        port: Serving port; 0 takes any free one, and another one for the metrics.
        metrics_port: The old runtime's second port; 0 turns it off.
        max_body_bytes: Largest body, before and after decompression (413).
        max_uploads_bytes: All bodies together that came in pieces, until they are answered (503 with
            ``Retry-After``); 0 means a quarter of the container's memory, and at least one largest body.
        max_header_bytes: Largest request line and headers together (431).
        max_json_depth: Deepest nesting of lists in JSON (400).
        max_image_pixels: Largest image, before it is decoded (413).
        max_in_flight: Requests that compute or wait to (503 with ``Retry-After``).
        header_seconds: Time to send request line and headers (408).
        body_seconds: Time to send the body, plus one second for each 32 KiB already sent, but none in which nothing is
            sent for so long (408).
        write_seconds: Time to take an answer before the connection is cut.
        idle_seconds: How long an idle connection stays open.
        drain_seconds: After SIGTERM, how long new connections are still served while ``/health/ready`` says no.
        stop_seconds: Then, how long running requests may take.
        load_seconds: How long the loading of one model keeps others, which are loaded, from being served.
        row_seconds: How long one row may take an engine in a Java machine (500).
        models_rss: Bytes of memory above which models that are not called for long are unloaded, to be loaded again
            when they are called; 0 keeps all loaded.
        threads: CPUs to use; 0 means the container's quota.
        access_log: Which requests are logged: ``errors``, ``all`` or ``none``.
        tokens_sha256: SHA-256 (hex) of each accepted token; empty accepts everybody.
        cors_origins: Pages of these origins may call from a browser; ``*`` is any.
        plain_gray: Read gray images as they are, not lifted to sRGB as Java did.
        strict_nulls: Refuse JSON nulls in numeric tensors instead of reading 0.
        express: Answer the usual call of a quick model where it was read.
    """

    host: str = "0.0.0.0"  # noqa: S104 - a container's server is reached from outside of it
    port: int = 8080
    metrics_port: int = 8081
    max_body_bytes: int = 100 * _MIB
    max_uploads_bytes: int = 0
    max_header_bytes: int = 16 * 1024
    max_json_depth: int = 32
    max_image_pixels: int = 50_000_000
    max_in_flight: int = 256
    header_seconds: float = 10.0
    body_seconds: float = 30.0
    write_seconds: float = 60.0
    idle_seconds: float = 75.0
    drain_seconds: float = 3.0
    stop_seconds: float = 25.0
    load_seconds: float = 60.0
    row_seconds: float = 30.0
    models_rss: int = 0
    threads: int = 0
    access_log: str = "errors"
    tokens_sha256: frozenset[str] = field(default_factory=frozenset)
    cors_origins: frozenset[str] = field(default_factory=frozenset)
    plain_gray: bool = False
    strict_nulls: bool = False
    express: bool = True


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings of an environment.

    Raises:
        SettingError: When a variable has an unusable value.
    """
    values: dict[str, object] = {}
    for entry in fields(Settings):
        variable = f"MIGRATE_{entry.name.upper()}"
        text = environ.get(variable, "").strip()
        if "://" in text and entry.name.endswith("port"):
            log(logging.WARNING, "a setting is ignored", variable=variable, value=text, reason=_SERVICE_LINK)
        elif text:
            values[entry.name] = _value(variable, entry.name, text)
    settings = Settings(**values)  # type: ignore[arg-type]
    if 0 < settings.max_uploads_bytes < settings.max_body_bytes:
        raise SettingError(
            f"MIGRATE_MAX_UPLOADS_BYTES={settings.max_uploads_bytes} has no room for one body of "
            f"MIGRATE_MAX_BODY_BYTES={settings.max_body_bytes}"
        )
    return settings


def _value(variable: str, name: str, text: str) -> object:
    if name == "host":
        return text
    if name == "access_log":
        return _choice(variable, text)
    if name == "tokens_sha256":
        return _digests(variable, text)
    if name == "cors_origins":
        return _origins(variable, text)
    if name in {"plain_gray", "strict_nulls", "express"}:
        return _flag(variable, text)
    try:
        number = float(text) if name.endswith("_seconds") else int(text)
    except ValueError:
        raise SettingError(f"{variable}={text!r} is not a number") from None
    if not 0 <= number < 2**53 or (number == 0 and name not in _MAY_BE_ZERO):
        raise SettingError(f"{variable}={text!r} is out of range")
    return number


_MAY_BE_ZERO: Final = {"port", "metrics_port", "threads", "drain_seconds", "max_uploads_bytes", "models_rss"}


def _choice(variable: str, text: str) -> str:
    if text not in {"errors", "all", "none"}:
        raise SettingError(f"{variable}={text!r}: use errors, all or none")
    return text


def _flag(variable: str, text: str) -> bool:
    if text.lower() not in {"0", "1", "true", "false", "yes", "no"}:
        raise SettingError(f"{variable}={text!r}: use 1 or 0")
    return text.lower() in {"1", "true", "yes"}


def _digests(variable: str, text: str) -> frozenset[str]:
    digests = [digest for digest in re.split(r"[\s,;]+", text.lower()) if digest]
    if not all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in digests):
        # The value is not shown: somebody may have put the token itself there.
        raise SettingError(f"{variable} takes SHA-256 digests of 64 hex digits, separated by commas")
    return frozenset(digests)


def _origins(variable: str, text: str) -> frozenset[str]:
    origins = frozenset(origin for origin in re.split(r"[\s,;]+", text.lower()) if origin)
    for origin in origins:
        if not re.fullmatch(r"\*|[a-z][a-z0-9+.-]*://[^/@?#*]+|null", origin):
            raise SettingError(
                f"{variable} holds {origin!r}: use * or origins such as https://example.com, without a path"
            )
    return origins

"""A type for secrets, and the filter that keeps their values out of everything that is written."""

import re
import threading
from typing import Final

import msgspec

MASK: Final = "***"

_MINIMUM_LENGTH: Final = 4  # shorter values would mask ordinary text; no service hands out such secrets
_lock = threading.Lock()
_known: set[str] = set()


class Secret:
    """A value that prints as ``***`` and is registered for redaction when it is made."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        if len(value) >= _MINIMUM_LENGTH:
            with _lock:
                _known.add(value)

    def reveal(self) -> str:
        """The value itself, for the call that needs it and nothing else."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> str:
        message = "a Secret is never serialised"
        raise TypeError(message)


def redact(text: str) -> str:
    """``text`` with the value of every secret that this process has read replaced by ``***``."""
    with _lock:
        values = sorted(_known, key=len, reverse=True)
    for value in values:
        if value in text:
            text = text.replace(value, MASK)
    return _TEMPORARY_SIGNATURE.sub(rf"\1{MASK}", text)


def redact_all(value: object) -> object:
    """A JSON value (dicts, lists, texts, numbers) with every text in it redacted.

    Redacting the encoded text instead would miss a secret that JSON escapes.
    """
    match value:
        case str():
            return redact(value)
        case dict():
            return {redact(str(name)): redact_all(part) for name, part in value.items()}
        case list() | tuple():
            return [redact_all(part) for part in value]
        case _:
            return value


# Temporary URLs of object storage carry their right in the query (OpenStack TempURL, S3 presigned).
_TEMPORARY_SIGNATURE: Final = re.compile(r"((?:temp_url_sig|X-Amz-(?:Signature|Credential|Security-Token))=)[^&\s\"']+")


def to_redacted_json(value: object) -> bytes:
    """The JSON text of a value without any secret that this process has read, keys sorted."""
    return msgspec.json.encode(redact_all(msgspec.to_builtins(value)), order="sorted")

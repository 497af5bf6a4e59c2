"""JSON text of values as the journal writes it: no secret that this process has read is in it."""

import msgspec

from migrate.core.secret import redact


def to_redacted_json(value: object) -> bytes:
    """The JSON text of a value, keys sorted, each text redacted before it is encoded.

    Redacting the encoded text would miss a secret that JSON escapes.
    """
    return msgspec.json.encode(_redacted(msgspec.to_builtins(value)), order="sorted")


def _redacted(value: object) -> object:
    match value:
        case str():
            return redact(value)
        case dict():
            return {redact(str(name)): _redacted(part) for name, part in value.items()}
        case list() | tuple():
            return [_redacted(part) for part in value]
        case _:
            return value

"""JSON text of values as the journal writes it: no secret that this process has read is in it."""

import msgspec

from migrate.core.secret import redact_all


def to_redacted_json(value: object) -> bytes:
    """The JSON text of a value, redacted, keys sorted."""
    return msgspec.json.encode(redact_all(msgspec.to_builtins(value)), order="sorted")

"""From decoded JSON to a typed record: unknown fields are ignored, a wrong type is the service's fault."""

from typing import TypeVar

import msgspec

from migrate.core.errors import RemoteError

T = TypeVar("T")


def convert(value: object, kind: type[T], what: str) -> T:
    """``value`` as a record (or a tuple of records) of the given type.

    Raises:
        RemoteError: ``unexpected-answer`` when the answer is not what the contract says.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise RemoteError(
            f"OVHcloud's answer about {what} is not what its API describes: {error}.",
            code="unexpected-answer",
            next_step="Update this tool; if it is the newest version, report this line.",
        ) from error

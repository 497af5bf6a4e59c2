"""The schema numbers of stored values, and stored texts as values again.

Each stored text has the number of the form in which it was written. A struct says its present one as ``SCHEMA``; 1,
that of release 0.1.0, goes without saying. Whoever changes the fields of a stored struct, or of one inside it, gives
it the next number and sees that texts of the former numbers can still be read, by defaults or by a static method
``of_former`` of the struct, which takes the stored fields and their number and returns the present ones. A test
compares each struct with the form that its number stands for.
"""

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from migrate.core.errors import LocalError
from migrate.core.text import printable

T = TypeVar("T")

FIRST: Final = 1

_DAMAGED: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)


class UnreadableError(LocalError):
    """A stored value that this version cannot read.

    Attributes:
        newer: Whether a newer release wrote it, so that it must be left alone; otherwise it is damaged, and what can
            be made again may take its place.
    """

    def __init__(self, what: str, *, next_step: str, newer: bool) -> None:
        self.newer = newer
        super().__init__(what, code="journal-format" if newer else "journal-value", next_step=next_step)


def number_of(kind: type) -> int:
    """The schema number of the values of a type as this version writes them."""
    number: int = getattr(kind, "SCHEMA", FIRST)
    return number


def read(text: bytes, kind: type[T], number: int, *, newest: int, what: Callable[[], str], next_step: str) -> T:
    """A stored value.

    Args:
        text: Its JSON.
        kind: Its type.
        number: The schema number it was written with.
        newest: The one that this version writes.
        what: Says what it is, for the sentence ``WHAT cannot be read``.
        next_step: What to do when it is damaged.

    Raises:
        UnreadableError: This version cannot read it.
    """
    if number > newest:
        raise UnreadableError(
            f"{what()} was written by a newer release of migrate: its schema is {number}, and this one reads up to "
            f"{newest}.",
            next_step="Use that release, or name another --workspace.",
            newer=True,
        )
    try:
        former = getattr(kind, "of_former", None)
        if former is not None and number < newest:
            return msgspec.convert(former(msgspec.json.decode(text, type=dict[str, object]), number), type=kind)
        return msgspec.json.decode(text, type=kind)
    except _DAMAGED as error:
        raise UnreadableError(
            f"{what()} cannot be read: {printable(str(error), 200)}.", next_step=next_step, newer=False
        ) from error


def loosely(text: bytes) -> dict[str, object]:
    """The fields of a stored object, whatever release wrote them; none where it is damaged."""
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except _DAMAGED:
        return {}

"""Dates for sample requests, between 2000 and 2024."""

from random import Random
from typing import Final

from migrate.parity.oracles.java_dates import SECOND, DateError, written

_FIRST: Final = 946_684_800  # 2000-01-01, in seconds since 1970
_MINUTES: Final = 25 * 365 * 24 * 60
_SECONDS: Final = {
    "TS_Y": 31_556_952, "TS_MO": 2_629_746, "TS_D": 86_400, "TS_H": 3600, "TS_MI": 60, "TS_S": 1,
}  # fmt: skip
_PARTS: Final = {"TS_MS": 1000, "TS_US": 1_000_000, "TS_NS": SECOND}


def date_text(pattern: str, random: Random) -> str | None:
    """A date and time in a pattern; None where the pattern has a letter not known here."""
    try:
        return written(pattern, _seconds(random) * SECOND)
    except DateError:
        return None


def date_number(word: str, random: Random) -> int | None:
    """A date and time as a count since 1970, in the unit of a date-time encoder's format; None for another format."""
    seconds = _seconds(random)
    if word in _PARTS:
        return seconds * _PARTS[word]
    return seconds // _SECONDS[word] if word in _SECONDS else None


def _seconds(random: Random) -> int:
    return _FIRST + 60 * int(random.random() * _MINUTES)

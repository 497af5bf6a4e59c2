"""Dates as text in the patterns of Java's ``DateTimeFormatter``, for sample requests."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Final

_RUN: Final = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[\[\]]|.", re.DOTALL)
_FIRST: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - the patterns have no zone
_MINUTES: Final = 25 * 365 * 24 * 60

_Letter = Callable[[datetime, int], str]


def _number(get: Callable[[datetime], int]) -> _Letter:
    return lambda moment, count: f"{get(moment):0{count}d}"


def _year(moment: datetime, count: int) -> str:
    return f"{moment.year % 100:02d}" if count == 2 else f"{moment.year:0{count}d}"


def _month(moment: datetime, count: int) -> str:
    return {3: f"{moment:%b}", 4: f"{moment:%B}"}.get(count, f"{moment.month:0{count}d}")


_LETTERS: Final[Mapping[str, _Letter]] = {
    "y": _year,
    "u": _year,
    "M": _month,
    "L": _month,
    "d": _number(lambda moment: moment.day),
    "D": _number(lambda moment: moment.timetuple().tm_yday),
    "H": _number(lambda moment: moment.hour),
    "k": _number(lambda moment: moment.hour or 24),
    "K": _number(lambda moment: moment.hour % 12),
    "h": _number(lambda moment: moment.hour % 12 or 12),
    "m": _number(lambda moment: moment.minute),
    "s": _number(lambda moment: moment.second),
    "S": lambda _, count: "0" * count,
    "n": lambda _, count: "0" * count,
    "a": lambda moment, _: "AM" if moment.hour < 12 else "PM",
    "E": lambda moment, count: f"{moment:%A}" if count == 4 else f"{moment:%a}",
}


def date_text(pattern: str, random: Random) -> str | None:
    """A date and time between 2000 and 2024 in a pattern; None where the pattern has a letter not known here."""
    moment = _FIRST + timedelta(minutes=int(random.random() * _MINUTES))
    text = ""
    for found in _RUN.finditer(pattern):
        run, letter = found[0], found[2]
        if letter is not None:
            known = _LETTERS.get(letter)
            if known is None:
                return None
            text += known(moment, len(run))
        elif found[1] is not None:
            text += found[1].replace("''", "'") or "'"
        elif run not in "[]":
            text += run
    return text

"""Date and time text by the patterns of Java's ``DateTimeFormatter`` (its documentation, "Patterns for Formatting").

The letters y u M L d D H h K k m s S n A N a E, quoted text and optional sections, in English; as ``ofPattern`` makes
them: strict on widths, and day 31 of a shorter month is its last day.
"""

import re
from calendar import day_abbr, day_name, month_abbr, month_name, monthrange
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

NANOS: Final = 1_000_000_000
DAY_NANOS: Final = 86_400 * NANOS
EPOCH: Final = date(1970, 1, 1)

_MONTHS: Final = {3: tuple(month_abbr)[1:], 4: tuple(month_name)[1:]}
_DAYS: Final = {3: tuple(day_abbr), 4: tuple(day_name)}
_HALVES: Final = ("AM", "PM")
_LETTERS: Final = frozenset("yuMLdDHhKkmsSnANaE")


class PatternError(Exception):
    """The pattern is none, or has letters that are not served; the text says which."""


class TextError(Exception):
    """A text does not fit the pattern, or is no date and time."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A date and time without a zone: the day, and the nanoseconds since its midnight."""

    day: date
    nanos: int

    @property
    def since_epoch(self) -> int:
        """Nanoseconds since 1970-01-01T00:00."""
        return (self.day - EPOCH).days * DAY_NANOS + self.nanos


def moment_at(since_epoch: int) -> Moment:
    """The moment so many nanoseconds after 1970-01-01T00:00.

    Raises:
        TextError: It lies outside of the years 1 to 9999.
    """
    days, nanos = divmod(since_epoch, DAY_NANOS)
    try:
        return Moment(EPOCH + timedelta(days=days), nanos)
    except OverflowError as error:
        raise TextError("the year is not within 1 and 9999") from error


class Pattern:
    """A pattern, compiled for both directions."""

    def __init__(self, text: str) -> None:
        self._parts = _parts(text, iter(range(1000)))
        self._regex = re.compile("".join(part.regex for part in self._parts))

    def format(self, moment: Moment) -> str:
        """The text of a moment."""
        return "".join(part.format(moment) for part in self._parts)

    def parse(self, text: str) -> Moment:
        """The moment that a text names; month and day default to 1, the time to midnight.

        Raises:
            TextError: It does not fit the pattern, has no year, or a value is out of range.
        """
        found = self._regex.fullmatch(text)
        if found is None:
            raise TextError(f"{text!r} does not fit the pattern")
        values: dict[str, int] = {}
        for name, part in _by_group(self._parts):
            value = found[name]
            if value is None:
                continue
            number = part.read(value)
            if values.setdefault(part.field, number) != number:
                raise TextError(f"{text!r} says two different things")
        return _resolve(text, values)


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of a pattern: a literal, an optional section, or a field (``group`` names it in the regex)."""

    regex: str
    format: Callable[[Moment], str]
    field: str = ""
    group: str = ""
    read: Callable[[str], int] = int
    inner: tuple["_Part", ...] = ()


def _by_group(parts: tuple[_Part, ...]) -> Iterator[tuple[str, _Part]]:
    for part in parts:
        if part.group:
            yield part.group, part
        yield from _by_group(part.inner)


def _parts(text: str, numbers: Iterator[int]) -> tuple[_Part, ...]:
    parts: list[_Part] = []
    place = 0
    while place < len(text):
        letter = text[place]
        if letter == "'":
            literal, place = _quoted(text, place)
            parts.append(_literal(literal))
        elif letter == "[":
            end = _closing(text, place)
            inner = _parts(text[place + 1 : end], numbers)
            parts.append(_optional(inner))
            place = end + 1
        elif letter.isascii() and letter.isalpha():
            end = place
            while end < len(text) and text[end] == letter:
                end += 1
            parts.append(_field(letter, end - place, next(numbers)))
            place = end
        elif letter in "]{}#":
            raise PatternError(f"{letter!r} at position {place} of the pattern")
        else:
            parts.append(_literal(letter))
            place += 1
    return tuple(parts)


def _quoted(text: str, place: int) -> tuple[str, int]:
    if text.startswith("''", place):
        return "'", place + 2
    literal, place = "", place + 1
    while place < len(text):
        if text.startswith("''", place):
            literal, place = literal + "'", place + 2
        elif text[place] == "'":
            return literal, place + 1
        else:
            literal, place = literal + text[place], place + 1
    raise PatternError("a quote of the pattern has no end")


def _closing(text: str, place: int) -> int:
    depth = 0
    while place < len(text):
        if text[place] == "'":
            _, place = _quoted(text, place)
            continue
        depth += {"[": 1, "]": -1}.get(text[place], 0)
        if depth == 0:
            return place
        place += 1
    raise PatternError("a bracket of the pattern has no end")


def _literal(text: str) -> _Part:
    return _Part(re.escape(text), lambda _: text)


def _optional(inner: tuple[_Part, ...]) -> _Part:
    regex = "".join(part.regex for part in inner)
    return _Part(f"(?:{regex})?", lambda moment: "".join(part.format(moment) for part in inner), inner=inner)


# What a letter with a number reads from a moment, and its range.
_NUMBERS: Final[Mapping[str, Callable[[Moment], int]]] = {
    "y": lambda moment: moment.day.year,
    "u": lambda moment: moment.day.year,
    "M": lambda moment: moment.day.month,
    "L": lambda moment: moment.day.month,
    "d": lambda moment: moment.day.day,
    "D": lambda moment: moment.day.timetuple().tm_yday,
    "H": lambda moment: moment.nanos // (3600 * NANOS),
    "k": lambda moment: moment.nanos // (3600 * NANOS) or 24,
    "K": lambda moment: moment.nanos // (3600 * NANOS) % 12,
    "h": lambda moment: moment.nanos // (3600 * NANOS) % 12 or 12,
    "m": lambda moment: moment.nanos // (60 * NANOS) % 60,
    "s": lambda moment: moment.nanos // NANOS % 60,
    "n": lambda moment: moment.nanos % NANOS,
    "A": lambda moment: moment.nanos // 1_000_000,
    "N": lambda moment: moment.nanos,
}
_SAME: Final = {"u": "y", "L": "M"}


def _field(letter: str, count: int, number: int) -> _Part:
    if letter not in _LETTERS:
        raise PatternError(f"the letter {letter!r} of the pattern")
    field, group = _SAME.get(letter, letter), f"g{number}"
    if letter in "ML" and count > 2:
        return _words(field, group, _table(_MONTHS, letter, count), lambda moment: moment.day.month - 1)
    if letter == "E":
        return _words(field, group, _table(_DAYS, letter, max(count, 3)), lambda moment: moment.day.weekday())
    if letter == "a" and count == 1:
        return _words(field, group, _HALVES, lambda moment: moment.nanos * 2 // DAY_NANOS)
    if letter == "S" and count <= 9:
        scale = 10 ** (9 - count)
        return _Part(
            f"(?P<{group}>[0-9]{{{count}}})",
            lambda moment: f"{moment.nanos % NANOS // scale:0{count}d}",
            "n",
            group,
            lambda text: int(text) * scale,
        )
    if letter in "yu":
        return _year(letter, count, group)
    longest = {"D": 3, "A": 19, "N": 19, "n": 19}.get(letter, 2)
    if letter not in _NUMBERS or count > longest:
        raise PatternError(f"{letter * count!r} of the pattern")
    get = _NUMBERS[letter]
    digits = f"{{1,{longest}}}" if count == 1 else f"{{{count}}}" if longest < 4 else f"{{{count},19}}"
    return _Part(f"(?P<{group}>[0-9]{digits})", lambda moment: f"{get(moment):0{count}d}", field, group)


def _year(letter: str, count: int, group: str) -> _Part:
    if count == 2:  # reduced: 2000 to 2099
        return _Part(
            f"(?P<{group}>[0-9]{{2}})",
            lambda moment: f"{moment.day.year % 100:02d}",
            "y",
            group,
            lambda text: 2000 + int(text),
        )
    if count > 9:
        raise PatternError(f"{letter * count!r} of the pattern")
    # From four digits on a longer number needs a sign.
    width = (
        "[0-9]{1,9}"
        if count == 1
        else "[0-9]{3,9}"
        if count == 3
        else rf"(?:[0-9]{{{count}}}|\+[0-9]{{{count + 1},9}})"
    )
    return _Part(f"(?P<{group}>{width})", lambda moment: f"{moment.day.year:0{count}d}", "y", group)


def _table(tables: Mapping[int, tuple[str, ...]], letter: str, count: int) -> tuple[str, ...]:
    if count not in tables:
        raise PatternError(f"{letter * count!r} of the pattern")
    return tables[count]


def _words(field: str, group: str, words: tuple[str, ...], index: Callable[[Moment], int]) -> _Part:
    regex = "|".join(sorted(words, key=len, reverse=True))
    first = 0 if field == "a" else 1
    return _Part(
        f"(?P<{group}>{regex})",
        lambda moment: words[index(moment)],
        field,
        group,
        lambda text: words.index(text) + first,
    )


_RANGES: Final = {
    "M": (1, 12), "d": (1, 31), "D": (1, 366), "H": (0, 24), "k": (1, 24), "K": (0, 11), "h": (1, 12), "m": (0, 59),
    "s": (0, 59), "n": (0, NANOS - 1), "A": (0, 86_399_999), "N": (0, DAY_NANOS - 1),
}  # fmt: skip


def _resolve(text: str, values: Mapping[str, int]) -> Moment:
    for field, (low, high) in _RANGES.items():
        if not low <= values.get(field, low) <= high:
            raise TextError(f"{text!r}: {values[field]} is out of range")
    year = values.get("y")
    if year is None or not 1 <= year <= 9999:
        raise TextError(f"{text!r} has no year" if year is None else f"{text!r}: the year is not within 1 and 9999")
    if "D" in values:
        day = date(year, 1, 1) + timedelta(days=values["D"] - 1)
        if day.year != year:
            raise TextError(f"{text!r}: the year has no day {values['D']}")
    else:
        month = values.get("M", 1)
        day = date(year, month, min(values.get("d", 1), monthrange(year, month)[1]))
    if "E" in values and day.isoweekday() != values["E"]:
        raise TextError(f"{text!r}: the day of the week is another one")
    nanos = _time(text, values)
    try:
        return Moment(day + timedelta(days=nanos // DAY_NANOS), nanos % DAY_NANOS)
    except OverflowError as error:
        raise TextError(f"{text!r}: the year is not within 1 and 9999") from error


def _time(text: str, values: Mapping[str, int]) -> int:
    if "N" in values:
        return values["N"]
    if "A" in values:
        return values["A"] * 1_000_000
    hour = values.get("H", values["k"] % 24 if "k" in values else None)
    half = values.get("K", values["h"] % 12 if "h" in values else None)
    if hour is None and half is not None:
        if "a" not in values:
            raise TextError(f"{text!r} does not say which half of the day")
        hour = half + 12 * values["a"]
    rest = (values.get("m", 0) * 60 + values.get("s", 0)) * NANOS + values.get("n", 0)
    if hour == 24 and rest:
        raise TextError(f"{text!r}: 24 is the end of a day")
    return (hour or 0) * 3600 * NANOS + rest

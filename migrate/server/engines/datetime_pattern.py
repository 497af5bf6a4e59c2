"""Date and time text by the patterns of Java's ``DateTimeFormatter`` (its documentation, "Patterns for Formatting").

The letters y u M L d D H h K k m s S n A N a E, quoted text and optional sections, in English; as ``appendPattern``
makes them: strict on widths, and day 31 of a shorter month is its last day. A text is read from left to right and
nothing is tried twice, as Java does it: a number takes all the digits it may, but leaves those of the numbers of one
width that follow it at once; an optional section that fits is taken, whatever comes after.

The old runtime also defaulted the month and day to 1 January and the hour, minute and second to 0 before it compared
what a text says twice, so that ``D``, ``h``, ``K``, ``k``, ``A`` and ``N`` could hardly be read; here they are.
"""

import re
from calendar import day_abbr, day_name, isleap, month_abbr, month_name, monthrange
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final, Protocol

NANOS: Final = 1_000_000_000
DAY_NANOS: Final = 86_400 * NANOS
EPOCH: Final = date(1970, 1, 1)

_MONTHS: Final = {3: tuple(month_abbr)[1:], 4: tuple(month_name)[1:], 5: tuple(name[:1] for name in month_name)[1:]}
_DAYS: Final = {3: tuple(day_abbr), 4: tuple(day_name), 5: tuple(name[0] for name in day_name)}
_HALVES: Final = ("AM", "PM")
_MAXIMUM_DEPTH: Final = 32
_NO: Final = -1  # where a text goes on after a part that it does not fit


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
        self._parts, place = _section(text, 0, 0)
        if place < len(text):
            raise PatternError(f"']' at position {place} of the pattern")

    def format(self, moment: Moment) -> str:
        """The text of a moment."""
        return "".join(part.format(moment) for part in self._parts)

    def parse(self, text: str) -> Moment:
        """The moment that a text names; month and day default to 1, the time to midnight.

        Raises:
            TextError: It does not fit the pattern, has no year, or a value is out of range.
        """
        values: dict[str, int] = {}
        if _through(self._parts, text, 0, values) != len(text):
            raise TextError(f"{text!r} does not fit the pattern")
        return _resolve(text, values)


class _Part(Protocol):
    """A piece of a pattern."""

    def format(self, moment: Moment) -> str:
        """The text of a moment."""

    def parse(self, text: str, at: int, values: dict[str, int]) -> int:
        """Where a text goes on that has this piece at a place; adds what it says to the values, or gives -1."""


@dataclass(frozen=True, slots=True)
class _Literal:
    """Text that stands for itself."""

    text: str

    def format(self, moment: Moment) -> str:
        del moment
        return self.text

    def parse(self, text: str, at: int, values: dict[str, int]) -> int:
        del values
        return at + len(self.text) if text.startswith(self.text, at) else _NO


@dataclass(frozen=True, slots=True)
class _Optional:
    """A section that a text may lack."""

    inner: tuple[_Part, ...]

    def format(self, moment: Moment) -> str:
        return "".join(part.format(moment) for part in self.inner)

    def parse(self, text: str, at: int, values: dict[str, int]) -> int:
        said = dict(values)
        end = _through(self.inner, text, at, said)
        if end == _NO:
            return at
        values.update(said)
        return end


@dataclass(frozen=True, slots=True)
class _Words:
    """A field in words; ``words`` in the order of its values, the first of which is ``first``."""

    field: str
    words: tuple[str, ...]
    first: int
    index: Callable[[Moment], int]

    def format(self, moment: Moment) -> str:
        return self.words[self.index(moment)]

    def parse(self, text: str, at: int, values: dict[str, int]) -> int:
        # Java remembers the last of several values with one word: J is July.
        values_of = {word: value for value, word in enumerate(self.words, self.first)}
        for word in sorted(values_of, key=len, reverse=True):
            if text.startswith(word, at):
                return _said(values, self.field, values_of[word], at + len(word))
        return _NO


_DIGITS: Final = re.compile("[0-9]*")


@dataclass(frozen=True, slots=True)
class _Number:
    """A field in digits, ``least`` to ``most`` of them.

    ``signs`` are those that a text may have: none, a minus, or both, where a plus says that there are more digits than
    the least. ``reserved`` digits are left to what follows. ``scale`` and ``base`` make the value of the number.
    """

    field: str
    least: int
    most: int
    get: Callable[[Moment], int]
    signs: str = ""
    reserved: int = 0
    scale: int = 1
    base: int = 0

    @property
    def fixed(self) -> bool:
        """Whether it has one width."""
        return self.least == self.most and not self.signs

    def format(self, moment: Moment) -> str:
        return f"{self.get(moment):0{self.least}d}"

    def parse(self, text: str, at: int, values: dict[str, int]) -> int:
        sign = text[at : at + 1]
        start = at + 1 if sign and sign in self.signs else at
        found = _DIGITS.match(text, start, start + self.most + self.reserved)
        length = 0 if found is None else found.end() - start
        if length < self.least:
            return _NO
        if self.reserved:
            length = max(self.least, length - self.reserved)
        number = int(text[start : start + length])
        if number >> 63:
            number, length = number // 10, length - 1
        if start > at and sign == "-":
            if number == 0:
                return _NO
            number = -number
        elif "+" in self.signs and (length > self.least) != (start > at):
            return _NO
        return _said(values, self.field, number * self.scale + self.base, start + length)


def _said(values: dict[str, int], field: str, value: int, end: int) -> int:
    return end if values.setdefault(field, value) == value else _NO


def _through(parts: Sequence[_Part], text: str, at: int, values: dict[str, int]) -> int:
    for part in parts:
        at = part.parse(text, at, values)
        if at == _NO:
            break
    return at


def _section(text: str, place: int, depth: int) -> tuple[tuple[_Part, ...], int]:
    """The parts from a place to the end of its section, which the pattern's end is too, and where that is."""
    if depth > _MAXIMUM_DEPTH:
        raise PatternError(f"brackets of the pattern in more than {_MAXIMUM_DEPTH} others")
    parts: list[_Part] = []
    while place < len(text) and text[place] != "]":
        letter = text[place]
        if letter == "'":
            literal, place = _quoted(text, place)
            parts.append(_Literal(literal))
        elif letter == "[":
            inner, place = _section(text, place + 1, depth + 1)
            parts.append(_Optional(inner))
            place += 1
        elif letter.isascii() and letter.isalpha():
            count = 1
            while text.startswith(letter, place + count):
                count += 1
            parts.append(_field(letter, count))
            place += count
        elif letter in "{}#":
            raise PatternError(f"{letter!r} at position {place} of the pattern")
        else:
            parts.append(_Literal(letter))
            place += 1
    return _reserved(parts), min(place, len(text))


def _reserved(parts: list[_Part]) -> tuple[_Part, ...]:
    """The parts, where a number knows how many digits of it belong to those of one width that follow at once."""
    first: int | None = None
    for place, part in enumerate(parts):
        base = None if first is None else parts[first]
        if isinstance(part, _Number) and part.fixed and isinstance(base, _Number) and first is not None:
            parts[first] = replace(base, reserved=base.reserved + part.most)
        else:
            first = place if isinstance(part, _Number) else None
    return tuple(parts)


def _quoted(text: str, place: int) -> tuple[str, int]:
    end = place + 1
    while text.startswith("''", end) or (end < len(text) and text[end] != "'"):
        end += 2 if text[end] == "'" else 1
    if end >= len(text):
        raise PatternError("a quote of the pattern has no end")
    return text[place + 1 : end].replace("''", "'") or "'", end + 1


# What a letter with a number reads from a moment.
_NUMBERS: Final[Mapping[str, Callable[[Moment], int]]] = {
    "y": lambda moment: moment.day.year,
    "u": lambda moment: moment.day.year,
    "M": lambda moment: moment.day.month,
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
_MOST: Final = 19  # digits of a number whose width is free


def _field(letter: str, count: int) -> _Part:
    field = "M" if letter == "L" else letter
    if field == "M" and count in _MONTHS:
        return _Words("M", _MONTHS[count], 1, lambda moment: moment.day.month - 1)
    if letter == "E" and count <= 5:
        return _Words("E", _DAYS[max(count, 3)], 1, lambda moment: moment.day.weekday())
    if letter == "a" and count == 1:
        return _Words("a", _HALVES, 0, lambda moment: moment.nanos * 2 // DAY_NANOS)
    if letter == "S" and count <= 9:
        scale = 10 ** (9 - count)
        return _Number("n", count, count, lambda moment: moment.nanos % NANOS // scale, scale=scale)
    if letter in "yu" and count == 2:  # 2000 to 2099
        return _Number(field, 2, 2, lambda moment: moment.day.year % 100, base=2000)
    free = {"y": _MOST, "u": _MOST, "n": _MOST, "A": _MOST, "N": _MOST, "D": 3}.get(letter, 2)
    if field not in _NUMBERS or count > free:
        raise PatternError(f"{letter * count!r} of the pattern")
    if letter in "nAN" or (letter == "D" and count > 1):
        return _Number(field, count, free, _NUMBERS[field])
    if letter in "yu" and count > 3:
        return _Number(field, count, _MOST, _NUMBERS[field], signs="+-")
    most = _MOST if count == 1 or letter in "yu" else count
    return _Number(field, count, most, _NUMBERS[field], signs="-" if count != 2 else "")


_RANGES: Final = {
    "y": (1, 9999), "u": (1, 9999), "M": (1, 12), "d": (1, 31), "D": (1, 366), "E": (1, 7), "a": (0, 1), "H": (0, 24),
    "k": (0, 24), "K": (0, 11), "h": (0, 12), "m": (0, 59), "s": (0, 59), "n": (0, NANOS - 1),
    "A": (0, DAY_NANOS // 1_000_000 - 1), "N": (0, DAY_NANOS - 1),
}  # fmt: skip


def _resolve(text: str, values: Mapping[str, int]) -> Moment:
    for field, value in values.items():
        low, high = _RANGES[field]
        if not low <= value <= high:
            raise TextError(f"{text!r}: {value} is out of range")
    said = _Said(text, values)
    day, nanos = said.day(), said.time()
    try:
        return Moment(day + timedelta(days=nanos // DAY_NANOS), nanos % DAY_NANOS)
    except OverflowError as error:
        raise TextError(f"{text!r}: the year is not within 1 and 9999") from error


class _Said:
    """What a text says, field by field; whatever it says twice must agree."""

    def __init__(self, text: str, values: Mapping[str, int]) -> None:
        self._text = text
        self._values = values

    def day(self) -> date:
        """The day: of a month, or of the year."""
        values = self._values
        year = values.get("y", values.get("u"))
        if year is None:
            raise TextError(f"{self._text!r} has no year")
        if "D" in values and not {"M", "d"} <= values.keys():
            if values["D"] > 365 + isleap(year):
                raise TextError(f"{self._text!r}: the year has no day {values['D']}")
            found = date(year, 1, 1) + timedelta(days=values["D"] - 1)
            self._agree(Moment(found, 0), "Md")
        else:
            month = values.get("M", 1)
            found = date(year, month, min(values.get("d", 1), monthrange(year, month)[1]))
        self._agree(Moment(found, 0), "uD")
        if values.get("E", found.isoweekday()) != found.isoweekday():
            raise self._twice()
        return found

    def time(self) -> int:
        """Nanoseconds since midnight; those of a whole day, for the hour 24."""
        values = self._values
        hours = self._hours()
        if len(hours) > 1:
            raise self._twice()
        hour = hours.pop() if hours else None
        if "N" in values:
            nanos = values["N"]
        elif "A" in values:
            nanos = values["A"] * 1_000_000 + values.get("n", 0) % 1_000_000
        else:
            rest = (values.get("m", 0) * 60 + values.get("s", 0)) * NANOS + values.get("n", 0)
            if hour == 24 and rest:
                raise TextError(f"{self._text!r}: 24 is the end of a day")
            nanos = (hour or 0) * 3600 * NANOS + rest
        if hour not in (None, nanos // (3600 * NANOS)):
            raise self._twice()
        moment = Moment(EPOCH, nanos % DAY_NANOS)
        self._agree(moment, "msnANK")
        if "h" in values and values["h"] % 12 != _NUMBERS["K"](moment):
            raise self._twice()
        if "a" in values and values["a"] != moment.nanos * 2 // DAY_NANOS:
            raise self._twice()
        return nanos

    def _hours(self) -> set[int]:
        """The hours of the day that are said; one, unless they contradict each other."""
        values = self._values
        hours = {values["H"]} if "H" in values else set()
        if "k" in values:
            hours.add(values["k"] % 24)
        if "a" in values:
            hours |= {values[field] % 12 + 12 * values["a"] for field in "Kh" if field in values}
        return hours

    def _agree(self, moment: Moment, fields: str) -> None:
        for field in fields:
            if field in self._values and self._values[field] != _NUMBERS[field](moment):
                raise self._twice()

    def _twice(self) -> TextError:
        return TextError(f"{self._text!r} says two different things")

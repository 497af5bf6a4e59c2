"""Dates as text in the patterns of Java's ``DateTimeFormatter``, both ways, in English.

A moment is the number of nanoseconds since 1970-01-01T00:00, without a zone.
"""

import re
from calendar import day_abbr, day_name, month_abbr, month_name, monthrange
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Union

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the patterns have no zone
SECOND = 1_000_000_000

_DAY = 86_400 * SECOND
_RUN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^'{}#]", re.DOTALL)
_HALVES = ("AM", "PM")
_MONTHS = {3: tuple(month_abbr), 4: tuple(month_name), 5: tuple(name[:1] for name in month_name)}
_DAYS = {3: ("", *day_abbr), 4: ("", *day_name), 5: ("", *(name[:1] for name in day_name))}
_MOST = 19  # digits of a number whose width is free


def nanos_of_day(moment: datetime, nanos: int) -> int:
    """Nanoseconds since midnight."""
    return (moment.hour * 3600 + moment.minute * 60 + moment.second) * SECOND + nanos


# Field: its number in a date and time with its nanoseconds.
_NUMBERS: dict[str, Callable[[datetime, int], int]] = {
    "y": lambda moment, _: moment.year,
    "u": lambda moment, _: moment.year,
    "M": lambda moment, _: moment.month,
    "d": lambda moment, _: moment.day,
    "D": lambda moment, _: moment.timetuple().tm_yday,
    "E": lambda moment, _: moment.isoweekday(),
    "a": lambda moment, _: moment.hour // 12,
    "H": lambda moment, _: moment.hour,
    "k": lambda moment, _: moment.hour or 24,
    "K": lambda moment, _: moment.hour % 12,
    "h": lambda moment, _: moment.hour % 12 or 12,
    "m": lambda moment, _: moment.minute,
    "s": lambda moment, _: moment.second,
    "n": lambda _, nanos: nanos,
    "A": lambda moment, nanos: nanos_of_day(moment, nanos) // 1_000_000,
    "N": nanos_of_day,
}


class DateError(Exception):
    """A pattern with letters not known here, or a text that does not fit its pattern."""


class _Piece(NamedTuple):
    """A literal or a field.

    ``regex`` finds it before so many digits that belong to what follows, ``value`` is that of a text found, and
    ``text`` that of a value. ``width`` is that of a number that has one alone.
    """

    regex: Callable[[int], str]
    text: Callable[[int], str]
    field: str = ""
    value: Callable[[str], int] = int
    width: int = 0


_Section = list[Union[_Piece, "_Section"]]


def moment_of(nanos: int) -> tuple[datetime, int]:
    """The date and time of a moment, and its nanoseconds within the second."""
    seconds, rest = divmod(nanos, SECOND)
    return EPOCH + timedelta(seconds=seconds), rest


def written(pattern: str, nanos: int) -> str:
    """The text of a moment, with all optional sections.

    Raises:
        DateError: The pattern is none, or has a letter that is not known here.
    """
    fields = _fields(nanos)
    return "".join(piece.text(fields.get(piece.field, 0)) for piece in _flat(_sections(pattern)))


def read(pattern: str, text: str) -> int:
    """The moment that a text names; month and day default to the first, the time to midnight.

    Raises:
        DateError: The text does not fit, or the pattern is none or has a letter that is not known here.
    """
    values: dict[str, int] = {}
    if _follow(_sections(pattern), text, 0, values) != len(text):
        raise DateError(f"{text!r} does not fit {pattern!r}")
    try:
        return _moment(values)
    except (KeyError, ValueError, OverflowError) as error:
        raise DateError(f"{text!r}: {error}") from error


def _fields(nanos: int) -> dict[str, int]:
    moment = moment_of(nanos)
    return {field: number(*moment) for field, number in _NUMBERS.items()}


def _sections(pattern: str) -> _Section:
    """The pieces of a pattern; an optional section is a list of its own, and ends with the pattern at the latest."""
    stack: list[_Section] = [[]]
    place = 0
    while place < len(pattern):
        found = _RUN.match(pattern, place)
        if found is None:
            raise DateError(f"{pattern[place]!r} in a pattern")
        place = found.end()
        if found[0] == "[":
            inner: _Section = []
            stack[-1].append(inner)
            stack.append(inner)
        elif found[0] == "]":
            stack.pop()
            if not stack:
                raise DateError("']' in a pattern without '['")
        elif found[2] is not None:
            stack[-1].append(_field(found[2], len(found[0])))
        else:
            stack[-1].append(_literal(found[0] if found[1] is None else found[1].replace("''", "'") or "'"))
    return stack[0]


def _flat(section: _Section) -> list[_Piece]:
    return [one for piece in section for one in ([piece] if isinstance(piece, _Piece) else _flat(piece))]


def _literal(text: str) -> _Piece:
    return _Piece(lambda _: re.escape(text), lambda _: text)


def _field(letter: str, count: int) -> _Piece:
    """What a run of a letter stands for, with the digits that Java takes for it."""
    field = {"L": "M", "S": "n"}.get(letter, letter)
    if field == "M" and count in _MONTHS:
        return _words("M", _MONTHS[count])
    if letter == "E" and count <= 5:
        return _words("E", _DAYS[max(3, count)])
    if letter == "a" and count == 1:
        return _words("a", _HALVES)
    if letter == "S" and count <= 9:
        number = _number("n", count, count)
        return number._replace(value=lambda text: int(text.ljust(9, "0")), text=lambda value: f"{value:09d}"[:count])
    if letter in "yu" and count == 2:
        number = _number(field, 2, 2)
        return number._replace(value=lambda text: 2000 + int(text), text=lambda value: f"{value % 100:02d}")
    most = {"n": _MOST, "A": _MOST, "N": _MOST, "y": _MOST, "u": _MOST, "D": 3}.get(letter, 2)
    if letter in "SEa" or field not in _NUMBERS or count > most:
        raise DateError(f"the letters {letter * count!r} of the pattern")
    if letter in "yu" and count > 3:
        return _number(field, count, _MOST)._replace(regex=lambda behind: _padded(count, behind))
    if letter in "nAN" or count > 1:
        return _number(field, count, most, "-?" if letter in "yu" else "")
    return _number(field, 1, _MOST, "-?")


def _words(field: str, words: Sequence[str]) -> _Piece:
    last = {word: value for value, word in enumerate(words)}  # of several values with one letter: J is July
    regex = "|".join(sorted(filter(None, words), key=len, reverse=True))
    return _Piece(lambda _: regex, words.__getitem__, field, last.__getitem__)


def _number(field: str, least: int, most: int, sign: str = "") -> _Piece:
    return _Piece(
        lambda behind: f"{sign}[0-9]{{{least},{most}}}(?=[0-9]{{{behind}}})",
        lambda value: f"{value:0{least}d}",
        field,
        width=most if least == most and not sign else 0,
    )


def _padded(least: int, behind: int) -> str:
    """A year of at least so many digits; a plus says that it has more."""
    kept = f"(?=[0-9]{{{behind}}})"
    if least == _MOST:
        return f"-?[0-9]{{{least}}}{kept}"
    plain = f"[0-9]{{{least}}}(?=[0-9]{{{behind}}}(?![0-9]))"
    return rf"-[0-9]{{{least},{_MOST}}}{kept}|\+[0-9]{{{least + 1},{_MOST}}}{kept}|{plain}"


def _follow(section: _Section, text: str, at: int, values: dict[str, int]) -> int:
    """Where a text goes on behind a section, or -1; nothing that was taken is given back."""
    for place, piece in enumerate(section):
        said = dict(values)
        if isinstance(piece, _Piece):
            at = end = _take(piece, _behind(section[place + 1 :]), text, at, said)
        else:
            end = _follow(piece, text, at, said)
        if end >= 0:
            at = end
            values.update(said)
        if at < 0:
            break
    return at


def _behind(section: _Section) -> int:
    """How many digits the numbers of one width take that follow at once."""
    digits = 0
    for piece in section:
        if not isinstance(piece, _Piece) or not piece.width:
            break
        digits += piece.width
    return digits


def _take(piece: _Piece, behind: int, text: str, at: int, said: dict[str, int]) -> int:
    found = re.compile(piece.regex(behind)).match(text, at)
    if found is None or not piece.field:
        return -1 if found is None else found.end()
    taken = found[0]
    if taken.lstrip("+-").isdecimal() and int(taken) >> 63 > 0:
        taken = taken[:-1]  # the last digit is one too many for a long
    value = piece.value(taken)
    if said.setdefault(piece.field, value) != value or (taken[0] == "-" and value == 0):
        return -1
    return at + len(taken)


def _moment(values: Mapping[str, int]) -> int:
    """The moment of which everything is true that a text says."""
    said = dict(values)
    year = said["y"] if "y" in said else said["u"]
    if "D" in said and not ("M" in said and "d" in said):
        day = datetime(year, 1, 1) + timedelta(days=said["D"] - 1)  # noqa: DTZ001
    else:
        month, number = said.get("M", 1), said.pop("d", 1)
        last = monthrange(year, month)[1]
        day = datetime(year, month, last if last < number <= 31 else number)  # noqa: DTZ001
    for clock, hour, size in (("k", "H", 24), ("h", "K", 12)):
        if 0 <= said.get(clock, -1) <= size:
            _say(said, hour, said.pop(clock) % size)
    if "K" in said and "a" in said:
        _say(said, "H", said["K"] + 12 * said["a"])
    rest = (said.get("m", 0) * 60 + said.get("s", 0)) * SECOND + said.get("n", 0)
    nanos = said.get("H", 0) * 3600 * SECOND + rest
    if "N" in said:
        nanos = said["N"]
    elif "A" in said:
        nanos = said["A"] * 1_000_000 + said.get("n", 0) % 1_000_000
    midnight = (day - EPOCH).days * _DAY
    shown = _fields(midnight + nanos % _DAY)
    if nanos == _DAY and said.get("H") == 24:  # the end of the day
        del said["H"]
    wrong = {field: value for field, value in said.items() if shown[field] != value}
    if wrong:
        raise ValueError(f"{wrong} of {shown}")
    moment_of(midnight + nanos)  # within the calendar
    return midnight + nanos


def _say(said: dict[str, int], field: str, value: int) -> None:
    if said.setdefault(field, value) != value:
        raise ValueError(f"{field} is {said[field]} and {value}")

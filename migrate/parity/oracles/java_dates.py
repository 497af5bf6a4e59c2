"""Dates as text in the patterns of Java's ``DateTimeFormatter``, both ways, in English.

A moment is the number of nanoseconds since 1970-01-01T00:00, without a zone.
"""

import re
from calendar import day_abbr, day_name, month_abbr, month_name, monthrange
from collections.abc import Callable
from datetime import datetime, timedelta

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the patterns have no zone
SECOND = 1_000_000_000

_RUN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[\[\]]|.", re.DOTALL)
_HALVES = ("AM", "PM")
_WORDS = {"MMM": month_abbr, "LLL": month_abbr, "MMMM": month_name, "LLLL": month_name}
_DAYS = {"E": day_abbr, "EE": day_abbr, "EEE": day_abbr, "EEEE": day_name}


def nanos_of_day(moment: datetime, nanos: int) -> int:
    """Nanoseconds since midnight."""
    return (moment.hour * 3600 + moment.minute * 60 + moment.second) * SECOND + nanos


# Letter: the number that it writes of a date and time with its nanoseconds.
_NUMBERS: dict[str, Callable[[datetime, int], int]] = {
    "y": lambda moment, _: moment.year,
    "u": lambda moment, _: moment.year,
    "M": lambda moment, _: moment.month,
    "L": lambda moment, _: moment.month,
    "d": lambda moment, _: moment.day,
    "D": lambda moment, _: moment.timetuple().tm_yday,
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


def moment_of(nanos: int) -> tuple[datetime, int]:
    """The date and time of a moment, and its nanoseconds within the second."""
    seconds, rest = divmod(nanos, SECOND)
    return EPOCH + timedelta(seconds=seconds), rest


def written(pattern: str, nanos: int) -> str:
    """The text of a moment, with all optional sections.

    Raises:
        DateError: The pattern has a letter that is not known here.
    """
    moment, rest = moment_of(nanos)
    text = ""
    for found in _RUN.finditer(pattern):
        run, letter = found[0], found[2]
        if letter is None:
            text += "" if run in "[]" else _literal(found)
        elif run in _WORDS:
            text += _WORDS[run][moment.month]
        elif run in _DAYS:
            text += _DAYS[run][moment.weekday()]
        elif run == "a":
            text += _HALVES[moment.hour // 12]
        elif letter == "S":
            text += f"{rest:09d}"[: len(run)]
        elif run in ("yy", "uu"):
            text += f"{moment.year % 100:02d}"
        elif letter in _NUMBERS:
            text += f"{_NUMBERS[letter](moment, rest):0{len(run)}d}"
        else:
            raise DateError(f"the letters {run!r} of the pattern")
    return text


def read(pattern: str, text: str) -> int:
    """The moment that a text names; month and day default to the first, the time to midnight.

    Raises:
        DateError: The text does not fit, or the pattern has a letter that is not known here.
    """
    runs = list(_RUN.finditer(pattern))
    regex = "".join(_regex(found, place) for place, found in enumerate(runs))
    match = re.fullmatch(regex, text)
    if match is None:
        raise DateError(f"{text!r} does not fit {pattern!r}")
    values: dict[str, str] = {}
    for place, found in enumerate(runs):
        value = match.groupdict().get(f"g{place}")
        if value is not None:
            values[_FIELDS.get(found[0], found[2])] = value
    try:
        return _moment(values)
    except (KeyError, ValueError, OverflowError) as error:
        raise DateError(f"{text!r}: {error}") from error


# The field that a run of letters stands for, where it is not its letter.
_FIELDS = {"u": "y", "uuuu": "y", "uu": "yy", "yy": "yy", "L": "M", "LL": "M", "MMM": "MMM", "LLL": "MMM",
           "MMMM": "MMMM", "LLLL": "MMMM"}  # fmt: skip


def _literal(found: "re.Match[str]") -> str:
    return found[0] if found[1] is None else found[1].replace("''", "'") or "'"


def _regex(found: "re.Match[str]", place: int) -> str:
    run, letter = found[0], found[2]
    if letter is None:
        return {"[": "(?:", "]": ")?"}.get(run) or re.escape(_literal(found))
    if run in _WORDS or run in _DAYS or run == "a":
        words = _HALVES if run == "a" else (_WORDS.get(run) or _DAYS[run])
        return f"(?P<g{place}>{'|'.join(re.escape(word) for word in sorted(words, reverse=True) if word)})"
    if letter != "S" and letter not in _NUMBERS:
        raise DateError(f"the letters {run!r} of the pattern")
    most = "" if len(run) == 1 or letter in "DAnN" else len(run)
    return f"(?P<g{place}>[0-9]{{{len(run)},{most}}})"


def _moment(values: dict[str, str]) -> int:
    numbers = {field: int(value) for field, value in values.items() if value.isdecimal() and field != "S"}
    year = 2000 + numbers["yy"] if "yy" in numbers else numbers["y"]
    month = numbers.get("M", 1)
    for field, words in (("MMM", month_abbr), ("MMMM", month_name)):
        month = list(words).index(values[field]) if field in values else month
    if "D" in numbers:
        day = datetime(year, 1, 1) + timedelta(days=numbers["D"] - 1)  # noqa: DTZ001
    else:
        day = datetime(year, month, min(numbers.get("d", 1), monthrange(year, month)[1]))  # noqa: DTZ001
    midnight = (day - EPOCH).days * 86_400 * SECOND
    if "N" in numbers:
        return midnight + numbers["N"]
    if "A" in numbers:
        return midnight + numbers["A"] * 1_000_000
    half = numbers.get("h", numbers.get("K", 0)) % 12 + 12 * _HALVES.index(values.get("a", "AM"))
    hour = numbers.get("H", numbers.get("k", half))
    if "k" in numbers and "H" not in numbers:
        hour %= 24
    nanos = numbers.get("n", 0) + (int(values["S"].ljust(9, "0")) if "S" in values else 0)
    return midnight + (hour * 3600 + numbers.get("m", 0) * 60 + numbers.get("s", 0)) * SECOND + nanos

"""The date-time encoder: texts or moments in, texts and numbers out."""

import calendar
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .tensors import DTYPES, RefusalError, fit, internal, read_tensors

Array = NDArray[Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# Microseconds in one of what a moment is counted in. Days are written in weeks, as the old runtime did.
READ = {
    "TS_D": 86_400_000_000,
    "TS_H": 3_600_000_000,
    "TS_MI": 60_000_000,
    "TS_S": 1_000_000,
    "TS_MS": 1000,
    "TS_US": 1,
}
WRITTEN = READ | {"TS_D": 7 * READ["TS_D"]}
PARTS: dict[str, Callable[[datetime], int]] = {
    "YEAR": lambda moment: moment.year,
    "MONTH": lambda moment: moment.month,
    "DAYOFMONTH": lambda moment: moment.day,
    "DAYOFWEEK": lambda moment: moment.isoweekday(),
    "HOUROFDAY": lambda moment: moment.hour,
    "MINUTEOFHOUR": lambda moment: moment.minute,
    "TS_NS": lambda moment: (moment - EPOCH) // MICROSECOND * 1000,
}
# Of java.time.format.DateTimeFormatter, the letters that the samples need.
READERS = {
    "yyyy": r"(?P<year>[0-9]{4}|\+[0-9]{5,19})",
    "uuuu": r"(?P<year>[0-9]{4}|\+[0-9]{5,19})",
    "MM": r"(?P<month>[0-9]{2})",
    "dd": r"(?P<day>[0-9]{2})",
    "HH": r"(?P<hour>[0-9]{2})",
    "mm": r"(?P<minute>[0-9]{2})",
}
WRITERS: dict[str, Callable[[datetime], str]] = {
    "uuuu": lambda moment: f"{moment.year:04}",
    "MMM": lambda moment: calendar.month_abbr[moment.month],
    "d": lambda moment: str(moment.day),
    "EEEE": lambda moment: calendar.day_name[moment.weekday()],
}


class DateEncoder:
    """One input, decoded by its format, and outputs, each encoded by its own.

    Args:
        manifest: The encoder's manifest.

    Raises:
        KeyError: It lacks something, or has a format that is not known here.
        ValueError: It has not one input.
    """

    def __init__(self, manifest: dict[str, Any]) -> None:
        (self._input,) = manifest["inputs"]
        self._outputs = manifest["outputs"]
        self._decode = _decoder(self._input)
        self._encode = {field["name"]: _encoder(field) for field in self._outputs}

    def describe(self) -> dict[str, Any]:
        """The document of ``/describe``; every field with its format."""
        return {
            "inputs": [_shown(self._input)],
            "outputs": [_shown(field) for field in self._outputs],
            "rolling_windows_size": 1,
        }

    def evaluate(self, body: bytes, step: str | None) -> dict[str, Array]:
        """The encoded dates that answer a JSON body."""
        name = self._input["name"]
        given = read_tensors(body)
        if name not in given:
            raise RefusalError(400, f"Unable to find a tensor with name {name}")
        values = fit(given[name], self._input["type"].lower(), self._input["shape"])
        if step == "input:0":
            return {name: values}
        try:
            moments = [self._decode(value) for value in values.ravel().tolist()]
        except (ValueError, OverflowError):
            raise internal() from None
        return {
            field["name"]: np.array(
                [self._encode[field["name"]](moment) for moment in moments], DTYPES[field["type"].lower()]
            ).reshape(values.shape)
            for field in self._outputs
        }


def _shown(field: dict[str, Any]) -> dict[str, Any]:
    return {"name": field["name"], "type": field["type"].lower(), "shape": field["shape"], "format": field["format"]}


def _decoder(field: dict[str, Any]) -> Callable[[Any], datetime]:
    if field["type"].lower() != "string":
        unit = READ[field["format"]]
        return lambda value: EPOCH + int(value) * unit * MICROSECOND
    parts = _parts(field["format"])
    fields = [READERS[part][:8] for part in parts if part in READERS]
    if len(set(fields)) < len(fields):
        raise ValueError(f"{field['format']} says a part of a date twice")
    pattern = "".join(READERS[part] if _is_field(part) else re.escape(part) for part in parts)

    def decode(text: str) -> datetime:
        found = re.fullmatch(pattern, text)
        if found is None:
            raise ValueError(text)
        return _moment(**{name: int(value) for name, value in found.groupdict().items()})

    return decode


def _moment(*, year: int = 0, month: int = 1, day: int = 1, hour: int = 0, minute: int = 0) -> datetime:
    """A moment as java.time resolves it: day 31 of a shorter month is its last, and the hour 24 ends the day."""
    last = calendar.monthrange(year, month)[1]
    midnight = datetime(year, month, last if last < day <= 31 else day, tzinfo=UTC)
    if (hour, minute) == (24, 0):
        return midnight + timedelta(days=1)
    return midnight.replace(hour=hour, minute=minute)


def _encoder(field: dict[str, Any]) -> Callable[[datetime], Any]:
    word = field["format"]
    if field["type"].lower() == "string":
        writers = [WRITERS[part] if _is_field(part) else _literal(part) for part in _parts(word)]
        return lambda moment: "".join(write(moment) for write in writers)
    if word in PARTS:
        return PARTS[word]
    unit = WRITTEN[word]

    def encode(moment: datetime) -> int:
        count = (moment - EPOCH) // MICROSECOND
        return count // unit if count >= 0 else -(-count // unit)

    return encode


def _parts(pattern: str) -> list[str]:
    """Runs of one letter, and what lies between them; neither quotes nor optional sections."""
    if set(pattern) & set("'[]{}#"):
        raise ValueError(pattern)
    return [found.group() for found in re.finditer(r"([A-Za-z])\1*|[^A-Za-z]+", pattern)]


def _is_field(part: str) -> bool:
    return part[0].isascii() and part[0].isalpha()


def _literal(text: str) -> Callable[[datetime], str]:
    return lambda _moment: text

"""Date-time encoder, by the formats' definitions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .java_dates import EPOCH, SECOND, moment_of, read, written
from .rules import Loaded, Request, input_array, narrow

DAY = 86_400 * SECOND
UNITS = {
    "TS_H": 3600 * SECOND, "TS_MI": 60 * SECOND, "TS_S": SECOND, "TS_MS": 1_000_000, "TS_US": 1000, "TS_NS": 1,
}  # fmt: skip


def load(settings: Mapping[str, Any], _: Path) -> Loaded:
    """One input, in as many writings as there are outputs."""
    (source,) = settings["inputs"]

    def answer(request: Request) -> dict[str, Any]:
        array = input_array(source, request)
        moments = [decoded(source["format"], value) for value in array.ravel().tolist()]
        return {
            one["name"]: np.array([encoded(one, moment) for moment in moments], object).reshape(array.shape).tolist()
            for one in settings["outputs"]
        }

    return Loaded(answer)


def decoded(word: str, value: Any) -> int:
    """The moment that a value means, in nanoseconds since 1970: a text in a pattern, or a count of units."""
    if isinstance(value, str):
        return read(word, value)
    count = narrow(value, 64)
    if word in UNITS:
        return count * UNITS[word]
    if word == "TS_D":
        return count * DAY
    years, months = divmod(count * (12 if word == "TS_Y" else 1), 12)
    return (EPOCH.replace(year=1970 + years, month=1 + months) - EPOCH).days * DAY


def encoded(declared: Mapping[str, Any], moment: int) -> Any:
    """A moment as a field writes it."""
    word, kind = declared["format"], declared["type"]
    if kind == "string":
        return written(word, moment)
    number = number_of(word, moment)
    return float(number) if kind in ("float", "double") else narrow(number, 32 if kind == "integer" else 64)


def number_of(word: str, moment: int) -> int:
    """A part of a date, or a count of whole units towards 1970; ``TS_D`` counts weeks, as it always did."""
    date, _ = moment_of(moment)
    parts = {
        "YEAR": date.year, "MONTH": date.month, "DAYOFMONTH": date.day, "DAYOFWEEK": date.weekday() + 1,
        "HOUROFDAY": date.hour, "MINUTEOFHOUR": date.minute,
    }  # fmt: skip
    if word in parts:
        return parts[word]
    if word in ("TS_MO", "TS_Y"):
        months = 12 * (date.year - 1970) + date.month - 1
        begun = EPOCH.replace(year=date.year, month=date.month)
        if months < 0 and moment > (begun - EPOCH).days * DAY:
            months += 1
        return whole(months, 12 if word == "TS_Y" else 1)
    return whole(moment, 7 * DAY if word == "TS_D" else UNITS[word])


def whole(count: int, unit: int) -> int:
    """How many whole units a count has, towards zero."""
    return count // unit if count >= 0 else -(-count // unit)

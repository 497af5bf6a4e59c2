"""Date-time encoder: dates from texts or numbers into texts or numbers (contract: Old processors)."""

from collections.abc import Callable, Mapping
from math import isnan
from typing import Any, Final

import numpy as np

from migrate.server.engines.datetime_pattern import (
    DAY_NANOS,
    EPOCH,
    NANOS,
    Moment,
    Pattern,
    PatternError,
    TextError,
    moment_at,
)
from migrate.server.errors import bad_request
from migrate.server.model import Field, Model
from migrate.server.model_engine import ContradictionError
from migrate.server.tensors import DTYPES, NUMERIC, Array

_Decode = Callable[[Any], Moment]
_Encode = Callable[[Moment], object]

_UNITS: Final = {
    "TS_H": 3600 * NANOS,
    "TS_MI": 60 * NANOS,
    "TS_S": NANOS,
    "TS_MS": 1_000_000,
    "TS_US": 1000,
    "TS_NS": 1,
}
_PARTS: Final[Mapping[str, Callable[[Moment], int]]] = {
    "YEAR": lambda moment: moment.day.year,
    "MONTH": lambda moment: moment.day.month,
    "DAYOFMONTH": lambda moment: moment.day.day,
    "DAYOFWEEK": lambda moment: moment.day.isoweekday(),
    "HOUROFDAY": lambda moment: moment.nanos // (3600 * NANOS),
    "MINUTEOFHOUR": lambda moment: moment.nanos // (60 * NANOS) % 60,
}
_LIMITS: Final = np.iinfo(np.int64)


class DatetimeEngine:
    """One input, decoded by its format, and any number of outputs, each encoded by its own."""

    def __init__(self, model: Model, *, threads: int) -> None:
        del threads
        if len(model.inputs) != 1:
            raise ContradictionError(f"a date-time encoder has one input, model.json declares {len(model.inputs)}")
        (self._input,) = model.inputs
        self._outputs = model.outputs
        self._decode = _decoder(self._input)
        self._encode = {field.name: _encoder(field) for field in model.outputs}

    @property
    def inputs(self) -> Mapping[str, str]:
        """Numpy's word for the dtype of the input."""
        return {self._input.name: str(np.dtype(DTYPES[self._input.type]))}

    @property
    def outputs(self) -> Mapping[str, str]:
        """Numpy's word for the dtype of each output."""
        return {field.name: str(np.dtype(DTYPES[field.type])) for field in self._outputs}

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Every output, in the shape of the input.

        Raises:
            migrate.server.errors.HttpError: 400, when a value is no date.
        """
        data = feeds[self._input.name]
        try:
            moments = [self._decode(value) for value in data.reshape(-1).tolist()]
        except TextError as error:
            raise bad_request(f"Tensor {self._input.name} holds a value that is no date", str(error)) from error
        return {field.name: self._encoded(field, moments).reshape(data.shape) for field in self._outputs}

    def complete(self, model: Model) -> Model:
        """The description as it is."""
        return model

    def _encoded(self, field: Field, moments: list[Moment]) -> Array:
        values = [self._encode[field.name](moment) for moment in moments]
        if field.type not in NUMERIC:
            texts = np.empty(len(values), np.object_)
            texts[:] = values
            return texts
        try:
            return np.array(values, np.int64)
        except OverflowError as error:
            raise bad_request(f"A date does not fit {field.name}", f"format {field.format}") from error


def _decoder(field: Field) -> _Decode:
    if field.type not in NUMERIC:
        return _pattern(field).parse
    word = field.format
    if word in _UNITS:
        unit = _UNITS[word]
        return lambda value: moment_at(_whole(value) * unit)
    if word == "TS_D":
        return lambda value: moment_at(_whole(value) * DAY_NANOS)
    if word == "TS_MO":
        return lambda value: _months(_whole(value))
    if word == "TS_Y":
        return lambda value: _months(12 * _whole(value))
    raise ContradictionError(f"the format {word} of {field.name} cannot be read")


def _encoder(field: Field) -> _Encode:
    if field.type not in NUMERIC:
        return _pattern(field).format
    word = field.format or ""
    if word in _PARTS:
        return _PARTS[word]
    if word in _UNITS:
        unit = _UNITS[word]
        return lambda moment: _towards_zero(moment.since_epoch, unit)
    if word == "TS_D":
        # The old runtime counted weeks here, and clients may have made up for it.
        return lambda moment: _towards_zero(moment.since_epoch, 7 * DAY_NANOS)
    if word == "TS_MO":
        return _months_since_epoch
    if word == "TS_Y":
        return lambda moment: _towards_zero(_months_since_epoch(moment), 12)
    raise ContradictionError(f"the format {word!r} of {field.name} is unknown")


def _pattern(field: Field) -> Pattern:
    try:
        return Pattern(field.format or "")
    except PatternError as error:
        raise ContradictionError(f"the format of {field.name} is not served: {error}") from error


def _whole(value: int | float) -> int:
    """Java's narrowing to a long."""
    if isinstance(value, int):
        return value
    return 0 if isnan(value) else int(min(max(value, float(_LIMITS.min)), float(_LIMITS.max)))


def _months(count: int) -> Moment:
    year, month = divmod(count, 12)
    try:
        return Moment(EPOCH.replace(year=1970 + year, month=1 + month), 0)
    except (ValueError, OverflowError) as error:
        raise TextError("the year is not within 1 and 9999") from error


def _months_since_epoch(moment: Moment) -> int:
    """Whole months, as Java counts them: towards the epoch."""
    months = (moment.day.year - EPOCH.year) * 12 + moment.day.month - 1
    return months + 1 if months < 0 and (moment.day.day > 1 or moment.nanos) else months


def _towards_zero(value: int, unit: int) -> int:
    return value // unit if value >= 0 else -(-value // unit)

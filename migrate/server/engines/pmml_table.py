"""Scoring the rows of a table by a PMML model, whichever engine does it (docs/other-formats.md)."""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from migrate.server.engines.columns import columns_of, row_count
from migrate.server.errors import bad_request
from migrate.server.evaluator import INPUT, OUTPUT, Evaluated, MissingTaker, Stop
from migrate.server.model import Field, Model
from migrate.server.model_engine import ContradictionError
from migrate.server.rows import row_begins, rows_end
from migrate.server.tensors import DTYPES, Array, Tensor, convert

# PMML has no loops but these: the normalisation of a text index, and regular expressions.
_WITHOUT_END: Final = re.compile(r"TextIndex|matches|replace")


class PmmlTable(MissingTaker, ABC):
    """Active fields in, target and output fields out; safe to run from several threads at once.

    Attributes:
        row_by_row: It tells of each row.
        may_not_end: Whether a row may take for ever.
    """

    row_by_row = True

    def __init__(self, model: Model, names: Sequence[str], text: str) -> None:
        """Of a model whose file has this text, and active fields of these names.

        Raises:
            ContradictionError: The description has others.
        """
        unknown = [field.name for field in model.inputs if field.name not in names]
        if unknown:
            raise ContradictionError(f"the file has no active fields {unknown}, it has {list(names)}")
        self._fields = model.inputs
        self._declared = model.outputs
        self.may_not_end = _WITHOUT_END.search(text) is not None

    @abstractmethod
    def score(self, row: Mapping[str, Any]) -> Sequence[Any]:
        """The results of one row, in the order of the declared outputs; what is missing is None, both ways.

        Raises:
            Exception: The engine's own, when it refuses the row.
        """

    @property
    def inputs(self) -> Mapping[str, str]:
        """Numpy's word for the dtype of each input."""
        return {field.name: str(np.dtype(DTYPES[field.type])) for field in self._fields}

    @property
    def outputs(self) -> Mapping[str, str]:
        """Numpy's word for the dtype of each output."""
        return {field.name: str(np.dtype(DTYPES[field.type])) for field in self._declared}

    def complete(self, model: Model) -> Model:
        """The description as it is: the file said everything."""
        return model

    def evaluate(self, tensors: Mapping[str, Tensor], stop: Stop | None, *, strict_nulls: bool) -> Evaluated:
        """Score every row of a table; a null, or a field that is not there, is a missing value of the PMML.

        Raises:
            migrate.server.errors.HttpError: 400, when no field is there, or they differ in their sizes.
        """
        del strict_nulls
        feeds = columns_of(self._fields, tensors)
        if stop == (INPUT, 0):
            return Evaluated(feeds, 0, stopped=True)
        outputs = self.run(feeds)
        return Evaluated(outputs, len(next(iter(outputs.values()))), stopped=stop == (OUTPUT, 0))

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Score the rows of columns; masked values are missing, and so are the results that come out missing.

        Raises:
            migrate.server.errors.HttpError: 400, when the columns differ in size, or the engine refuses a row.
        """
        columns = {name: data.reshape(-1) for name, data in feeds.items()}
        table = {name: _values(column) for name, column in columns.items()}
        try:
            results = [self._result({name: table[name][row] for name in table}) for row in range(row_count(columns))]
        finally:
            rows_end()
        return {
            field.name: _answer(field, [values[place] for values in results])
            for place, field in enumerate(self._declared)
        }

    def _result(self, row: Mapping[str, Any]) -> Sequence[Any]:
        row_begins()
        try:
            return self.score(row)
        except Exception as error:
            raise bad_request("The PMML model cannot score a row", reason(error)) from error


def reason(error: Exception) -> str:
    """What an engine says was wrong, in one line."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]


def _values(column: Array) -> list[Any]:
    """Python's values of a column, None for missing ones."""
    if column.dtype == np.float32:
        # The decimal that was meant: a rule of the PMML compares 2.45 with 2.45, not with 2.450000047...
        exact = np.array([float(str(value)) for value in np.ma.getdata(column)], np.float64)
        column = np.ma.MaskedArray(exact, np.ma.getmaskarray(column))
    values: list[Any] = column.tolist()
    return values


def _answer(field: Field, values: list[Any]) -> Array:
    """A column of results in the declared type; missing ones are masked, with NaN or zero below the mask."""
    dtype = DTYPES[field.type]
    missing = [value is None or (isinstance(value, float) and math.isnan(value)) for value in values]
    try:
        if dtype is np.object_:
            data = np.array([None if gone else str(v) for v, gone in zip(values, missing, strict=True)], np.object_)
        elif field.type in {"float", "double"}:
            wide = np.array([math.nan if gone else float(v) for v, gone in zip(values, missing, strict=True)], "f8")
            data = convert(wide, field.type)
        elif field.type == "boolean":
            data = np.array([not gone and _truth(v) for v, gone in zip(values, missing, strict=True)], np.bool_)
        else:
            data = np.array([0 if gone else int(float(v)) for v, gone in zip(values, missing, strict=True)], dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise bad_request(f"Output {field.name} has a result that is no {field.type}", str(error)) from error
    return np.ma.MaskedArray(data, missing) if any(missing) else data


def _truth(value: Any) -> bool:
    return str(value).lower() in {"true", "1", "1.0"}

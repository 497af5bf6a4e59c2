"""The quick way for the common JSON body: one typed decoder, built once from the model's signature.

It answers None where it does not apply, and then :mod:`migrate.server.parsing.json` decides; so it never decides what
is an error, and gives nothing that the exact way would not give.
"""

import re
from collections.abc import Mapping, Sequence
from math import inf
from types import GenericAlias
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from migrate.server.model import Field, Model
from migrate.server.parsing.numbers import LONG_BYTES, NumberReader
from migrate.server.tensors import DTYPES, Array, fits, resolve_shape

_LEAVES: Final[dict[str, Any]] = {
    "float": float,
    "double": float,
    "integer": int,
    "long": int,
    "string": str,
    "boolean": bool,
}
# A float of 2**53 or more may stand for an integer that was not exact, or that has more than 64 bits.
_EXACT: Final = 2.0**53
_SQUARE: Final = _EXACT**2
# OpenBLAS starts threads for a longer product, and they spin for longer than the product takes.
_ONE_THREAD: Final = 8192
_EXTRA_RANK: Final = 1
_FLOATS: Final = frozenset({"float", "double"})
_TEXT: Final = {str}
_ROW_TYPES: Final = (list, tuple)
UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
# msgspec names no field like this: it compares keys as JSON writes them.
_ESCAPED: Final = re.compile(r'["\\\x00-\x1f]')


class FastDecoder:
    """Feeds of a model from a body that holds its tensors, or the columns of its tensors, and nothing else."""

    def __init__(self, model: Model) -> None:
        ranks: dict[str, int] = {}
        leaves: dict[str, Any] = {}
        for field in model.inputs:
            for name, rank in ((field.name, len(field.shape or ())), *((index.name, 1) for index in field.fields)):
                ranks[name] = max(rank, ranks.get(name, 0))
                leaves[name] = _LEAVES[field.type]
        keys = {name: f"t{number}" for number, name in enumerate(ranks)}
        self._decoder = msgspec.json.Decoder(
            msgspec.defstruct(
                "Body",
                [(keys[name], value_type(leaves[name], rank) | UnsetType, UNSET) for name, rank in ranks.items()],
                rename={key: name for name, key in keys.items()},
                forbid_unknown_fields=True,
            )
        )
        floats = {field.name: len(field.shape or ()) for field in model.inputs if field.type in _FLOATS}
        known = len(floats) == len(model.inputs) and NumberReader.applies(tuple(floats))
        self._numbers = NumberReader(floats) if known else None
        self._most_commas = most_commas(model.inputs, around=1)
        self._plans = [(keys[field.name], _column_keys(field, keys), field) for field in model.inputs]

    @staticmethod
    def applies(model: Model) -> bool:
        """Whether the model is a plain one: no rolling windows, types that JSON has, plain names, columns that fit."""
        leaves: dict[str, Any] = {}
        for field in model.inputs:
            if field.type not in _LEAVES or field.shape is None:
                return False
            places = sorted(_places(field))
            if places != list(range(len(places))):
                return False
            for name in (field.name, *(index.name for index in field.fields)):
                if _ESCAPED.search(name):
                    return False
                if leaves.setdefault(name, _LEAVES[field.type]) is not _LEAVES[field.type]:
                    return False
        return model.window == 1 and not model.guessed

    def decode(self, body: bytes) -> Mapping[str, Array] | None:
        """The tensors, reshaped and converted; None where the exact parser must look."""
        arrays = self._numbers.read(body) if self._numbers is not None and len(body) > LONG_BYTES else None
        parsed: Any = None
        if arrays is None:
            try:
                parsed = self._decoder.decode(body)
            except UNREADABLE:
                return None
        feeds = {}
        for key, columns, field in self._plans:
            value = _value(parsed, key, columns) if arrays is None else arrays[field.name]
            array = None if value is UNSET else array_of(value, field.type)
            if array is None or field.shape is None:
                return None
            if not fits(array.shape, field.shape):
                array = array.reshape(resolve_shape(array.shape, field.shape))
            feeds[field.name] = array
        return feeds

    def row(self, body: bytes) -> list[Any] | None:
        """The one row of each input that a body holds, in the model's order; None for anything else."""
        if len(body) > LONG_BYTES and body.count(b",") > self._most_commas:
            return None
        try:
            parsed = self._decoder.decode(body)
        except UNREADABLE:
            return None
        rows = []
        for key, columns, _ in self._plans:
            value = _value(parsed, key, columns)
            if value is UNSET:
                return None
            if type(value) is not list:
                value = [value]
            elif value and type(value[0]) in _ROW_TYPES:
                if len(value) != 1:
                    return None
                value = value[0]
            rows.append(value)
        return rows

    def stack(self, rows: Sequence[Sequence[Any]]) -> Mapping[str, Array] | None:
        """Rows of several bodies as one batch; None where one of them has to be looked at alone.

        Every input is a table: of declared shape ``[-1, columns]``.
        """
        feeds = {}
        for (_, _, field), table in zip(self._plans, zip(*rows, strict=True), strict=True):
            array = array_of(table, field.type)
            if array is None or field.shape is None or not fits(array.shape, field.shape):
                return None
            feeds[field.name] = array
        return feeds


def _value(parsed: Any, key: str, columns: list[str]) -> Any:
    value = getattr(parsed, key)
    if value is UNSET and columns:
        return _rows([getattr(parsed, column) for column in columns])
    return value


def _places(field: Field) -> list[int]:
    return [number if index.index is None else index.index for number, index in enumerate(field.fields)]


def _column_keys(field: Field, keys: Mapping[str, str]) -> list[str]:
    """The keys of a field's columns in the order of their places."""
    placed = sorted(zip(_places(field), field.fields, strict=True), key=lambda pair: pair[0])
    return [keys[index.name] for _, index in placed]


def _rows(columns: list[Any]) -> Any:
    """The rows of columns that are all scalars, or all vectors of one size; else UNSET."""
    if any(type(column) is list for column in columns):
        vectors = all(type(column) is list and len(column) == len(columns[0]) for column in columns)
        return list(zip(*columns, strict=True)) if vectors else UNSET
    return UNSET if any(column is UNSET for column in columns) else [columns]


def most_commas(fields: Sequence[Field], *, around: int) -> float:
    """How many commas a body of one row of each table has at most, so many of them around the values of a table."""
    columns = [field.shape[-1] if field.shape else -1 for field in fields]
    return inf if -1 in columns else sum(columns) + around * len(columns)


def value_type(leaf: Any, rank: int) -> Any:
    """The type of values nested in so many lists, in fewer, or in one more."""
    value = leaf
    for _ in range(rank + _EXTRA_RANK):
        value = leaf | GenericAlias(list, (value,))
    return value


def array_of(value: Any, kind: str) -> Array | None:
    """Decoded values in the dtype of a type of ``/describe``; None where the exact parser must look."""
    try:
        if kind in _FLOATS:
            wide = np.asarray(value, np.float64)
            # One sum of squares says it of all values at once.
            if wide.size == 0 or not (np.vdot(wide, wide) < _SQUARE if wide.size <= _ONE_THREAD else _exact(wide)):
                return None
            return wide if kind == "double" else wide.astype(np.float32)
        array = np.array(value, np.int64 if kind == "integer" else DTYPES[kind])
    except (ValueError, OverflowError):
        return None
    if not array.size or (kind == "string" and set(map(type, array.ravel().tolist())) != _TEXT):
        return None
    return array.astype(np.int32) if kind == "integer" else array


def _exact(wide: Array) -> bool:
    return bool(wide.min() > -_EXACT and wide.max() < _EXACT)

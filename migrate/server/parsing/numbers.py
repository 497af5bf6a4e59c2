"""Numbers of a JSON body straight into a buffer, without a Python object for each of them.

simdjson flattens lists of any form when it fills a buffer. So the form is looked at besides: every list of a level has
the same size, and there are no more brackets than these lists have. A short table is told quicker by its brackets and
commas alone.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from math import prod
from threading import local
from typing import Any, Final

import numpy as np
import simdjson

from migrate.server.tensors import Array, Shape

# For shorter bodies its set-up costs more than the numbers.
LONG_BYTES: Final = 512
# A parser keeps about three bytes for each of its largest body.
_KEPT_BYTES: Final = 4 << 20
_EXTRA_RANK: Final = 1
_SHORT_BYTES: Final = 64 << 10
_TABLE: Final = 2  # dimensions: rows and columns
_OF_NUMBERS: Final = b"0123456789.+-eE \t\r\n"
_BRACKET: Final = ord("[")
_PIECE_BYTES: Final = 128 << 10
_ARRAYS: Final = {simdjson.Array}
# simdjson's own errors are ValueErrors, but for an integer beyond 64 bits, which is a RuntimeError.
UNREADABLE: Final = (ValueError, TypeError, KeyError, RuntimeError)


class _Parsers(local):
    """The parser of a thread: one serves one call at a time."""

    def __init__(self) -> None:
        self.parser = simdjson.Parser()


_PARSERS: Final = _Parsers()


class NumberReader:
    """Tensors of a body that holds numbers for some names and nothing else, as 64-bit floats in the shapes sent."""

    def __init__(self, ranks: dict[str, int]) -> None:
        self._ranks = ranks
        (only, rank), *others = ranks.items()
        is_table = rank == _TABLE and not others
        self._bare_key = b'{"%b":' % only.encode().translate(None, _OF_NUMBERS) if is_table else None

    @staticmethod
    def applies(names: Sequence[str]) -> bool:
        """Whether brackets of the body are those of lists."""
        return not any("[" in name for name in names)

    def read(self, body: bytes) -> dict[str, Array] | None:
        """The tensors by name; None for a body that is anything else."""
        try:
            root = parser(len(body)).parse(body)
            if not isinstance(root, simdjson.Object) or len(root) != len(self._ranks):
                return None
            known = self._table_of(body) if len(body) <= _SHORT_BYTES else None
            found, lists = {}, 0
            for name, rank in self._ranks.items():
                numbers = numbers_of(root.get(name), rank, known)
                if numbers is None:
                    return None
                found[name] = numbers
                lists += lists_of(numbers.shape)
        except UNREADABLE:
            return None
        return found if known or brackets(body) == lists else None

    def _table_of(self, body: bytes) -> Shape | None:
        """Rows and columns of the only tensor, by what a body is without its numbers; None where it is no table."""
        if self._bare_key is None:
            return None
        bare = body.translate(None, _OF_NUMBERS)
        rows = bare.count(b"[") - 1
        if rows < 1:
            return None
        columns = (bare.count(b",") + 1) // rows
        return (rows, columns) if bare == b"%b%b}" % (self._bare_key, _bare_table(rows, columns)) else None


def numbers_of(value: Any, rank: int, known: Shape | None = None) -> Array | None:
    """The numbers of a parsed value, in the shape that they were sent in or are known to have; None for what has none.

    The shape is the right one only where the body has as many brackets as lists of that shape.

    Raises:
        ValueError, TypeError, RuntimeError: For a value that is no number, or too large (:data:`UNREADABLE`).
    """
    if not isinstance(value, simdjson.Array):
        return None
    shape = known or _shape(value, rank + _EXTRA_RANK)
    numbers: Array = np.frombuffer(value.as_buffer(of_type="d"))
    return None if shape is None or len(numbers) != prod(shape) else numbers.reshape(shape)


def lists_of(shape: Shape) -> int:
    """How many lists a tensor of this shape is written with."""
    return sum(prod(shape[:place]) for place in range(len(shape)))


def parser(size: int) -> simdjson.Parser:
    """A parser for a body of so many bytes: a thread's own is quicker, for its memory is there, and stays there."""
    return _PARSERS.parser if size <= _KEPT_BYTES else simdjson.Parser()


@lru_cache(maxsize=64)
def _bare_table(rows: int, columns: int) -> bytes:
    return b"[" + b",".join([b"[" + b"," * (columns - 1) + b"]"] * rows) + b"]"


def brackets(body: bytes) -> int:
    """What ``body.count(b"[")`` gives in four times as long, by pieces that the cache holds."""
    view = np.frombuffer(body, np.uint8)
    return sum(
        int(np.count_nonzero(view[start : start + _PIECE_BYTES] == _BRACKET))
        for start in range(0, len(view), _PIECE_BYTES)
    )


def _shape(outer: simdjson.Array, deepest: int) -> Shape | None:
    """The sizes of lists in lists; None where they differ, where one is empty, or where lists are among values."""
    shape: list[int] = []
    level: list[Any] = [outer]
    while True:
        sizes = set(map(len, level))
        size = sizes.pop()
        if size == 0 or sizes:
            return None
        shape.append(size)
        if type(level[0][0]) is not simdjson.Array:
            return tuple(shape)
        level = list(chain.from_iterable(level))
        if len(shape) == deepest or set(map(type, level)) != _ARRAYS:
            return None

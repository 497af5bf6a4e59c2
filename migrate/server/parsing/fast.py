"""The quick way for the common JSON body: one typed decoder, built once from the model's signature.

It answers None where it does not apply, and then :mod:`migrate.server.parsing.json` decides; so it never decides what
is an error, and gives nothing that the exact way would not give.
"""

from collections.abc import Mapping
from types import GenericAlias
from typing import Any, Final

import msgspec
import numpy as np

from migrate.server.model import Model
from migrate.server.tensors import DTYPES, Array, fits, resolve_shape

_LEAVES: Final[dict[str, Any]] = {
    "float": float,
    "double": float,
    "integer": int,
    "long": int,
    "string": str,
    "boolean": bool,
}
# Beyond this a float may stand for an integer that was not exact, or that has more than 64 bits.
_EXACT: Final = 2.0**53
_EXTRA_RANK: Final = 1


class FastDecoder:
    """Feeds of a model that takes its tensors by their own names, from a body that is exactly that."""

    def __init__(self, model: Model) -> None:
        self._fields = [(f"t{number}", field) for number, field in enumerate(model.inputs)]
        self._decoder = msgspec.json.Decoder(
            msgspec.defstruct(
                "Body",
                [(key, _value_type(field.type, len(field.shape or ()))) for key, field in self._fields],
                rename={key: field.name for key, field in self._fields},
                forbid_unknown_fields=True,
            )
        )

    @staticmethod
    def applies(model: Model) -> bool:
        """Whether the model takes tensors as they are: no rolling windows, and types that JSON has."""
        return model.window == 1 and all(field.type in _LEAVES and field.shape is not None for field in model.inputs)

    def decode(self, body: bytes) -> Mapping[str, Array] | None:
        """The tensors, reshaped and converted; None where the exact parser must look."""
        try:
            parsed = self._decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        feeds = {}
        for key, field in self._fields:
            array = _array(getattr(parsed, key), field.type)
            if array is None or field.shape is None:
                return None
            if not fits(array.shape, field.shape):
                array = array.reshape(resolve_shape(array.shape, field.shape))
            feeds[field.name] = array
        return feeds


def _value_type(kind: str, rank: int) -> Any:
    leaf: Any = _LEAVES[kind]
    value = leaf
    for _ in range(rank + _EXTRA_RANK):
        value = leaf | GenericAlias(list, (value,))
    return value


def _array(value: Any, kind: str) -> Array | None:
    try:
        if kind in {"float", "double"}:
            wide = np.array(value, np.float64)
            if wide.size == 0 or (abs(wide) >= _EXACT).any():
                return None
            return wide if kind == "double" else wide.astype(np.float32)
        array = np.array(value, np.int64 if kind == "integer" else DTYPES[kind])
    except (ValueError, OverflowError):
        return None
    if not array.size or (kind == "string" and not all(isinstance(text, str) for text in array.flat)):
        return None
    return array.astype(np.int32) if kind == "integer" else array

"""Tensors between request and engine: types, shapes, conversion as Java narrows, rolling windows."""

from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from migrate.server.errors import PARSE_FAILURE, bad_request

Array = NDArray[Any]
Shape = tuple[int, ...]

DTYPES: Final[dict[str, Any]] = {
    "integer": np.int32,
    "long": np.int64,
    "float": np.float32,
    "double": np.float64,
    "boolean": np.bool_,
    "string": np.object_,
    "date": np.object_,
}
TYPELESS: Final = "null"
BYTES: Final = "bytes"  # never a declared type: opened before a model sees it
NUMERIC: Final = frozenset({"integer", "long", "float", "double"})


@dataclass(frozen=True, slots=True)
class Tensor:
    """Values of one type (a word of ``/describe``).

    ``data`` has the dtype of :data:`DTYPES`, but for pixels, which may be bytes until a model takes them; strings are
    ``str`` in an object array. ``nulls`` marks the JSON nulls,
    for which ``data`` holds 0, False or an empty string; None when there are none.
    """

    type: str
    data: Array
    nulls: Array | None = None


def type_of(array: Array) -> str:
    """The word of ``/describe`` for an engine's dtype; narrow and unsigned ones fold into the next that fits."""
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind in "OSUT":
        return "string"
    if kind == "b":
        return "boolean"
    if kind == "f":
        return "double" if size > 4 else "float"
    return "long" if size > 4 else "integer"


def shape_text(shape: Shape) -> str:
    """A shape as the old messages print it."""
    return "[" + ", ".join(map(str, shape)) + "]"


def fits(sent: Shape, wanted: Shape) -> bool:
    """Whether a shape is a declared one already, unknown dimensions being anything."""
    if len(sent) != len(wanted):
        return False
    for have, want in zip(sent, wanted, strict=True):  # noqa: SIM110 - a generator would double the cost of each request
        if want not in (have, -1):
            return False
    return True


@lru_cache(maxsize=1024)
def resolve_shape(sent: Shape, wanted: Shape) -> Shape:
    """The shape that a sent tensor takes for a declared one.

    One unknown dimension takes what is left over; several unknown ones take the sent dimensions position by position.

    Raises:
        migrate.server.errors.HttpError: 400, when the sizes do not work out.
    """
    unknown = wanted.count(-1)
    total = prod(sent)
    if unknown == 0:
        resolved = wanted
    elif unknown == 1:
        known = prod(dim for dim in wanted if dim > 0)
        resolved = tuple(total // known if dim == -1 else dim for dim in wanted)
    else:
        padded = (*sent, *(1,) * (len(wanted) - len(sent)))[: len(wanted)]
        resolved = tuple(have if want in (-1, have) else -1 for have, want in zip(padded, wanted, strict=True))
    if any(dim < 0 for dim in resolved) or prod(resolved) != total:
        raise bad_request(f"Unable to resolve shape {shape_text(sent)} into {shape_text(wanted)}")
    return resolved


def check_type(sent: str, wanted: str) -> None:
    """Refuse types that cannot be converted: they must be equal, or both numeric.

    Raises:
        migrate.server.errors.HttpError: 400; the text swaps the two types, as it always did.
    """
    if sent == TYPELESS:
        raise bad_request(PARSE_FAILURE, f"a null or an empty list where the model takes {wanted} values")
    if sent != wanted and not (sent in NUMERIC and wanted in NUMERIC) and DTYPES[sent] is not DTYPES.get(wanted):
        raise bad_request(
            f"Incompatibilies in types for tensor : required ({sent}) but found ({wanted})",
            f"the request has {sent} values where the model takes {wanted}",
        )


def convert(data: Array, wanted: str) -> Array:
    """Values in the dtype of another type, by Java's narrowing rules.

    Doubles round to floats (too large ones to infinity), and become integers by truncation towards zero with
    saturation, NaN becoming 0; longs keep their low 32 bits.
    """
    dtype = DTYPES[wanted]
    if data.dtype == dtype or dtype is np.object_:
        return data
    with np.errstate(all="ignore"):
        if data.dtype.kind == "f" and wanted in {"integer", "long"}:
            return _saturate(data, dtype)
        return data.astype(dtype)


def _saturate(data: Array, dtype: Any) -> Array:
    limits = np.iinfo(dtype)
    whole = np.trunc(np.nan_to_num(data.astype(np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf))
    too_large, too_small = whole >= float(limits.max), whole <= float(limits.min)
    result = np.where(too_large | too_small, 0, whole).astype(dtype)
    result[too_large] = limits.max
    result[too_small] = limits.min
    return result


def shaped(tensor: Tensor, wanted_type: str, wanted_shape: Shape | None) -> Array:
    """A tensor as the declared field wants it: type checked, reshaped in row-major order, converted.

    Raises:
        migrate.server.errors.HttpError: 400, when type or shape do not fit.
    """
    check_type(tensor.type, wanted_type)
    data = tensor.data
    if wanted_shape is not None:
        data = data.reshape(resolve_shape(data.shape, wanted_shape))
    return convert(data, wanted_type)


def roll(data: Array, window: int) -> Array:
    """Rolling windows over the first axis: ``[n, d...]`` becomes ``[n - window + 1, window, d...]``.

    Raises:
        migrate.server.errors.HttpError: 400, when there are fewer rows than one window holds.
    """
    rows = data.shape[0] if data.ndim else 1
    if rows < window:
        raise bad_request(f"Not enough data to evaluate. Required batch size is {window}")
    return np.ascontiguousarray(np.moveaxis(sliding_window_view(data, window, axis=0), -1, 1))


def simplified(data: Array) -> Array:
    """The array without its dimensions of size 1."""
    return data.reshape([dim for dim in data.shape if dim != 1]) if 1 in data.shape else data

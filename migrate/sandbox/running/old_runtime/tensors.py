"""Tensors out of JSON values, the old runtime's conversions (reshaping, narrowing, rolling windows) and refusals."""

import json
import math
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

PARSE = "Unable to parse the given bytes into a correct json map of (name -> tensor)"
Array = NDArray[Any]
DTYPES: dict[str, Any] = {
    "integer": np.int32,
    "long": np.int64,
    "float": np.float32,
    "double": np.float64,
    "boolean": np.bool_,
    "string": object,
}
NUMERIC = ("integer", "long", "float", "double")  # from narrow to wide
ZERO: dict[str, Any] = {"integer": 0, "long": 0, "float": 0.0, "double": 0.0, "boolean": False}


class RefusalError(Exception):
    """A status and the message of the error body."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        self.message = message
        super().__init__(message)


def internal() -> RefusalError:
    """What the old runtime answered where it met a null pointer or a wrong cast."""
    return RefusalError(500, "Internal error")


def mismatch(sent: str, wanted: str) -> RefusalError:
    """Types that do not fit; the old message names them the wrong way round."""
    return RefusalError(400, f"Incompatibilies in types for tensor : required ({sent}) but found ({wanted})")


@dataclass(frozen=True)
class Tensor:
    """Values in row-major order; ``type`` is None where only nulls were seen, None among the values is a null."""

    type: str | None
    shape: tuple[int, ...]
    values: list[Any]

    @property
    def nullable(self) -> bool:
        """Whether there is a null in it."""
        return any(value is None for value in self.values)


def read_tensors(body: bytes) -> dict[str, Tensor]:
    """The tensors of a JSON body; what follows its first value is ignored, as the old parser did."""
    try:
        text = body.decode(json.detect_encoding(body)).lstrip(" \t\r\n\ufeff")
        document, _ = json.JSONDecoder(parse_constant=_no_constant).raw_decode(text)
    except (ValueError, RecursionError):
        raise RefusalError(400, PARSE) from None
    if not isinstance(document, dict):
        raise RefusalError(400, PARSE)
    return {name: build(value) for name, value in document.items()}


def build(value: object) -> Tensor:
    """A tensor of nested lists. The first elements give the shape; an empty list counts as a scalar without value."""
    shape: list[int] = []
    first = value
    while isinstance(first, list) and first:
        shape.append(len(first))
        first = first[0]
    leaves: list[Any] = []
    _collect(value, shape, leaves)
    types = {_type_of(leaf) for leaf in leaves} - {None}
    if not types and shape:
        raise RefusalError(400, PARSE)
    if len(types) > 1 and not types <= set(NUMERIC):
        raise RefusalError(400, PARSE)
    widest = max(types, key=NUMERIC.index) if len(types) > 1 else next(iter(types), None)
    return Tensor(widest, tuple(shape), leaves)


def _collect(value: object, shape: list[int], leaves: list[Any]) -> None:
    if not shape:
        if isinstance(value, list) and value:
            raise RefusalError(400, PARSE)
        leaves.append(None if isinstance(value, list) else value)
        return
    if not isinstance(value, list) or len(value) != shape[0]:
        raise RefusalError(400, PARSE)
    for item in value:
        _collect(item, shape[1:], leaves)


def _type_of(leaf: object) -> str | None:
    match leaf:
        case None:
            return None
        case bool():
            return "boolean"
        case str():
            return "string"
        case float():
            return "double"
        case int() if -(2**31) <= leaf < 2**31:
            return "integer"
        case int() if -(2**63) <= leaf < 2**63:
            return "long"
    raise RefusalError(400, PARSE)


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is no JSON"
    raise ValueError(message)


def fit(tensor: Tensor, wanted_type: str, wanted_shape: list[int]) -> Array:
    """The tensor as an array of the type and shape that the model declares."""
    if tensor.type is None:
        raise internal()
    if tensor.type != wanted_type and not {tensor.type, wanted_type} <= set(NUMERIC):
        raise mismatch(tensor.type, wanted_type)
    shape = resolve(tensor.shape, wanted_shape)
    if tensor.type == "string":
        if tensor.nullable:
            raise internal()
        return np.array(tensor.values, dtype=object).reshape(shape)
    values = np.array([ZERO[tensor.type] if value is None else value for value in tensor.values], DTYPES[tensor.type])
    return narrow(values, wanted_type).reshape(shape)


def narrow(values: Array, wanted: str) -> Array:
    """Java's conversions between number types (Java Language Specification, 5.1.2 and 5.1.3)."""
    if wanted not in ("integer", "long") or values.dtype.kind != "f":
        with np.errstate(over="ignore"):
            return values.astype(DTYPES[wanted])  # long to integer keeps the low 32 bits
    limits = np.iinfo(DTYPES[wanted])
    whole = [
        0
        if math.isnan(value)
        else limits.max
        if value >= limits.max
        else limits.min
        if value <= limits.min
        else int(value)
        for value in values.ravel().tolist()
    ]
    return np.array(whole, DTYPES[wanted]).reshape(values.shape)


def resolve(sent: tuple[int, ...], wanted: list[int]) -> tuple[int, ...]:
    """The shape that values of shape ``sent`` take for a model that wants ``wanted`` (-1 is any size)."""
    total = math.prod(sent)
    unknown = wanted.count(-1)
    shape = list(wanted)
    if unknown == 1:
        known = math.prod(size for size in wanted if size > 0)
        shape[wanted.index(-1)] = total // known
    elif unknown > 1:
        for place, size in enumerate(wanted):
            there = sent[place] if place < len(sent) else 1
            if size not in (-1, there):
                raise _unresolvable(sent, wanted)
            shape[place] = there
    if math.prod(shape) != total:
        raise _unresolvable(sent, wanted)
    return tuple(shape)


def _unresolvable(sent: tuple[int, ...], wanted: list[int]) -> RefusalError:
    return RefusalError(400, f"Unable to resolve shape {list(sent)} into {wanted}")


def roll(tensor: Tensor, window: int) -> Tensor:
    """Windows of consecutive rows: [n,d..] becomes [n-w+1,w,d..]."""
    if window <= 1:
        return tensor
    if not tensor.shape or tensor.shape[0] < window:
        raise internal()
    row = math.prod(tensor.shape[1:])
    count = tensor.shape[0] - window + 1
    values = [value for start in range(count) for value in tensor.values[start * row : (start + window) * row]]
    return Tensor(tensor.type, (count, window, *tensor.shape[1:]), values)


def columns(field: dict[str, Any], given: dict[str, Tensor]) -> Tensor:
    """A table assembled from one vector for each index of a field."""
    indexes = field["fields"]
    for index in indexes:
        if index["name"] not in given:
            either = f"Unable to find either a tensor with name {field['name']} or with name {index['name']}"
            raise RefusalError(400, either)
    parts = [given[index["name"]] for index in indexes]
    for index, part in zip(indexes, parts, strict=True):
        if len(part.shape) > 1:
            raise RefusalError(
                400,
                "Only vectors (i.e tensor of rank 1) are supported as indexes. "
                f"Found a tensor of rank {len(part.shape)} for index {index['name']}",
            )
    lengths = {len(part.values) for part in parts}
    if len(lengths) > 1:
        raise RefusalError(
            400, "When using tensor indexes all vectors should be of the same size; but found different ones"
        )
    kind = parts[0].type
    for part in parts:
        if part.type is None or (part.type in NUMERIC and part.nullable) or not _holds(kind, part.type):
            raise internal()
    rows = lengths.pop()
    values: list[Any] = [None] * (rows * len(parts))
    for index, part in zip(indexes, parts, strict=True):
        values[index["index"] :: len(parts)] = part.values
    return Tensor(kind, (rows, len(parts)), values)


def _holds(first: str | None, other: str) -> bool:
    if first in NUMERIC and other in NUMERIC:
        return NUMERIC.index(other) <= NUMERIC.index(first)
    return first == other

"""Tensors of the Open Inference Protocol: datatypes, JSON data, and the binary tensor extension."""

import math
import struct
from itertools import chain
from typing import Any, Final

import numpy as np

from migrate.server.errors import bad_request
from migrate.server.tensors import Array, Shape

DATATYPES: Final = {
    "bool": "BOOL",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
    "object": "BYTES",
}
_KINDS: Final = {"b": "b", "i": "iu", "u": "iu", "f": "iuf"}
_WORDS: Final = frozenset({"NaN", "Infinity", "-Infinity"})
_LENGTH: Final = struct.Struct("<I")


def datatype_of(dtype: str) -> str:
    """The protocol's word for a numpy dtype; strings of any kind are BYTES."""
    return DATATYPES.get(dtype, "BYTES")


def from_json(name: str, data: Any, dtype: str, shape: Shape) -> Array:
    """A tensor of nested or flat JSON data in row-major order.

    Raises:
        migrate.server.errors.HttpError: 400, when data, datatype and shape do not fit.
    """
    leaves = _leaves(data)
    _check_count(name, len(leaves), shape)
    if dtype == "object":
        if not all(isinstance(leaf, str) for leaf in leaves):
            raise bad_request(f"input {name}: BYTES data must be strings")
        array = np.empty(len(leaves), np.object_)
        array[:] = leaves
        return array.reshape(shape)
    wanted = np.dtype(dtype)
    if wanted.kind == "f":
        leaves = [float(leaf) if leaf in _WORDS else leaf for leaf in leaves] if _has_text(leaves) else leaves
    try:
        array = np.array(leaves) if leaves else np.empty(0, wanted)
    except (ValueError, OverflowError):
        array = np.array(leaves, np.object_)
    if array.dtype.kind not in _KINDS[wanted.kind]:
        raise bad_request(f"input {name}: the data is not of datatype {datatype_of(dtype)}")
    if wanted.kind in "iu" and array.size:
        limits = np.iinfo(wanted)
        if int(array.min()) < limits.min or int(array.max()) > limits.max:
            raise bad_request(f"input {name}: a value is beyond datatype {datatype_of(dtype)}")
    with np.errstate(all="ignore"):
        return array.astype(wanted).reshape(shape)


def _has_text(leaves: list[Any]) -> bool:
    return any(type(leaf) is str for leaf in leaves)


def _leaves(data: Any) -> list[Any]:
    level = data if isinstance(data, list) else [data]
    while level and isinstance(level[0], list):
        if not all(isinstance(item, list) for item in level):
            raise bad_request("data mixes values and lists")
        level = list(chain.from_iterable(level))
    return level


def _check_count(name: str, count: int, shape: Shape) -> None:
    wanted = 1
    for dim in shape:
        wanted *= dim
    if count != wanted:
        raise bad_request(f"input {name}: {count} values, its shape {list(shape)} has {wanted}")


def from_binary(name: str, data: memoryview, dtype: str, shape: Shape) -> Array:
    """A tensor of little-endian values, or of strings with their lengths before them.

    Raises:
        migrate.server.errors.HttpError: 400, when the bytes do not fit datatype and shape.
    """
    if dtype == "object":
        texts = _strings(name, data)
        _check_count(name, len(texts), shape)
        array = np.empty(len(texts), np.object_)
        array[:] = texts
        return array.reshape(shape)
    wanted = np.dtype(dtype).newbyteorder("<")
    if len(data) % wanted.itemsize:
        raise bad_request(f"input {name}: {len(data)} bytes are no whole values of {datatype_of(dtype)}")
    _check_count(name, len(data) // wanted.itemsize, shape)
    if wanted.kind == "b" and bytes(data).strip(b"\x00\x01"):
        raise bad_request(f"input {name}: BOOL values are bytes of 0 or 1")
    return np.frombuffer(data, wanted).astype(np.dtype(dtype)).reshape(shape)


def _strings(name: str, data: memoryview) -> list[str]:
    texts, place = [], 0
    try:
        while place < len(data):
            (length,) = _LENGTH.unpack_from(data, place)
            place += _LENGTH.size
            if place + length > len(data):
                raise bad_request(f"input {name}: a string is longer than the data")
            texts.append(str(data[place : place + length], "utf-8"))
            place += length
    except (struct.error, UnicodeDecodeError) as error:
        raise bad_request(f"input {name}: BYTES data cannot be read: {error}") from error
    return texts


def to_binary(name: str, data: Array) -> bytes:
    """The bytes of a tensor in the binary extension; missing (masked) numbers with a fraction are NaN.

    Raises:
        migrate.server.errors.HttpError: 400, when another value is missing: these bytes have no word for that.
    """
    if isinstance(data, np.ma.MaskedArray):
        if data.dtype.kind != "f" and np.ma.getmaskarray(data).any():
            raise bad_request(f"output {name} has missing values, which binary data cannot say: ask for it as JSON")
        data = data.filled(math.nan) if data.dtype.kind == "f" else data.data
    if data.dtype.kind != "O":
        return np.ascontiguousarray(data, data.dtype.newbyteorder("<")).tobytes()
    encoded = [str(text).encode("utf-8", "replace") for text in data.reshape(-1)]
    return b"".join(chain.from_iterable((_LENGTH.pack(len(text)), text) for text in encoded))

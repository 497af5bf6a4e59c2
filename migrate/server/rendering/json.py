"""Answers as compact JSON: shortest digits in Java's notation, NaN and infinities as quoted words."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec
import numpy as np
import orjson

from migrate.server.java import number_text
from migrate.server.tensors import Array, Shape

MEDIA_TYPE: Final = b"application/json;charset=utf-8"
# Between these (and for zero) Java writes floats plainly, as everybody does.
_PLAIN_FROM: Final = 1e-3
_PLAIN_BELOW: Final = 1e7
_FEW: Final = 32
_TEN: Final = 10
# Numbers below 1e-3 as orjson writes them. A number of 10 or more may hold such text, and the quicker pattern finds it.
_SMALL: Final = re.compile(rb"0\.000(0*)([1-9])(\d*)")
_SMALL_AMONG_LARGE: Final = re.compile(rb"(?<![0-9])" + _SMALL.pattern)
_EXPONENTS: Final = {b"0" * zeros: b"E-%d" % (4 + zeros) for zeros in range(20)}  # orjson writes only some zeros
_ONE_DIGIT: Final = re.compile(rb"((?<![0-9.])[0-9])e-")
# For numbers of the fewest bits the shortest text has one digit, and Java's has two.
_LAST_BITS: Final = (b"e-4", b"e-32")


def render(tensors: Mapping[str, Array]) -> bytes:
    """One JSON object, in the order of the mapping."""
    parts = [key_text(name) + tensor_text(data) for name, data in tensors.items()]
    return b"{" + b",".join(parts) + b"}"


def render_predictions(tensors: Mapping[str, Array]) -> bytes:
    """TensorFlow Serving's row form: the rows of the only tensor, or an object of all tensors for each row.

    All have the same first dimension.
    """
    if len(tensors) == 1:
        return b'{"predictions":' + tensor_text(next(iter(tensors.values()))) + b"}"
    columns = [[key_text(name) + tensor_text(row) for row in _rows(data)] for name, data in tensors.items()]
    rows = [b"{" + b",".join(row) + b"}" for row in zip(*columns, strict=True)]
    return b'{"predictions":[' + b",".join(rows) + b"]}"


def render_outputs(tensors: Mapping[str, Array]) -> bytes:
    """TensorFlow Serving's column form: the only tensor, or an object of all of them."""
    only = tensor_text(next(iter(tensors.values()))) if len(tensors) == 1 else render(tensors)
    return b'{"outputs":' + only + b"}"


def _rows(data: Array) -> list[Array]:
    """Each row as an array, also where it is one value."""
    return [data[place : place + 1].reshape(data.shape[1:]) for place in range(len(data))]


def render_rows(tensors: Mapping[str, Array]) -> list[bytes] | None:
    """What :func:`render` gives for each row alone, without its dimensions of size 1; None where that is not known."""
    columns = []
    for name, data in tensors.items():
        texts = row_texts(data)
        if texts is None:
            return None
        key = key_text(name)
        columns.append([key + text for text in texts])
    return [b"{" + b",".join(row) + b"}" for row in zip(*columns, strict=True)]


def row_texts(data: Array) -> list[bytes] | None:
    """The JSON of each row of one or two dimensions, one value without its list; None where that is not known."""
    if isinstance(data, np.ma.MaskedArray) or not 1 <= data.ndim <= 2 or data.size == 0:
        return None
    single = data.size == len(data)
    if data.dtype.kind == "O":
        return [msgspec.json.encode(value) for value in data.reshape(-1).tolist()] if single else None
    text = tensor_text(data.reshape(-1) if single else data)
    # No number and no word holds a comma or a bracket.
    return text[1:-1].split(b",") if single else [b"[%b]" % row for row in text[2:-2].split(b"],[")]


@lru_cache(maxsize=1024)
def key_text(name: str) -> bytes:
    """A name as a JSON string, with its colon."""
    return msgspec.json.encode(name) + b":"


def tensor_text(data: Array) -> bytes:
    """Nested lists, or one value for a scalar; masked values are null."""
    if isinstance(data, np.ma.MaskedArray):
        texts = _texts_with_nulls(data, quoted=True)
        return nested(texts, data.shape).encode() if data.size else orjson.dumps(data.tolist())
    if data.dtype.kind == "f":
        return _floats(data)
    if data.dtype.kind == "O":
        return msgspec.json.encode(data.tolist())
    if data.ndim == 0:
        return orjson.dumps(data.item())
    return orjson.dumps(np.ascontiguousarray(data), option=orjson.OPT_SERIALIZE_NUMPY)


def leaf_texts(data: Array) -> list[str]:
    """The text of each value in row-major order; strings as they are."""
    if isinstance(data, np.ma.MaskedArray):
        return _texts_with_nulls(data, quoted=False)
    if data.dtype.kind == "O":
        return [str(value) for value in data.reshape(-1)]
    if data.size == 0:
        return []
    if data.dtype.kind == "f":
        return _float_texts(np.ascontiguousarray(data).reshape(-1))
    return orjson.dumps(data.reshape(-1).tolist())[1:-1].decode().split(",")


def _texts_with_nulls(data: Array, *, quoted: bool) -> list[str]:
    values, nulls = np.asarray(np.ma.getdata(data)).reshape(-1), np.ma.getmaskarray(data).reshape(-1)
    if data.dtype.kind == "O" and quoted:
        return [
            msgspec.json.encode(None if null else value).decode() for value, null in zip(values, nulls, strict=True)
        ]
    plain = data.dtype.kind != "f" or data.size == 0
    texts = leaf_texts(values) if plain else _float_texts(values, quoted=quoted)
    return ["null" if null else text for text, null in zip(texts, nulls, strict=True)]


def _floats(data: Array) -> bytes:
    if data.dtype.itemsize < 4:
        data = data.astype(np.float32)
    if data.size == 0:
        return orjson.dumps(data.tolist())
    listed = np.ascontiguousarray(data)  # a scalar becomes a list of one
    found = _quick_floats(listed)
    if found is None:
        found = nested(_float_texts(listed.reshape(-1), quoted=True), listed.shape).encode()
    return found if data.ndim else found[1:-1]


def _quick_floats(data: Array) -> bytes | None:
    """The text of contiguous floats; None where some are too large, are none, or have the fewest bits."""
    if data.size <= _FEW and _all_plain(data):
        return orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY)
    largest = np.abs(data).max()
    if not largest < _PLAIN_BELOW:
        return None
    text = orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY)
    if b"e" in text:
        if any(ending in text for ending in _LAST_BITS):
            return None
        text = _ONE_DIGIT.sub(rb"\1.0E-", text).replace(b"e-", b"E-")
    return _with_exponents(text, _SMALL if largest < _TEN else _SMALL_AMONG_LARGE) if b"0.000" in text else text


def _with_exponents(text: bytes, small: re.Pattern[bytes]) -> bytes:
    """``0.00012`` as ``1.2E-4``, everywhere in a text."""
    pieces = small.split(text)  # what stands before a number, its zeros, its first digit, its others
    zeros = pieces[1::4]
    pieces[1::4] = pieces[2::4]
    pieces[2::4] = [b"." + others if others else b".0" for others in pieces[3::4]]
    pieces[3::4] = [_EXPONENTS[some] for some in zeros]
    return b"".join(pieces)


def _all_plain(few: Array) -> bool:
    for value in few.reshape(-1).tolist():  # noqa: SIM110 - quicker than numpy, and than a generator
        if not (_PLAIN_FROM <= abs(value) < _PLAIN_BELOW or value == 0):
            return False
    return True


def _is_plain(data: Array) -> Array:
    size = np.abs(data)
    plain: Array = (data == 0) | ((size >= _PLAIN_FROM) & (size < _PLAIN_BELOW))
    return plain


def _float_texts(flat: Array, *, quoted: bool = False) -> list[str]:
    texts = orjson.dumps(flat, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].decode().split(",")
    places = np.flatnonzero(~_is_plain(flat))
    for place, finite in zip(places.tolist(), np.isfinite(flat[places]).tolist(), strict=True):
        value = flat[place]
        if finite:
            # One digit suffices for some of the smallest numbers; Java writes the nearest two even then: 1.4E-45.
            one_digit = texts[place].lstrip("-")[1:2] == "e"
            texts[place] = number_text(f"{value:.1e}" if one_digit else texts[place])
            continue
        word = "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        texts[place] = f'"{word}"' if quoted else word
    return texts


def nested(texts: list[str], shape: Shape) -> str:
    """Texts in row-major order as nested JSON lists."""
    for size in reversed(shape):
        texts = ["[" + ",".join(texts[start : start + size]) + "]" for start in range(0, len(texts), size)]
    return texts[0]

"""JSON bodies: ``{tensor name: value}`` into tensors, with the rules of the old runtime's parser.

Strict JSON in UTF-8, 16 or 32; the last of equal keys wins; what follows the first value is ignored; numbers beyond
double are infinite. See :mod:`migrate.server.parsing.fast` for the quick way of the common case.
"""

import base64
import binascii
import codecs
import json
from collections.abc import Mapping
from itertools import chain
from typing import Any, Final, NoReturn

import msgspec
import numpy as np

from migrate.server.errors import PARSE_FAILURE, bad_request
from migrate.server.tensors import BYTES, DTYPES, NUMERIC, TYPELESS, Shape, Tensor

NUMPY_RANK_LIMIT: Final = 64
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FILLERS: Final[dict[str, object]] = {"boolean": False, "string": ""}


class BuildError(Exception):
    """A JSON value is no tensor; the text is the old runtime's."""

    def __init__(self, text: str) -> None:
        super().__init__(f"Impossible to convert object into tensor : {text}")


def parse_tensors(body: bytes, *, depth_limit: int, missing: bool = False) -> dict[str, Tensor]:
    """Every tensor of a JSON body, by name.

    Args:
        body: The request's.
        depth_limit: How many lists may lie in one another.
        missing: Whether a list of nothing but nulls is a tensor, as a bare null is.

    Raises:
        HttpError: 400 with the one text of the old runtime; the detail names the cause.
    """
    return tensors_of(load_object(body), depth_limit=depth_limit, missing=missing)


def load_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body.

    Raises:
        HttpError: 400, when it holds none.
    """
    root = load_json(body)
    if not isinstance(root, dict):
        raise bad_request(PARSE_FAILURE, "the body must be one JSON object: {tensor name: value}")
    return root


def tensors_of(root: Mapping[str, Any], *, depth_limit: int, missing: bool = False) -> dict[str, Tensor]:
    """Every tensor of a decoded body, by name; see :func:`parse_tensors`.

    Bytes as base64 (``{"b64": "..."}``) are tensors of their own type, :data:`migrate.server.tensors.BYTES`.
    """
    tensors = {}
    for name, value in root.items():
        try:
            tensors[name] = build_tensor(value, depth_limit=depth_limit, missing=missing, encoded=True)
        except BuildError as error:
            raise bad_request(PARSE_FAILURE, f"{name}: {error}") from error
    return tensors


def load_json(body: bytes) -> Any:
    """The first JSON value of a body.

    Raises:
        HttpError: 400, when there is none or it is broken.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        value, _ = _DECODER.raw_decode(_text(body).lstrip(" \t\r\n"))
    except RecursionError:
        raise bad_request(PARSE_FAILURE, "nested too deeply") from None
    except ValueError as error:
        raise bad_request(PARSE_FAILURE, f"the body is not JSON: {error}") from error
    try:
        msgspec.json.encode(value)
    except UnicodeEncodeError as error:
        raise bad_request(PARSE_FAILURE, "half of a surrogate pair is no text") from error
    except OverflowError:
        # An integer beyond 64 bits: the tensor that holds it is refused, with its name.
        pass
    return value


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON number")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)


def _text(body: bytes) -> str:
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding)
    return body.decode(_guess(body[:4]))


def _guess(start: bytes) -> str:
    """The Unicode encoding of JSON by where the zero bytes of its first (ASCII) characters are."""
    zeros = tuple(byte == 0 for byte in start)
    if zeros[:4] == (True, True, True, False):
        return "utf-32-be"
    if zeros[:4] == (False, True, True, True):
        return "utf-32-le"
    if zeros[:2] == (True, False):
        return "utf-16-be"
    if zeros[:2] == (False, True):
        return "utf-16-le"
    return "utf-8"


def build_tensor(
    value: object, *, depth_limit: int = NUMPY_RANK_LIMIT, missing: bool = False, encoded: bool = False
) -> Tensor:
    """A tensor of a decoded JSON value.

    The shape follows the first elements; every other branch must match it. Several numeric types become the widest.
    A bare null or empty list has no type: harmless while no field asks for it. Nor has a list of nulls, which only
    ``missing`` lets pass. Objects are values only with ``encoded``, and only as ``{"b64": "..."}``.

    Raises:
        BuildError: When the value is ragged, mixes types, holds an object or an integer beyond 64 bits, or has no type.
    """
    if value is None or value == []:
        return Tensor(TYPELESS, np.zeros((), np.object_))
    shape: list[int] = []
    level = [value]
    while isinstance(level[0], list) and level[0]:
        if len(shape) >= min(depth_limit, NUMPY_RANK_LIMIT):
            raise BuildError(f"nested deeper than {len(shape)} lists")
        size = len(level[0])
        if any(type(item) is not list or len(item) != size for item in level):
            _refuse_ragged(value, tuple(_first_sizes(value)))
        shape.append(size)
        level = list(chain.from_iterable(level))  # type: ignore[arg-type]
    if missing and all(leaf is None for leaf in level):
        return Tensor(TYPELESS, np.zeros(shape, np.object_))
    if encoded and all(type(leaf) is dict and leaf.keys() == {"b64"} for leaf in level):
        return _of_bytes([leaf["b64"] for leaf in level], tuple(shape))  # type: ignore[index]
    return _of_leaves(level, tuple(shape))


def _of_bytes(texts: list[object], shape: Shape) -> Tensor:
    data = np.empty(len(texts), np.object_)
    try:
        data[:] = [base64.b64decode(text, validate=True) for text in texts]  # type: ignore[arg-type]
    except (binascii.Error, ValueError, TypeError) as error:
        raise BuildError(f"b64 holds no base64 ({error})") from error
    return Tensor(BYTES, data.reshape(shape))


def _first_sizes(value: object) -> list[int]:
    sizes = []
    while isinstance(value, list) and value:
        sizes.append(len(value))
        value = value[0]
    return sizes


def _refuse_ragged(value: object, shape: Shape, number: int = 0) -> None:
    """Raise for the first branch, depth first, that does not have the size of its dimension."""
    if number == len(shape):
        return
    if not isinstance(value, list):
        raise BuildError(f"Dimension number {number} is expected to be of size {shape[number]} but found a value")
    if len(value) != shape[number]:
        raise BuildError(
            f"Dimension number {number} is expected to be of size {shape[number]} but found {len(value)} instead"
        )
    for item in value:
        _refuse_ragged(item, shape, number + 1)


def _of_leaves(leaves: list[object], shape: Shape) -> Tensor:
    kinds = set(map(type, leaves))
    has_null = type(None) in kinds
    kinds.discard(type(None))
    if dict in kinds:
        raise BuildError("an object is no tensor value")
    if list in kinds and any(type(leaf) is list and leaf for leaf in leaves):
        raise BuildError("a list stands where the first branch has a value")
    kinds.discard(list)
    names = _type_names(kinds, leaves)
    if not names:
        raise BuildError("Impossible to find type of tensor : no one where found")
    if len(names) > 1 and not names <= NUMERIC:
        raise BuildError(f"Impossible to find type of tensor : several where found [{', '.join(sorted(names))}]")
    if any(type(leaf) is list for leaf in leaves):
        raise BuildError("an empty list is no tensor value")
    chosen = next(name for name in ("double", "long", "integer", "string", "boolean") if name in names)
    nulls = None
    if has_null:
        nulls = np.array([leaf is None for leaf in leaves], np.bool_).reshape(shape)
        filler = _FILLERS.get(chosen, 0)
        leaves = [filler if leaf is None else leaf for leaf in leaves]
    data = np.empty(len(leaves), DTYPES[chosen])
    data[:] = leaves
    return Tensor(chosen, data.reshape(shape), nulls)


def _type_names(kinds: set[type], leaves: list[object]) -> set[str]:
    names = set()
    if float in kinds:
        names.add("double")
    if bool in kinds:
        names.add("boolean")
    if str in kinds:
        names.add("string")
    if int in kinds:
        whole = [leaf for leaf in leaves if type(leaf) is int]
        low, high = min(whole), max(whole)
        if low < -(2**63) or high >= 2**63:
            raise BuildError("an integer has more than 64 bits")
        if low < -(2**31) or high >= 2**31:
            names.add("long")
        if any(-(2**31) <= number < 2**31 for number in whole):
            names.add("integer")
    return names

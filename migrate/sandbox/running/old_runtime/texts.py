"""JSON as the old runtime wrote it: Java's number texts, Java's order of names, no dimension of size 1."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def write_tensors(tensors: dict[str, NDArray[Any]], *, simplify: bool) -> str:
    """The body of an answer."""
    parts = (
        f"{json.dumps(name, ensure_ascii=False)}:{_write(_simplified(tensors[name]) if simplify else tensors[name])}"
        for name in hash_map_order(tensors)
    )
    return "{" + ",".join(parts) + "}"


def compact(value: object) -> str:
    """JSON without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def hash_map_order(names: Iterable[str]) -> list[str]:
    """The names in the order in which a ``java.util.HashMap`` that they were put into gives them back."""
    ordered = list(names)
    capacity = 16
    while len(ordered) > capacity * 3 // 4:
        capacity *= 2
    return sorted(ordered, key=lambda name: _spread(name) & (capacity - 1))


def _spread(name: str) -> int:
    code = 0
    for unit in np.frombuffer(name.encode("utf-16-le", "surrogatepass"), "<u2").tolist():
        code = (31 * code + unit) & 0xFFFFFFFF
    return code ^ (code >> 16)


def number_text(value: np.floating[Any]) -> str:
    """``Float.toString`` or ``Double.toString``; what JSON has no number for is a text in quotes."""
    if np.isnan(value):
        return '"NaN"'
    if np.isinf(value):
        return '"Infinity"' if value > 0 else '"-Infinity"'
    size = np.abs(value)
    if size == 0 or 1e-3 <= size < 1e7:
        return np.format_float_positional(value, unique=True, trim="0")
    # One digit suffices for some of the smallest numbers; Java writes the nearest two even then: 1.4E-45, 4.9E-324.
    one_digit = np.format_float_scientific(size, unique=True, trim="-")[1] == "e"
    precision = 1 if one_digit else None
    text = np.format_float_scientific(value, precision, unique=not one_digit, trim="0", exp_digits=1)
    return text.replace("e+", "E").replace("e", "E")


def _simplified(values: NDArray[Any]) -> NDArray[Any]:
    return values.reshape([size for size in values.shape if size != 1])


def _write(values: NDArray[Any]) -> str:
    if values.ndim:
        return "[" + ",".join(_write(part) for part in _parts(values)) + "]"
    value: object = values.item() if values.dtype == object else values.dtype.type(values)
    if isinstance(value, np.floating):
        return number_text(value)
    if isinstance(value, np.bool_):
        return "true" if value else "false"
    return str(value) if isinstance(value, np.integer) else json.dumps(value, ensure_ascii=False)


def _parts(values: NDArray[Any]) -> Iterable[NDArray[Any]]:
    return (np.asarray(values[place : place + 1]).reshape(values.shape[1:]) for place in range(len(values)))

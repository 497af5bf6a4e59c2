"""The tensors of an answer beside those that a library gave."""

from typing import Any, Final

import numpy as np

_TOLERANCES: Final = {"float64": (1e-9, 1e-12), "float16": (2e-3, 1e-3)}
_SINGLE: Final = (1e-5, 1e-6)
_SPELLED: Final = {"NaN": np.nan, "Infinity": np.inf, "-Infinity": -np.inf}


def difference(wanted: dict[str, Any], answer: dict[str, Any]) -> str:
    """What is wrong with an answer, in words; empty where each wanted tensor is in it."""
    found = []
    for name, tensor in wanted.items():
        key = name
        if name == "*":
            key = "probabilities" if "probabilities" in answer else next(iter(answer), "")
        if key not in answer:
            found.append(f"{name} is missing; there are {', '.join(sorted(answer))}")
        elif wrong := _of_one(tensor, answer[key]):
            found.append(f"{key} {wrong}")
    return "; ".join(found)


def _of_one(wanted: dict[str, Any], value: Any) -> str:
    got = _array(value)
    if got is None:
        return "is no tensor"
    if wanted["shape"] is not None and list(got.shape) != list(wanted["shape"]):
        return f"has the shape {list(got.shape)}, not {wanted['shape']}"
    data = wanted["data"] if isinstance(wanted["data"], list) else [wanted["data"]]
    flat = got.ravel().tolist()
    if len(flat) != len(data):
        return f"has {len(flat)} values, not {len(data)}"
    if wanted["dtype"] in {"string", "bool"} or "int" in wanted["dtype"]:
        unequal = [(one, other) for one, other in zip(flat, data, strict=True) if one != other]
        return f"has {unequal[0][0]!r} where {unequal[0][1]!r} was" if unequal else ""
    try:
        numbers = np.array([_SPELLED.get(one, one) for one in flat], np.float64)
    except (TypeError, ValueError):
        return "has a value that is no number"
    relative, absolute = _TOLERANCES.get(wanted["dtype"], _SINGLE)
    right = np.array([_SPELLED.get(one, one) if isinstance(one, str) else one for one in data], np.float64)
    if np.allclose(numbers, right, rtol=relative, atol=absolute, equal_nan=True):
        return ""
    return f"is off by {np.nanmax(np.abs(numbers - right)):.3g}"


def _array(value: Any) -> Any:
    """Nested lists as an array of their scalars, whose types stay; None where they are ragged."""
    sizes = []
    inner = value
    while isinstance(inner, list):
        sizes.append(len(inner))
        inner = inner[0] if inner else None
    array = np.array(value, object)
    return array if list(array.shape) == sizes else None

"""Alters the answers of an app, so that a comparison which lets everything pass is found out."""

import json
from typing import Any, Literal

Mode = Literal["scale", "swap", "nan"]


def alter(body: bytes, mode: Mode) -> bytes:
    """The JSON object of an ``/eval`` answer with one tensor altered; anything else comes back as it is.

    ``scale`` multiplies the first tensor of floats by 1.01; ``swap`` exchanges two labels of the first integer or
    text tensor (of the first tensor of floats, where there is none); ``nan`` makes the first float NaN, as the old
    contract writes it.
    """
    try:
        answer = json.loads(body)
    except ValueError:
        return body
    if not isinstance(answer, dict):
        return body
    altered = {"scale": _scale, "swap": _swap, "nan": _nan}[mode](answer)
    return json.dumps(altered, ensure_ascii=False, separators=(",", ":")).encode() if altered else body


def _scale(answer: dict[str, Any]) -> dict[str, Any] | None:
    name = next((name for name, values in answer.items() if any(_leaves(values, float))), None)
    return None if name is None else answer | {name: _scaled(answer[name])}


def _scaled(values: Any) -> Any:
    if isinstance(values, list):
        return [_scaled(item) for item in values]
    return values * 1.01 if isinstance(values, float) else values


def _swap(answer: dict[str, Any]) -> dict[str, Any] | None:
    for kind in ((int, str), (float,)):
        for name, values in answer.items():
            found = list(dict.fromkeys(leaf for wanted in kind for leaf in _leaves(values, wanted)))
            if len(found) > 1:
                return answer | {name: _each(values, {found[0]: found[-1], found[-1]: found[0]})}
            if found and kind != (float,):
                return answer | {name: _each(values, {found[0]: _other_label(found[0])})}
    return None


def _nan(answer: dict[str, Any]) -> dict[str, Any] | None:
    name = next((name for name, values in answer.items() if _leaves(values, float)), None)
    return None if name is None else answer | {name: _first_nan(answer[name])}


def _first_nan(values: Any) -> Any:
    if not isinstance(values, list):
        return "NaN"
    place = next(index for index, item in enumerate(values) if _leaves(item, float))
    return [*values[:place], _first_nan(values[place]), *values[place + 1 :]]


def _other_label(label: int | str) -> int | str:
    """The label next to a number, as if two classes were exchanged; a text backwards, or with a mark."""
    if isinstance(label, str):
        return label[::-1] if label[::-1] != label else f"{label}'"
    return label ^ 1


def _leaves(values: object, kind: type) -> list[Any]:
    if isinstance(values, list):
        return [leaf for item in values for leaf in _leaves(item, kind)]
    return [values] if type(values) is kind else []


def _each(values: Any, exchange: dict[Any, Any]) -> Any:
    """The values with labels exchanged; a boolean or a float that equals a label is not one."""
    if isinstance(values, list):
        return [_each(item, exchange) for item in values]
    kind = type(next(iter(exchange)))
    return exchange.get(values, values) if type(values) is kind else values

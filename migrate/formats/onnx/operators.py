"""Which operators onnxruntime has, and in which operator sets: from a table that was made from onnxruntime itself."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final, Literal

Place = Literal["there", "older", "unknown"]

_DEFAULT: Final = "ai.onnx"
_NEWEST: Final = 1 << 31
# They load programs, and no build for CPUs has them.
_NOT_ON_CPU: Final = frozenset({"EPContext", "PythonOp", "PythonOpGrad", "Snpe", "TritonOp"})


@cache
def _table() -> Mapping[tuple[str, str], tuple[tuple[int, int], ...]]:
    """The first and last operator sets in which onnxruntime computes an operator, by domain and name."""
    found: dict[tuple[str, str], tuple[tuple[int, int], ...]] = {}
    domain = ""
    for line in files("migrate.formats.onnx").joinpath("operators.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            domain = line.strip("[]")
        elif not line.startswith("#"):
            for word in line.split():
                name, _, ranges = word.partition(":")
                pairs = (each.split("-") for each in ranges.split(","))
                found[domain, name] = tuple((int(first), int(last or _NEWEST)) for first, last in pairs)
    return found


def first_set(domain: str, operator: str) -> int:
    """The oldest operator set in which onnxruntime computes an operator that it has."""
    return _table()[domain or _DEFAULT, operator][0][0]


def place_of(domain: str, operator: str, version: int | None) -> Place:
    """Whether onnxruntime computes an operator.

    Args:
        domain: Its domain; empty for ONNX's own.
        operator: Its name.
        version: The operator set of the domain that the model imports, or None where that is not known.
    """
    ranges = _table().get((domain or _DEFAULT, operator))
    if ranges is None or operator in _NOT_ON_CPU:
        return "unknown"
    if version is None or any(first <= version <= last for first, last in ranges):
        return "there"
    return "older" if version < ranges[0][0] else "unknown"

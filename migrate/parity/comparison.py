"""Whether a new answer is the old one: per tensor, with a tolerance that belongs to its dtype."""

import ctypes
import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from migrate.core.model_json import ModelJson
from migrate.core.text import printable
from migrate.core.values import Mismatch, Recording, Sample, Tolerance
from migrate.parity.http import Answer
from migrate.parity.tensors import Tensor, read_tensor

DEFAULT_TOLERANCES: Final[Mapping[str, Tolerance]] = {
    "float": Tolerance(relative=1e-5, absolute=1e-6),
    "double": Tolerance(relative=1e-9, absolute=1e-12),
}
"""By dtype; integers, strings and booleans are exact (decisions: Tolerances)."""

_NON_FINITE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def compare_answers(
    sample: Sample,
    answer: Answer,
    settings: ModelJson,
    tolerances: Mapping[str, Tolerance] = DEFAULT_TOLERANCES,
    *,
    engine_tensors: bool = False,
) -> tuple[float | None, tuple[Mismatch, ...]]:
    """Compare an answer with the sample's reference.

    Args:
        sample: The request and its reference answer.
        answer: The new answer.
        settings: The model's settings; its outputs say the dtypes.
        tolerances: By dtype.
        engine_tensors: The reference holds tensors of the engine with all their dimensions, so dimensions of size 1
            are dropped on both sides; else the bodies are compared as they are, shapes included.

    Returns:
        The largest absolute difference of any number (None when none was compared), and one mismatch for each tensor
        that differs beyond tolerance, at the value that differs most.
    """
    if answer.status != sample.status:
        text = f"answered {answer.status} where {sample.status} was expected"
        return None, (_whole(sample, "", str(sample.status), _status_text(answer), text),)
    if sample.status != 200:
        return None, _compare_errors(sample, answer)
    if answer.body is None:
        return None, (_whole(sample, "", "a JSON object", printable(answer.text, 200), "answered no JSON object"),)
    reference, types = sample.answer or {}, output_types(settings)
    worst: float | None = None
    found: list[Mismatch] = []
    for name in [*reference, *(name for name in answer.body if name not in reference)]:
        if name not in answer.body:
            found.append(_whole(sample, name, "present", "missing", "is missing"))
        elif name not in reference:
            found.append(_whole(sample, name, "missing", "present", "was not there before"))
        else:
            old, new = read_tensor(reference[name]), read_tensor(answer.body[name])
            difference, mismatch = _compare_tensors(
                sample, name, old, new, types.get(name), tolerances, squeeze=engine_tensors
            )
            worst = _larger(worst, difference)
            found += [mismatch] if mismatch else []
    return worst, tuple(found)


def output_types(settings: ModelJson) -> dict[str, str]:
    """The dtype of every name that an answer of the model may hold: tensors, or their columns where it has some.

    A manifest may call a double what is computed in single precision (a flow does, whose last step is an interval
    around a network's answer): that is a float.
    """
    types: dict[str, str] = {}
    is_single = settings.manifest and _computes_floats(settings)
    for field in settings.outputs:
        for part in field.fields or (field,):
            word = part.type or field.type
            types[part.name] = "float" if word == "double" and is_single else word
    return types


def _computes_floats(settings: ModelJson) -> bool:
    """Whether a model, or a step of a flow, has tensors of single precision."""
    steps = settings.flow.steps if settings.flow is not None else (settings,)
    return any(field.type == "float" for step in steps for field in (*step.inputs, *step.outputs))


def _compare_errors(sample: Sample, answer: Answer) -> tuple[Mismatch, ...]:
    old, new = (str((body or {}).get("message", "")) for body in (sample.answer, answer.body))
    if old == new:
        return ()
    shown = printable(old, 200), printable(new, 200)
    text = f'the message of the error {sample.status} was "{shown[0]}" and is "{shown[1]}"'
    return (_whole(sample, "", *shown, text),)


def _status_text(answer: Answer) -> str:
    message = (answer.body or {}).get("message", "")
    return f"{answer.status} {printable(str(message) or answer.text, 200)}".strip()


def _whole(sample: Sample, tensor: str, old: str, new: str, text: str) -> Mismatch:
    tensor = printable(tensor)
    return Mismatch(sample=sample.name, tensor=tensor, index=(), old=old, new=new, difference=None, text=text)


def _larger(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else max(one, other)


def _compare_tensors(
    sample: Sample,
    name: str,
    old: Tensor | None,
    new: Tensor | None,
    word: str | None,
    tolerances: Mapping[str, Tolerance],
    *,
    squeeze: bool,
) -> tuple[float | None, Mismatch | None]:
    if old is None or new is None:
        whose = "old" if old is None else "new"
        return None, _whole(sample, name, "", "", f"is no tensor in the {whose} answer")
    if squeeze:
        old, new = old.squeezed(), new.squeezed()
    if old.shape != new.shape:
        shapes = (str(list(old.shape)), str(list(new.shape)))
        return None, _whole(sample, name, *shapes, f"has the shape {shapes[1]}, not {shapes[0]}")
    worst: float | None = None
    count, at, most = 0, 0, -1.0
    for position, (one, other) in enumerate(zip(old.values, new.values, strict=True)):
        difference, equal = compare_values(one, other, word, tolerances)
        if difference is not None and math.isfinite(difference):
            worst = _larger(worst, difference)
        if not equal:
            weight = math.inf if difference is None or not math.isfinite(difference) else difference
            count, at, most = (count + 1, position, weight) if weight > most else (count + 1, at, most)
    return worst, _mismatch(sample, name, old, new, word, at, count, tolerances) if count else None


def _mismatch(
    sample: Sample,
    name: str,
    old: Tensor,
    new: Tensor,
    word: str | None,
    at: int,
    count: int,
    tolerances: Mapping[str, Tolerance],
) -> Mismatch:
    difference, _ = compare_values(old.values[at], new.values[at], word, tolerances)
    finite = difference is not None and math.isfinite(difference)
    values = (_show(old.values[at]), _show(new.values[at]))
    index = old.index_of(at)
    by = f", difference {difference:.6g}" if finite else ""
    many = f" ({count} of {len(old.values)} values differ)" if len(old.values) > 1 else ""
    return Mismatch(
        sample=sample.name,
        tensor=printable(name),
        index=index,
        old=values[0],
        new=values[1],
        difference=difference if finite else None,
        text=f"was {values[0]} and is {values[1]}{by}{many}",
    )


def _show(value: object) -> str:
    return printable(repr(value) if isinstance(value, str) else str(value), 80)


def compare_values(
    old: object, new: object, word: str | None, tolerances: Mapping[str, Tolerance] = DEFAULT_TOLERANCES
) -> tuple[float | None, bool]:
    """The absolute difference of two values (None unless both are numbers), and whether they count as equal.

    Args:
        old: The reference value, as JSON has it.
        new: The new value.
        word: The tensor's declared type; None where the model declares no such tensor.
        tolerances: By dtype.
    """
    if word in ("string", "boolean") or isinstance(old, bool) or isinstance(new, bool):
        if type(old) is type(new) and old == new:
            return None, True
        return _compare_texts(old, new, tolerances) if isinstance(old, str) and isinstance(new, str) else (None, False)
    floating = word in ("float", "double") or (word is None and (isinstance(old, float) or isinstance(new, float)))
    one, other = _number(old, floating), _number(new, floating)
    if one is None or other is None:
        return None, one is other and type(old) is type(new) and old == new
    if not floating:
        return _distance(one, other), one == other and type(old) is type(new)
    if word == "float":
        # both sides as float32: their texts may be the shortest of either precision
        one, other = ctypes.c_float(one).value, ctypes.c_float(other).value
    if one == other:
        return 0.0, True
    if math.isnan(one) or math.isnan(other):
        return None, math.isnan(one) and math.isnan(other)
    difference = abs(one - other)
    limit = tolerances["double" if word == "double" else "float"]
    return difference, math.isfinite(one) and difference <= limit.absolute + limit.relative * abs(one)


def _compare_texts(old: str, new: str, tolerances: Mapping[str, Tolerance]) -> tuple[float | None, bool]:
    """Two texts that are not the same: equal where both are JSON, alike but for numbers within tolerance.

    The entities that a pipeline finds in a text are such a text, with a score in it for each.
    """
    if not (old[:1] == new[:1] and old[:1] in ("[", "{")):
        return None, False
    try:
        one, other = msgspec.json.decode(old), msgspec.json.decode(new)
    except (msgspec.DecodeError, RecursionError):
        return None, False
    return _compare_json(one, other, tolerances)


def _compare_json(one: Any, other: Any, tolerances: Mapping[str, Tolerance]) -> tuple[float | None, bool]:
    if isinstance(one, float) and isinstance(other, float):
        return compare_values(one, other, "float", tolerances)
    if isinstance(one, dict) and isinstance(other, dict):
        if list(one) != list(other):
            return None, False
        one, other = list(one.values()), list(other.values())
    if not (isinstance(one, list) and isinstance(other, list)):
        return None, type(one) is type(other) and one == other
    if len(one) != len(other):
        return None, False
    found = [_compare_json(*pair, tolerances) for pair in zip(one, other, strict=True)]
    worst: float | None = None
    for difference, _ in found:
        worst = _larger(worst, difference)
    return worst, all(equal for _, equal in found)


def _distance(one: float, other: float) -> float:
    try:
        return float(abs(one - other))
    except OverflowError:
        return math.inf


def _number(value: object, floating: bool) -> float | None:
    if isinstance(value, str) and floating:
        return _NON_FINITE.get(value)
    if not isinstance(value, int | float):
        return None
    try:
        return float(value) if floating else value
    except OverflowError:  # an integer beyond the largest double
        return math.inf if value > 0 else -math.inf


def recorded_json(recording: Recording, settings: ModelJson) -> bytes | None:
    """``recorded.json``, which the server checks itself against before it is ready; None where there is nothing.

    Only generated samples travel in an image: a customer's may be personal data.

    Args:
        recording: The samples.
        settings: The model's settings; the server knows a double that was computed in single precision by its
            declared type, so that type's tolerance is then the one of floats.
    """
    samples = [
        {"name": sample.name, "request": sample.request, "answer": sample.answer}
        for sample in recording.samples
        if sample.generated and sample.answer is not None and sample.status == 200
    ]
    if not samples:
        return None
    tolerances = dict(DEFAULT_TOLERANCES)
    if settings.manifest and _computes_floats(settings):
        tolerances["double"] = tolerances["float"]
    return msgspec.json.encode({"tolerances": tolerances, "samples": samples})

"""Warm-up, and the proof before ready: the answers recorded for this image must come out again."""

import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from migrate.server.errors import HttpError
from migrate.server.inputs import zeros
from migrate.server.logs import log
from migrate.server.merging import decide
from migrate.server.model_engine import ContradictionError
from migrate.server.rendering.json import render
from migrate.server.served import Call, Served

_EXACT: Final = {"relative": 0.0, "absolute": 0.0}
_WORDS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class RecordedSample(Struct, frozen=True):
    """A request to ``/eval`` and the answer that it had."""

    name: str
    request: dict[str, Any]
    answer: dict[str, Any]


class Recorded(Struct, frozen=True):
    """``recorded.json``. Tolerances are by the type word of a tensor; other types must be equal."""

    samples: tuple[RecordedSample, ...]
    tolerances: dict[str, dict[str, float]] = {}


def check(served: Served) -> None:
    """Reproduce the recorded answers, and find out whether requests can be merged.

    Raises:
        ContradictionError: As :func:`reproduce`.
    """
    decide(served, reproduce(served))


def reproduce(served: Served) -> tuple[dict[str, Any], ...]:
    """Warm the model up, reproduce the recorded answers, and return their requests.

    Raises:
        ContradictionError: With tensor, index and difference, when an answer is not the recorded one.
    """
    _warm_up(served)
    path = Path(served.model.folder, "recorded.json")
    if not path.exists():
        log(logging.INFO, "no recorded answers to reproduce", model=served.model.id)
        return ()
    try:
        recorded = msgspec.json.decode(path.read_bytes(), type=Recorded)
    except (OSError, msgspec.MsgspecError) as error:
        raise ContradictionError(f"recorded.json cannot be read: {error}") from error
    if recorded.samples:
        served.example = recorded.samples[0].request
    worst = 0.0
    for sample in recorded.samples:
        worst = max(worst, _reproduce(served, sample, recorded.tolerances))
    log(
        logging.INFO,
        "recorded answers reproduced",
        model=served.model.id,
        samples=len(recorded.samples),
        worst_difference=worst,
    )
    return tuple(sample.request for sample in recorded.samples)


def _warm_up(served: Served) -> None:
    feeds = {field.name: zeros(field) for field in served.model.inputs}
    try:
        served.engine.run(feeds)
    except HttpError as error:
        # Zeros of the smallest shape are no input for every model.
        log(logging.WARNING, "the model does not run on zeros", model=served.model.id, reason=error.message)


def _reproduce(served: Served, sample: RecordedSample, tolerances: dict[str, dict[str, float]]) -> float:
    """The worst difference of a sample, all of them within tolerance."""
    given = _answer(served, sample, step=None)
    if set(given) != set(sample.answer):
        # A reference engine knows the model's own outputs only, not the named columns that they are split into.
        given = _answer(served, sample, step="output:0")
    if set(given) != set(sample.answer):
        raise ContradictionError(
            f"recorded sample {sample.name}: the answer has {sorted(given)}, recorded were {sorted(sample.answer)}"
        )
    types = _types(served)
    worst = 0.0
    for name, old in sample.answer.items():
        word = types.get(name, "")
        # Numbers inside of a text are scores of a network.
        tolerance = tolerances.get("float" if word == "string" else word, _EXACT)
        worst = max(worst, _compare(f"recorded sample {sample.name}, {name}", old, given[name], tolerance))
    return worst


def _answer(served: Served, sample: RecordedSample, *, step: str | None) -> dict[str, Any]:
    try:
        answer = served.evaluate(Call(msgspec.json.encode(sample.request), step=step))
    except HttpError as error:
        raise ContradictionError(f"recorded sample {sample.name} is refused: {error.message} {error.detail}") from error
    found: dict[str, Any] = msgspec.json.decode(render(answer.tensors))
    return found


def _types(served: Served) -> dict[str, str]:
    types = {}
    for field in served.model.outputs:
        types[field.name] = field.type
        types.update((index.name, index.type or field.type) for index in field.fields)
    return types


def _compare(where: str, old: object, new: object, tolerance: dict[str, float]) -> float:
    old_leaves, new_leaves = list(_leaves(old)), list(_leaves(new))
    if len(old_leaves) != len(new_leaves):
        raise ContradictionError(f"{where}: {len(new_leaves)} values, recorded were {len(old_leaves)}")
    worst = 0.0
    for number, (left, right) in enumerate(zip(old_leaves, new_leaves, strict=True)):
        difference = _difference(left, right)
        if difference is None:
            if left != right and not _same_json(left, right, tolerance):
                raise ContradictionError(f"{where}, value {number}: {right!r}, recorded was {left!r}")
            continue
        expected = float(left)
        limit = tolerance["absolute"] + tolerance["relative"] * abs(expected) if math.isfinite(expected) else 0.0
        if not difference <= limit:
            raise ContradictionError(
                f"{where}, value {number}: {right}, recorded was {left}, difference {difference:.3g}"
            )
        worst = max(worst, difference)
    return worst


def _same_json(left: Any, right: Any, tolerance: dict[str, float]) -> bool:
    """Whether two texts are lists or objects of JSON that differ in numbers within tolerance only."""
    if not (isinstance(left, str) and isinstance(right, str) and left[:1] == right[:1] and left[:1] in ("[", "{")):
        return False
    try:
        return _alike(msgspec.json.decode(left), msgspec.json.decode(right), tolerance)
    except (msgspec.DecodeError, RecursionError):
        return False


def _alike(left: Any, right: Any, tolerance: dict[str, float]) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return abs(left - right) <= tolerance["absolute"] + tolerance["relative"] * abs(left)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_alike(left[key], right[key], tolerance) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(_alike(*pair, tolerance) for pair in zip(left, right, strict=True))
    return type(left) is type(right) and bool(left == right)


def _leaves(value: object) -> Iterator[Any]:
    """The values of nested lists; dimensions of size 1 make no difference."""
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _difference(old: Any, new: Any) -> float | None:
    """The absolute difference of two numbers, 0 for equal infinities and for two NaN; None for anything else."""
    left, right = _number(old), _number(new)
    if left is None or right is None:
        return None
    if left == right or (math.isnan(left) and math.isnan(right)):
        return 0.0
    difference = abs(left - right)
    return math.inf if math.isnan(difference) else difference


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    return _WORDS.get(value) if isinstance(value, str) else None

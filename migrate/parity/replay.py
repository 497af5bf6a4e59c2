"""The proof: every recorded request asked again, and its answer held against the reference."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from migrate.core.model_json import ModelJson
from migrate.core.text import printable
from migrate.core.values import Mismatch, Parity, Recording, Sample, Tolerance
from migrate.parity.comparison import DEFAULT_TOLERANCES, compare_answers, output_types
from migrate.parity.http import Answer, Call
from migrate.parity.tensors import read_tensor

_MAXIMUM_MISMATCHES: Final = 100

_LEGAL: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (float, int),
    "double": (float, int),
}
_NON_FINITE: Final = ("NaN", "Infinity", "-Infinity")


def replay(
    recording: Recording,
    settings: ModelJson,
    call: Call,
    *,
    tolerances: Mapping[str, Tolerance] = DEFAULT_TOLERANCES,
    describe: Mapping[str, object] | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Parity:
    """Ask every sample again.

    Args:
        recording: The requests and their reference.
        settings: The model's settings.
        call: Asks the new endpoint.
        tolerances: By dtype.
        describe: The new ``/describe``, compared where the recording holds the old one.
        progress: Told after each call.

    Raises:
        RemoteError: The endpoint cannot be reached.
    """
    worst: float | None = None
    found: list[Mismatch] = []
    if recording.describe is not None and describe is not None:
        found += compare_describe(recording.describe, describe)
    for number, sample in enumerate(recording.samples, 1):
        answer = call(sample)
        if recording.level == "self":
            found += well_formed(sample, answer, settings)
        else:
            engine_tensors = recording.level in {"verified", "cross-checked", "engine"}
            difference, mismatches = compare_answers(
                sample, answer, settings, tolerances, engine_tensors=engine_tensors
            )
            found += mismatches
            if difference is not None:
                worst = difference if worst is None else max(worst, difference)
        if progress is not None:
            progress(number, len(recording.samples))
    return Parity(
        level=recording.level,
        origin=recording.origin,
        passed=not found and bool(recording.samples),
        calls=len(recording.samples),
        worst_difference=worst,
        mismatches=tuple(found[:_MAXIMUM_MISMATCHES]),
        tolerances=dict(tolerances),
    )


def mismatch_text(mismatch: Mismatch) -> str:
    """One difference: the tensor, where in it, of which sample, and what was said of it."""
    if not mismatch.tensor or mismatch.text.startswith("/describe"):
        return f"sample {printable(mismatch.sample)}: {mismatch.text}"
    index = f" at {list(mismatch.index)}" if mismatch.index else ""
    return f"tensor {printable(mismatch.tensor)!r}{index} of sample {printable(mismatch.sample)}: {mismatch.text}"


def first_mismatch(parity: Parity) -> str:
    """What differs first, and how much else does."""
    if not parity.mismatches:
        return "no sample could be compared"
    more = len(parity.mismatches) - 1
    return mismatch_text(parity.mismatches[0]) + (f"; {more} more" if more else "")


def well_formed(sample: Sample, answer: Answer, settings: ModelJson) -> tuple[Mismatch, ...]:
    """What is wrong with an answer that has no reference: its status, its names, its types."""
    if answer.status != 200 or answer.body is None:
        return (
            _problem(sample, "", "200", f"{answer.status} {printable(answer.text, 200)}", f"answered {answer.status}"),
        )
    found = []
    for name, word in output_types(settings).items():
        if name not in answer.body:
            found.append(_problem(sample, name, word, "missing", "is missing"))
            continue
        tensor = read_tensor(answer.body[name])
        wrong = None if tensor is None else next((v for v in tensor.values if not _is_legal(v, word)), tensor)
        if tensor is None or wrong is not tensor:
            found.append(_problem(sample, name, word, printable(str(wrong), 80), f"is no tensor of type {word}"))
    return tuple(found)


def _is_legal(value: object, word: str) -> bool:
    if word in ("float", "double") and value in _NON_FINITE:
        return True
    return isinstance(value, _LEGAL.get(word, (object,))) and isinstance(value, bool) == (word == "boolean")


def compare_describe(old: Mapping[str, object], new: Mapping[str, object]) -> tuple[Mismatch, ...]:
    """The first place where two ``/describe`` documents differ, but for what the new server tells besides."""
    place = _difference(old, new, "")
    if place is None:
        return ()
    where, one, other = printable(place[0]), place[1], place[2]
    text = f"/describe was {one} there and is {other}"
    return (Mismatch(sample="describe", tensor=where, index=(), old=one, new=other, difference=None, text=text),)


_ADDED: Final = "labels"  # the classes of an output's columns, which the old runtime did not name


def _difference(old: Any, new: Any, where: str) -> tuple[str, str, str] | None:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old and key != _ADDED)]:
            if key not in old or key not in new:
                return f"{where}.{key}".lstrip("."), _short(old.get(key, "missing")), _short(new.get(key, "missing"))
            found = _difference(old[key], new[key], f"{where}.{key}".lstrip("."))
            if found is not None:
                return found
        return None
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return next((f for at, pair in pairs if (f := _difference(*pair, f"{where}[{at}]")) is not None), None)
    return None if type(old) is type(new) and old == new else (where, _short(old), _short(new))


def _short(value: object) -> str:
    return printable(str(value), 200)


def _problem(sample: Sample, tensor: str, old: str, new: str, text: str) -> Mismatch:
    return Mismatch(sample=sample.name, tensor=tensor, index=(), old=old, new=new, difference=None, text=text)

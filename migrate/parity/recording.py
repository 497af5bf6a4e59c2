"""Recordings: sample requests with the answers to hold the new app against, made before anything is built."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from migrate.core.errors import ConfigurationError, NeedsYouError, RemoteError, UsageError
from migrate.core.model_json import FastaiSettings, Field, ModelJson, content_of
from migrate.core.text import printable, type_again
from migrate.core.values import ProofLevel, Recording, Sample
from migrate.parity.generate import generate
from migrate.parity.http import Answer, Call, describe_at, http_caller
from migrate.parity.oracles.start import ENGINES
from migrate.parity.stated import NO_ROWS, Rows, verified

__all__ = [
    "REFERENCE_PROGRAM",
    "Answer",
    "Call",
    "at_least",
    "describe_at",
    "has_reference",
    "http_caller",
    "record_customer",
    "record_live",
    "record_reference",
    "record_self",
]

_START: Final = Path(__file__).parent / "oracles" / "start.py"

REFERENCE_PROGRAM: Final = (_START, *sorted({*_START.parent.glob("*.py")} - {_START}))
"""The program that answers samples with a model's engine alone: what is run, and the modules beside it.

The docstring of the first says which lines it reads.
"""

_WORST_FIRST: Final[tuple[ProofLevel, ...]] = ("self", "engine", "cross-checked", "verified", "recorded", "live")

Ask = Callable[[Mapping[str, object]], Mapping[str, Any]]
"""Asks the running reference program: a line in, its answer out."""


def at_least(level: ProofLevel, minimum: ProofLevel) -> bool:
    """Whether a level of proof says as much as another."""
    return _WORST_FIRST.index(level) >= _WORST_FIRST.index(minimum)


def record_live(
    samples: Sequence[Sample], call: Call, origin: str, describe: Mapping[str, object] | None, *, seed: int = 0
) -> Recording:
    """Ask the old endpoint.

    A customer's own request keeps the error that it was answered with; a generated one that was refused says nothing
    of the model and is left out, and so is any that the old service failed on (5xx).

    Args:
        samples: The requests.
        call: Asks the old endpoint.
        origin: In words, where the answers come from.
        describe: The old ``/describe``.
        seed: What the generated samples were made from.

    Raises:
        ConfigurationError: The endpoint refuses the token.
        RemoteError: It cannot be reached, or answers nothing usable.
        NeedsYouError: It accepts none of the requests.
    """
    kept: list[Sample] = []
    for sample in samples:
        answer = call(sample)
        _check_access(answer, origin)
        if answer.body is None or answer.status >= 500 or (sample.generated and answer.status != 200):
            continue
        kept.append(msgspec.structs.replace(sample, answer=answer.body, status=answer.status))
    if not kept:
        raise _none_accepted(f"{origin} answered none of the {len(samples)} sample requests")
    document = dict(describe) if describe is not None else None
    return Recording(level="live", origin=origin, samples=tuple(kept), seed=seed, describe=document)


def _check_access(answer: Answer, origin: str) -> None:
    if answer.status in (401, 403):
        raise ConfigurationError(
            f"{origin} refuses the token (HTTP {answer.status}).",
            code="old-endpoint-token",
            next_step=type_again("Give a token of the namespace that may evaluate this model"),
        )
    if answer.status in (404, 405, 415):
        raise RemoteError(
            f"{origin} does not answer as ML Serving did (HTTP {answer.status}).",
            code="old-endpoint-gone",
            next_step="Check the model's old URL; without it, give samples with --samples.",
        )


def _none_accepted(what: str) -> NeedsYouError:
    return NeedsYouError(
        f"{what}.",
        code="no-sample-accepted",
        next_step="Put requests that this model takes into a folder and give it with --samples.",
    )


class _Known(Struct, frozen=True):
    """What only the loaded model tells: its inputs, and words for them, some of which are numbers."""

    inputs: tuple[Field, ...] = ()
    words: dict[str, tuple[Any, ...]] = {}


def has_reference(settings: ModelJson) -> bool:
    """Whether the reference program knows a model's engine, or those of all the steps of a flow."""
    if settings.flow is not None:
        return all(has_reference(step) for step in settings.flow.steps)
    return settings.engine in ENGINES


def record_reference(settings: ModelJson, ask: Ask, origin: str, *, seed: int = 0, rows: Rows = NO_ROWS) -> Recording:
    """Ask a model's engine, called directly; requests that it refuses are left out.

    Where the file states results, the engine has to give them, and the recording is ``verified``.

    Args:
        settings: The model's settings. What only the loaded model tells of its inputs counts more.
        ask: The reference program, of which nothing was asked yet.
        origin: In words, what computes.
        seed: What the requests are made from.
        rows: What the model's file states itself.

    Raises:
        NeedsYouError: The engine does not load the model, accepts none of the requests, or contradicts the file (code
            ``verification-differs``).
    """
    loaded = ask({"model": content_of(settings)})
    if "error" in loaded:
        raise _not_run(str(loaded["error"]))
    kept = verified(rows, ask)
    refusal = ""
    asked = generate(_known_settings(settings, loaded.get("known")), seed=seed)
    for sample in asked:
        answer = ask({"request": sample.request})
        if isinstance(answer.get("outputs"), dict):
            kept.append(msgspec.structs.replace(sample, answer=answer["outputs"], status=200))
        else:
            refusal = refusal or printable(str(answer.get("error", "")), 300)
    if not kept:
        reason = f" ({refusal})" if refusal else ""
        raise _none_accepted(f"{origin} accepts none of the {len(asked)} sample requests{reason}")
    if not rows.expected:
        return Recording(level="engine", origin=origin, samples=tuple(kept), seed=seed)
    origin = f"{len(rows.expected)} rows in the model's file, whose results the engine gives: {origin}"
    return Recording(level="verified", origin=origin, samples=tuple(kept), seed=seed)


def _known_settings(settings: ModelJson, told: object) -> ModelJson:
    """Settings with the inputs, and the words for them, that the loaded model tells; it may tell anything."""
    try:
        known = msgspec.convert(told, _Known)
    except msgspec.ValidationError as error:
        raise _not_run(f"what it tells of its inputs makes no sense ({error})") from error
    words = {name: tuple(word for word in some if isinstance(word, str)) for name, some in known.words.items()}
    fastai = FastaiSettings(words) if words else settings.fastai
    return msgspec.structs.replace(settings, inputs=known.inputs or settings.inputs, fastai=fastai)


def _not_run(why: str) -> NeedsYouError:
    # StringNormalizer asks the C library for en_US.UTF-8 when it changes case; another export would ask for it too.
    is_locale = "Failed to construct locale" in why
    return NeedsYouError(
        f"The engine does not run this model: {printable(why, 600)}",
        code="reference-failed",
        next_step="Its StringNormalizer needs the locale en_US.UTF-8, or C.UTF-8 in /usr/lib/locale: use a base image, "
        "or a machine, that has one of them."
        if is_locale
        else "Export the model again with a current version of its framework.",
    )


def record_customer(samples: Sequence[Sample], origin: str) -> Recording:
    """Take the customer's own requests with the answers that came with them.

    Raises:
        UsageError: None of them has an answer.
    """
    kept = tuple(sample for sample in samples if sample.answer is not None)
    if not kept:
        raise UsageError(
            f"None of the samples from {origin} has an answer.",
            code="samples-without-answers",
            next_step='Add "answer" to the files, or leave --samples out.',
        )
    return Recording(level="recorded", origin=origin, samples=kept)


def record_self(samples: Sequence[Sample], *, seed: int = 0) -> Recording:
    """Requests without reference answers: all that can be shown is that the new app answers well-formed."""
    bare = tuple(msgspec.structs.replace(sample, answer=None, status=200) for sample in samples)
    return Recording(level="self", origin="no reference", samples=bare, seed=seed)

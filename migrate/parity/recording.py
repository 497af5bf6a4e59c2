"""Recordings: sample requests with the answers to hold the new app against, made before anything is built."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from migrate.core.errors import ConfigurationError, NeedsYouError, RemoteError, UsageError
from migrate.core.values import Recording, Sample
from migrate.parity.answer import Answer, Call
from migrate.parity.http import describe_at, http_caller

__all__ = [
    "REFERENCE_SCRIPT",
    "Answer",
    "Call",
    "describe_at",
    "http_caller",
    "record_customer",
    "record_live",
    "record_reference",
    "record_self",
    "reference_lines",
]

REFERENCE_SCRIPT: Final[Mapping[str, Path]] = {"onnx": Path(__file__).parent / "references" / "onnx.py"}
"""By runtime: the script that answers samples with the engine alone; see its docstring for the lines it reads."""


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
            next_step="Give a token of the namespace that may evaluate this model, then run again.",
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


def reference_lines(settings: Mapping[str, Any], samples: Sequence[Sample]) -> list[dict[str, object]]:
    """What the reference script of the model's runtime reads, one line a sample.

    ``entry`` is the model's path from the artifact's folder.
    """
    engine: Mapping[str, Any] = settings.get(str(settings["engine"]), {})
    common: dict[str, object] = {
        "entry": settings["entry"],
        "inputs": settings["inputs"],
        "outputs": settings["outputs"],
        "manifest": settings.get("manifest", False),
        "rolling_windows_size": settings.get("rolling_windows_size", 1),
        **engine,
    }
    return [{**common, "request": sample.request} for sample in samples]


def record_reference(
    samples: Sequence[Sample], outputs: Sequence[Mapping[str, object] | None], origin: str, *, seed: int = 0
) -> Recording:
    """Take the answers of the engine called directly.

    Args:
        samples: The requests.
        outputs: The reference script's lines, one a sample: ``{"outputs": {...}}``, or ``{"error": text}`` (or None)
            where the engine refused; those samples are left out.
        origin: In words, what computed them.
        seed: What the generated samples were made from.

    Raises:
        NeedsYouError: The engine accepts none of the requests.
    """
    kept: list[Sample] = []
    refusal = ""
    for sample, line in zip(samples, outputs, strict=True):
        tensors = line.get("outputs") if line is not None else None
        if isinstance(tensors, dict):
            kept.append(msgspec.structs.replace(sample, answer=tensors, status=200))
        elif line is not None and not refusal:
            refusal = str(line.get("error", ""))
    if not kept:
        reason = f" ({refusal[:300]})" if refusal else ""
        raise _none_accepted(f"{origin} accepts none of the {len(samples)} sample requests{reason}")
    return Recording(level="cross-checked", origin=origin, samples=tuple(kept), seed=seed)


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

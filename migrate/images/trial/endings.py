"""Why a process that runs a model ended, as a verdict on the model or as a limit of this machine.

The server and the reference run what customers made: they may crash, take all memory, or start processes without end.
Each of these is a verdict on that model. One end is none: packages such as TensorFlow are compiled for AVX, and where
the processor has no such instructions they end with 132 (SIGILL) or 134 (they look, and call abort). So does a broken
model on a good machine. The two are told apart by the machine that runs the image, which need not be this one:

- its architecture: another one than x86-64 (an Apple laptop) emulates, and whether its emulator has AVX
  depends on emulator and version, so 132 and 134 say nothing of the model there;
- ``flags`` of ``/proc/cpuinfo``, read where the same image runs: without ``avx`` the processor, or the virtual
  one that an engine runs on, cannot run the packages.

On x86-64 with ``avx`` the end is the model's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from migrate.core.errors import LocalError, MigrateError, NeedsYouError
from migrate.core.text import type_again
from migrate.images.engine import containers
from migrate.images.trial.runner import Ending

if TYPE_CHECKING:
    from migrate.images.trial.runner import Runner, Trial

KILLED: Final = 128 + 9
_INSTRUCTION: Final = frozenset({128 + 4, 128 + 6})  # SIGILL, SIGABRT


def ended(
    runner: Runner, image_id: str, end: Ending, *, doing: str, said: str, evidence: tuple[str, ...]
) -> MigrateError:
    """The error for a process that ended while it ran a model.

    Args:
        runner: What ran it.
        image_id: The image that it ran in.
        end: How it ended.
        doing: What it was doing, for the sentence: ``while it was rehearsed``.
        said: Its last words.
        evidence: More of its words.

    Returns:
        NeedsYouError with ``out-of-memory`` or ``rehearsal-failed``, or LocalError with ``cpu-unsupported``.
    """
    code = end.code
    if code in _INSTRUCTION and (why := runner.cpu_problem(image_id)):
        return LocalError(
            f"The model cannot be tried on this machine: {why}, and the server ended with code {code} {doing}.",
            code="cpu-unsupported",
            next_step=type_again("Go to an x86-64 machine with AVX, or point DOCKER_HOST at an engine on one"),
            evidence=evidence,
        )
    if end.memory or code == KILLED:
        return NeedsYouError(
            f"The server was ended for want of memory {doing}. {said}".strip(),
            code="out-of-memory",
            next_step="It had the memory of its flavor on ML Serving, or of the smallest app where that is not known. "
            "If it needs more, run an inventory file with the flavor's ramMB; else see what is in its files.",
            evidence=evidence,
        )
    return not_loaded(f"The server ended with code {code} {doing}: {said or 'it wrote nothing'}", evidence)


def ended_beside(
    runner: Runner,
    trial: Trial,
    image_id: str,
    code: int | None,
    *,
    doing: str,
    said: str,
    evidence: tuple[str, ...],
) -> MigrateError:
    """The same for a program in a trial that has no command of its own."""
    if trial.overrun == "processes":
        return too_many(doing, evidence)
    end = Ending(code, memory=trial.overrun == "memory")
    return ended(runner, image_id, end, doing=doing, said=said, evidence=evidence)


def not_loaded(what: str, evidence: tuple[str, ...]) -> NeedsYouError:
    """The error for a model that the server does not load, in these words."""
    return NeedsYouError(
        what,
        code="rehearsal-failed",
        next_step="Where those words are about the model's file, export it again with a current version of its "
        "framework; else report them with the model's signature.",
        evidence=evidence,
    )


def crowded(trial: Trial, *, doing: str, evidence: tuple[str, ...]) -> NeedsYouError | None:
    """The verdict on a model that has started as many processes as a trial may have; None if it has not."""
    if not trial.crowded():
        return None
    return too_many(doing, evidence)


def too_many(doing: str, evidence: tuple[str, ...]) -> NeedsYouError:
    """The verdict on a model that starts processes without end."""
    return NeedsYouError(
        f"The model started more than {containers.PIDS - containers.SPARE_PIDS} processes and threads {doing}.",
        code="too-many-processes",
        next_step="A model that does this cannot be served; see what is in its files.",
        evidence=evidence,
    )

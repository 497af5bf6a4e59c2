"""Why a process that runs a model ended, as a verdict on the model or as a limit of this machine.

The server and the reference run what customers made: they may crash, take all memory, or start processes without end.
Each of these is a verdict on that model. One end is none: packages such as TensorFlow are compiled for AVX, and where
the processor has no such instructions they end with 132 (SIGILL) or 134 (they look, and call abort). So does a broken
model on a good machine. The two are told apart by what the engine says of its own machine, which need not be this one:

- its architecture: an engine on another one than x86-64 (an Apple laptop) emulates, and whether its emulator has AVX
  depends on emulator and version, so 132 and 134 say nothing of the model there;
- ``flags`` of ``/proc/cpuinfo``, read in a container of the same image: without ``avx`` the processor, or the virtual
  one that the engine runs on, cannot run the packages.

On x86-64 with ``avx`` the end is the model's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from migrate.core.errors import LocalError, MigrateError, NeedsYouError
from migrate.core.text import type_again
from migrate.images.engine import containers
from migrate.images.engine.connection import translated
from migrate.machine.patience import CONTAINER_PROBE

if TYPE_CHECKING:
    from migrate.images.engine.connection import Engine

KILLED: Final = 128 + 9
_INSTRUCTION: Final = frozenset({128 + 4, 128 + 6})  # SIGILL, SIGABRT
_X86: Final = frozenset({"x86_64", "amd64"})
_CPU: Final = ("python3", "-c", "print(open('/proc/cpuinfo').read())")


def ended(
    engine: Engine, image_id: str, code: int | None, *, memory: bool, doing: str, said: str, evidence: tuple[str, ...]
) -> MigrateError:
    """The error for a process that ended while it ran a model.

    Args:
        engine: Where it ran.
        image_id: The image that it ran in.
        code: Its exit code, None where the engine does not know.
        memory: Whether the engine saw that memory ran out.
        doing: What it was doing, for the sentence: ``while it was rehearsed``.
        said: Its last words.
        evidence: More of its words.

    Returns:
        NeedsYouError with ``out-of-memory`` or ``rehearsal-failed``, or LocalError with ``cpu-unsupported``.
    """
    if code in _INSTRUCTION and (why := cpu_problem(engine, image_id)):
        return LocalError(
            f"The model cannot be tried on this machine: {why}, and the server ended with code {code} {doing}.",
            code="cpu-unsupported",
            next_step=type_again("Go to an x86-64 machine with AVX, or point DOCKER_HOST at an engine on one"),
            evidence=evidence,
        )
    if memory or code == KILLED:
        return NeedsYouError(
            f"The server was ended for want of memory {doing}. {said}".strip(),
            code="out-of-memory",
            next_step="It had the memory of its flavor on ML Serving, or of the smallest app where that is not known. "
            "If it needs more, run an inventory file with the flavor's ramMB; else see what is in its files.",
            evidence=evidence,
        )
    return not_loaded(f"The server ended with code {code} {doing}: {said or 'it wrote nothing'}", evidence)


def not_loaded(what: str, evidence: tuple[str, ...]) -> NeedsYouError:
    """The error for a model that the server does not load, in these words."""
    return NeedsYouError(
        what,
        code="rehearsal-failed",
        next_step="Where those words are about the model's file, export it again with a current version of its "
        "framework; else report them with the model's signature.",
        evidence=evidence,
    )


def crowded(engine: Engine, identity: str, *, doing: str, evidence: tuple[str, ...]) -> NeedsYouError | None:
    """The verdict on a model that has started as many processes as a container may have; None if it has not.

    None too where the engine does not count them: what was seen of the model is a verdict already.
    """
    try:
        with translated():
            state: dict[str, Any] = engine.client.api.stats(identity, stream=False)
    except LocalError:
        return None
    found = state.get("pids_stats") or {}
    if int(found.get("current") or 0) < containers.PIDS - containers.SPARE_PIDS:
        return None
    return NeedsYouError(
        f"The model started more than {containers.PIDS - containers.SPARE_PIDS} processes and threads {doing}.",
        code="too-many-processes",
        next_step="A model that does this cannot be served; see what is in its files.",
        evidence=evidence,
    )


def cpu_problem(engine: Engine, image_id: str) -> str:
    """Why the engine's machine may not have the instructions that the packages need; empty when it has them."""
    if engine not in _problems:
        with translated():
            architecture = str(engine.client.api.info().get("Architecture") or "")
        _, text = containers.run(engine, image_id, _CPU, purpose="processor", timeout=CONTAINER_PROBE)
        _problems[engine] = missing(architecture, text)
    return _problems[engine]


def missing(architecture: str, cpuinfo: str) -> str:
    """Why a machine may not run packages that are compiled for AVX; empty when it does.

    Args:
        architecture: What the engine calls its own.
        cpuinfo: ``/proc/cpuinfo`` in a container of an x86-64 image on it.
    """
    if architecture not in _X86:
        return f"its engine emulates x86-64 on {architecture or 'an unknown architecture'}"
    flags = (line.partition(":")[2].split() for line in cpuinfo.splitlines() if line.startswith("flags"))
    return "" if any("avx" in words for words in flags) else "its processor has no AVX instructions"


_problems: Final[WeakKeyDictionary[Engine, str]] = WeakKeyDictionary()  # what this process has asked each engine

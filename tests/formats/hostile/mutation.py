"""Switches off each guard of ``migrate.formats``, one at a time, and says which case falls.

    python -m tests.formats.hostile.mutation [--reached]

Runs in a process of its own, since the package is loaded with a switch before each guard. Prints a line of JSON for
each guard: its name, module and line, the cases that come by it, and, without ``--reached``, the first of them that
falls when the guard is off, and what becomes of it. Exit code 1 where no case falls.
"""

import json
import os
import resource
import signal
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.formats.hostile.guards import Switch, guards, install

_SECONDS: Final = 20  # for a case that may not end without its guard
_BYTES: Final = 1 << 30


def main() -> int:
    """Print the lines, and return the exit code."""
    switch = Switch()
    install(switch)
    cases = _reached(switch)
    unheld = 0
    for guard in guards():
        line: dict[str, object] = {"guard": guard.name, "module": guard.module, "line": guard.line}
        line["cases"] = found = cases[guard.name]
        if "--reached" not in sys.argv:
            switch.off = guard.name
            fallen = ((name, fault) for name in found if (fault := _alone(name)))
            line["falls"], line["becomes"] = next(fallen, ("", ""))
            unheld += not line["falls"]
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    return 1 if unheld else 0


def _reached(switch: Switch) -> dict[str, list[str]]:
    """The cases that come by each guard, those first that come by few."""
    from tests.formats.hostile.corpus import CASES  # noqa: PLC0415 - loaded after the switch is in place
    from tests.formats.hostile.watch import warm  # noqa: PLC0415

    warm()
    found: dict[str, set[str]] = {}
    for case in CASES:
        switch.reached = found[case.name] = set()
        if fault := _fault(case.name):
            message = f"with all guards on, {case.name} {fault}"
            raise RuntimeError(message)
    order = sorted(found, key=lambda name: len(found[name]))
    return {guard.name: [name for name in order if guard.name in found[name]] for guard in guards()}


def _fault(name: str) -> str:
    """What is wrong with a case; empty where it is as it must be."""
    from tests.formats.hostile.corpus import CASES  # noqa: PLC0415
    from tests.formats.hostile.watch import faults, watched  # noqa: PLC0415

    case = next(case for case in CASES if case.name == name)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "m"
        folder.mkdir()
        try:
            found = faults(case, watched(case, folder))
        except Exception as error:  # noqa: BLE001 - whatever comes of code without its guard
            found = [f"ends with {error!r}"]
    return found[0] if found else ""


def _alone(name: str) -> str:
    """The same in a process whose time and memory are limited."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(3 * _SECONDS)
        used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        resource.setrlimit(resource.RLIMIT_CPU, (int(used) + _SECONDS,) * 2)
        pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
        if pages:
            resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + _BYTES,) * 2)
        os.write(writing, _fault(name).encode()[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        fault = pipe.read().decode("utf-8", "replace")
    _, status = os.waitpid(child, 0)
    return fault if status == 0 else "does not end, or takes all memory"


if __name__ == "__main__":
    sys.exit(main())

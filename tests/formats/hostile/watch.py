"""Inspects a case while the interpreter reports everything that it does."""

import os
import sys
import tempfile
import time
from pathlib import Path

from msgspec import Struct

from migrate.core.errors import MigrateError
from migrate.formats import inspect
from tests.formats.hostile.base import CANARY, EXAMPLES, HostileCase
from tests.formats.models import artifact

SECONDS = 20.0
MEBIBYTES = 400

# What runs code, starts programs, reaches hosts or changes files (docs.python.org/3/library/audit_events.html).
_FORBIDDEN = (
    *("exec", "compile", "import", "marshal.", "pickle.", "ctypes.", "code.", "cpython.run", "os.exec", "os.fork"),
    *("os.posix_spawn", "os.spawn", "os.system", "os.startfile", "os.putenv", "os.remove", "os.rename", "os.mkdir"),
    *("os.symlink", "os.link", "os.chmod", "os.truncate", "subprocess.", "socket.", "urllib.", "http.", "ftplib."),
    *("smtplib.", "webbrowser.", "shutil.", "sqlite3.", "mmap.", "pty.", "builtins.input"),
)


class Outcome(Struct, frozen=True):
    """What came of a case: verdict and reason, what was done that must not be, and its cost."""

    verdict: str
    reason: str
    text: str
    events: tuple[str, ...]
    seconds: float  # of the processor
    mebibytes: int


class _Watch:
    """Keeps the events between ``begin`` and ``end``; a hook stays for the process's life."""

    def __init__(self) -> None:
        self._folder: str | None = None
        self._events: list[str] = []
        sys.addaudithook(self._hook)

    def begin(self, folder: Path) -> None:
        self._events = []
        self._folder = os.path.realpath(folder)

    def end(self) -> tuple[str, ...]:
        self._folder = None
        return tuple(dict.fromkeys(self._events))

    def _hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._folder is None:
            return
        if event == "open" and not self._is_inside(arguments[0]):
            self._events.append(f"open {arguments[0]}")
        elif event.startswith(_FORBIDDEN):
            self._events.append(f"{event} {arguments[:2]}"[:200])

    def _is_inside(self, path: object) -> bool:
        if not isinstance(path, str | bytes):
            return False
        text = os.path.realpath(os.fsdecode(path))
        # a file without a name is opened by its folder
        return text.startswith(f"{self._folder}/") or text in ("/proc/self/status", tempfile.gettempdir())


_watch = _Watch()


def warm() -> None:
    """Load what is loaded once: lists, codecs, modules."""
    for folder in sorted([*EXAMPLES.iterdir(), *(EXAMPLES.parent / "models").iterdir()]):
        if folder.is_dir():
            inspect(artifact(folder), framework=None)


def watched(case: HostileCase, folder: Path) -> Outcome:
    """Write a case to an empty folder, and inspect it."""
    case.write(folder)
    made = artifact(folder)
    before = _memory("VmRSS")
    _forget_peak()
    _watch.begin(folder)
    started = time.process_time()
    try:
        found = inspect(made, framework=None)
        verdict, reason, text = str(found.verdict), found.reason, found.text
    except MigrateError as error:
        verdict, reason, text = "refused", error.code, str(error)
    finally:
        seconds = time.process_time() - started
        events = _watch.end()
    if CANARY.exists():
        events += ("canary",)
        CANARY.unlink()
    return Outcome(verdict, reason, text, events, seconds, max(0, _memory("VmHWM") - before) // 1024)


def faults(case: HostileCase, outcome: Outcome) -> list[str]:
    """In which ways an outcome is not what it must be."""
    found = [f"did {event}" for event in outcome.events]
    if (outcome.verdict, outcome.reason) != (case.verdict, case.reason):
        found.append(f"is {outcome.verdict} ({outcome.reason}), not {case.verdict} ({case.reason}): {outcome.text}")
    if outcome.verdict == "ready" and not case.harmless:
        found.append("passed as ready")
    if outcome.seconds > SECONDS:
        found.append(f"took {outcome.seconds:.1f} s")
    if outcome.mebibytes > MEBIBYTES:
        found.append(f"took {outcome.mebibytes} MiB")
    return found


def _memory(key: str) -> int:
    """Kibibytes of this process; 0 where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(key)), 0)


def _forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return

"""Inspects a case while the interpreter reports everything that it does."""

import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from migrate.core.errors import MigrateError
from migrate.core.looked import NotKnown
from migrate.formats import inspect
from tests.formats.hostile.base import EXAMPLES, HostileCase
from tests.formats.models import artifact

# What runs code, starts programs, reaches hosts or changes files (docs.python.org/3/library/audit_events.html).
_FORBIDDEN = (
    *("exec", "compile", "import", "marshal.", "pickle.", "ctypes.", "code.", "cpython.run", "os.exec", "os.fork"),
    *("os.posix_spawn", "os.spawn", "os.system", "os.startfile", "os.putenv", "os.remove", "os.rename", "os.mkdir"),
    *("os.symlink", "os.link", "os.chmod", "os.truncate", "subprocess.", "socket.", "urllib.", "http.", "ftplib."),
    *("smtplib.", "webbrowser.", "shutil.", "sqlite3.", "mmap.", "pty.", "builtins.input"),
)


class Outcome(Struct, frozen=True):
    """What came of a case: verdict, reason, what was said of it and of hazards, and what was done that must not be."""

    verdict: str
    reason: str
    text: str
    events: tuple[str, ...]


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
        return text.startswith(f"{self._folder}/") or text == tempfile.gettempdir()


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
    if case.after is not None:
        case.after(folder)
    with _set(case):
        _watch.begin(folder)
        try:
            found = case.look(made)
            words = (found.text, *(hazard.text for hazard in found.hazards))
            verdict, reason, text = str(found.verdict), found.reason, " ".join(words)
        except MigrateError as error:
            verdict, reason, text = "refused", error.code, str(error)
        except NotKnown as answer:
            verdict, reason, text = "not known", "", str(answer)
        finally:
            events = _watch.end()
    return Outcome(verdict, reason, text, events)


def faults(case: HostileCase, outcome: Outcome) -> list[str]:
    """In which ways an outcome is not what it must be."""
    found = [f"did {event}" for event in outcome.events]
    if (outcome.verdict, outcome.reason) != (case.verdict, case.reason):
        found.append(f"is {outcome.verdict} ({outcome.reason}), not {case.verdict} ({case.reason}): {outcome.text}")
    elif case.says not in outcome.text:
        found.append(f"does not say {case.says!r}: {outcome.text}")
    if outcome.verdict == "ready" and not case.harmless:
        found.append("passed as ready")
    return found


@contextmanager
def _set(case: HostileCase) -> Iterator[None]:
    """The limits and the disk of a case."""
    places = [(importlib.import_module(module), name, value) for module, name, value in case.limits]
    places += [(os, "pread", case.disk)] if case.disk is not None else []
    before = [(place, name, getattr(place, name)) for place, name, _ in places]
    for place, name, value in places:
        setattr(place, name, value)
    try:
        yield
    finally:
        for place, name, value in before:
            setattr(place, name, value)

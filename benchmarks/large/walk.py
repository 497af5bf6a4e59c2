"""One command as a process of its own: its events, its memory and what it read from the disk, step by step."""

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_ENTRY: Final = "from migrate.cli.main import main; main()"
_RESET_PEAK: Final = "5"  # /proc/PID/clear_refs: the peak becomes what is used now (man 5 proc)
_LOOK: Final = 0.1
Event = dict[str, Any]


@dataclass
class Step:
    """What one step took: seconds, the most memory that the command's process held, and bytes read from the disk."""

    name: str
    seconds: float
    peak: int
    read: int


def _number(text: str, name: str) -> int:
    """The number on the line that begins so; 0 without one, as of a process that has ended and is not waited for."""
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(name)), 0)


@dataclass
class Walk:
    """What came of one command."""

    seconds: float = 0.0
    steps: list[Step] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    peak: int = 0
    failed: str = ""


class _Process:
    """What the kernel says of a process, looked at now and then until it ends."""

    def __init__(self, identity: int) -> None:
        self._place = Path(f"/proc/{identity}")
        self._read = 0
        self._peak = 0
        self._turn = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join()

    def peak(self) -> int:
        """The most memory since the last call, in bytes."""
        with self._turn:
            self._look()
            with contextlib.suppress(OSError):
                (self._place / "clear_refs").write_text(_RESET_PEAK, encoding="utf-8")
            peak, self._peak = self._peak, 0
            return peak

    def read(self) -> int:
        """Bytes that came from the disk since the last call."""
        with contextlib.suppress(OSError):
            before, self._read = self._read, _number((self._place / "io").read_text(encoding="utf-8"), "read_bytes:")
            return self._read - before
        return 0

    def _look_on(self) -> None:
        while not self._ended.wait(_LOOK):
            with self._turn:
                self._look()

    def _look(self) -> None:
        with contextlib.suppress(OSError):
            status = (self._place / "status").read_text(encoding="utf-8")
            self._peak = max(self._peak, 1024 * _number(status, "VmHWM:"))


def walk(
    words: Sequence[str],
    environment: Mapping[str, str],
    workspace: Path,
    *,
    ends: Callable[[Event], bool] = lambda _: False,
    seen: Callable[[Event], None] = lambda _: None,
) -> Walk:
    """Run a command and look at it.

    Args:
        words: The command's.
        environment: Of the process.
        workspace: Where it keeps what it downloads.
        ends: Whether the process is killed (SIGKILL) at this event.
        seen: Told each event.
    """
    found, began = Walk(), time.monotonic()
    command = [sys.executable, "-c", _ENTRY, *words, "--json"]
    with subprocess.Popen(
        command, env={**environment, "MIGRATE_WORKSPACE": str(workspace)}, stdout=subprocess.PIPE, text=True
    ) as process:
        watched = _Process(process.pid)
        for event in _events(process):
            seen(event)
            _take(found, event, watched)
            if ends(event):
                process.send_signal(signal.SIGKILL)
                break
        watched.end()
        found.peak = max([watched.peak(), *(step.peak for step in found.steps)])
    found.seconds = time.monotonic() - began
    return found


def _take(found: Walk, event: Event, watched: _Process) -> None:
    match event["event"]:
        case "step-finished" if not event.get("reused"):
            found.steps.append(Step(event["step"], event["seconds"], watched.peak(), watched.read()))
        case "notice":
            found.told.append(event["text"])
        case "model-finished" if event["outcome"]["outcome"] != "done":
            found.failed = event["outcome"].get("text", "")
        case _:
            pass


def _events(process: "subprocess.Popen[str]") -> Iterator[Event]:
    for line in process.stdout or ():
        with contextlib.suppress(json.JSONDecodeError):
            yield json.loads(line)

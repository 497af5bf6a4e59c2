"""Memory and processes of a trial's boxes, summed several times a second; a limit that nobody else holds ends them.

What counts is what /proc tells of each process: the resident memory with swap, which is an upper bound and cheap, and
only where all of that is over the limit the proportional share (PSS), in which memory that processes share counts
once. Files in the boxes' temporary folders count too; other memory without a process is refused (``calls``), but for
what the kernel keeps for sockets and pipes. proc(5), Documentation/filesystems/proc.rst.

A process starts in a box or has its parent there: one that is orphaned gets the box's first process as its parent. So
those that are new since the last look are told by their parents.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from migrate.boxes.bubblewrap import SCRATCH, SHARED_MEMORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Overrun = Literal["", "memory", "processes"]
"""A limit that was overrun."""

EVERY: Final = 0.1
"""Seconds between two looks."""

_PROC: Final = Path("/proc")
_COUNTED: Final = re.compile(rb"^(VmRSS|VmPTE|VmSwap|Threads):\s+(\d+)", re.MULTILINE)
_SHARE: Final = re.compile(rb"^(?:Pss|SwapPss):\s+(\d+) kB", re.MULTILINE)


class Seen(Struct, frozen=True):
    """What one look saw: bytes, and processes with threads."""

    memory: int
    tasks: int


class Watcher:
    """Looks at the boxes of a trial until it is closed.

    Attributes:
        overrun: The limit for which the boxes were ended.
        seen: What was seen last.
    """

    def __init__(
        self,
        roots: Callable[[], Iterable[int]],
        end: Callable[[], None],
        *,
        over: Callable[[], bool],
        memory: int | None,
        tasks: int | None,
    ) -> None:
        """Begin.

        Args:
            roots: The first process of each box that is alive.
            end: Ends them all.
            over: Whether what the boxes are there for has ended, so that they end too.
            memory: The limit in bytes; None where it is not this watcher's.
            tasks: The limit of processes and threads; None where it is not this watcher's.
        """
        self.overrun: Overrun = ""
        self.seen = Seen(0, 0)
        self._roots = roots
        self._end = end
        self._over = over
        self._memory = memory
        self._tasks = tasks
        self._members: set[int] = set()
        self._others: set[int] = set()
        self._done = threading.Event()
        self._turn = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._done.set()
        self._thread.join()

    def look(self) -> Seen:
        """Look now."""
        with self._turn:
            members = self._gathered()
            bound = tasks = 0
            for process in members:
                memory, threads = _counted(process)
                bound, tasks = bound + memory, tasks + threads
            bound += _files(self._roots())
            if self._memory is not None and bound > self._memory:
                bound = sum(map(_share, members)) + _files(self._roots())
            self.seen = Seen(bound, tasks)
            return self.seen

    def check(self) -> Overrun:
        """Look now, and end the boxes where a limit is overrun; the limit for which they were ended."""
        seen = self.look()
        if not self.overrun:
            if self._memory is not None and seen.memory > self._memory:
                self.overrun = "memory"
            elif self._tasks is not None and seen.tasks > self._tasks:
                self.overrun = "processes"
        if self.overrun or self._over():
            self._end()  # again and again: one may have been about to start
        return self.overrun

    def _run(self) -> None:
        try:
            while not self._done.wait(EVERY):
                self.check()
        finally:
            if not self._done.is_set():  # an error of its own: nothing goes on unwatched
                self._end()

    def _gathered(self) -> set[int]:
        """The processes of the boxes."""
        present = {int(name) for name in os.listdir(_PROC) if name.isdecimal()}  # noqa: PTH208 - ten times a second
        self._members &= present
        self._others &= present
        if new := present.intersection(self._roots()) - self._members:
            # What they started before they were known as roots was not told from others.
            self._members |= new
            self._others.clear()
        parents = {process: _parent(process) for process in present - self._members - self._others}
        while new := {process for process, parent in parents.items() if parent in self._members} - self._members:
            self._members |= new
        self._others |= parents.keys() - self._members
        return self._members


def share_is_told(process: int) -> bool:
    """Whether the kernel tells this user the memory of a process in a box."""
    return _counted(process)[0] > 0 and bool(_read(process, "smaps_rollup"))


def most(process: int) -> int | None:
    """The most memory that a process has held, in bytes, where the kernel tells."""
    found = re.search(rb"^VmHWM:\s+(\d+) kB", _read(process, "status"), re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _counted(process: int) -> tuple[int, int]:
    """Resident memory with swap and page tables, in bytes, and threads; zeros of one that has ended."""
    found = {name: int(number) for name, number in _COUNTED.findall(_read(process, "status"))}
    memory = sum(found.get(name, 0) for name in (b"VmRSS", b"VmPTE", b"VmSwap"))
    return memory * 1024, found.get(b"Threads", 0)


def _share(process: int) -> int:
    """The proportional share of memory in bytes; all that is resident where the kernel does not tell it.

    Page tables, which the upper bound has, are left out.
    """
    found = _SHARE.findall(_read(process, "smaps_rollup"))
    return sum(map(int, found)) * 1024 if found else _counted(process)[0]


def _files(roots: Iterable[int]) -> int:
    """Bytes of the files in the boxes' temporary folders, which are memory."""
    total = 0
    for process in roots:
        for folder in (*SCRATCH, SHARED_MEMORY):
            with contextlib.suppress(OSError):
                path = _PROC / str(process) / "root" / folder[1:]
                # A box that is being made still shows this machine's folders.
                if path.stat().st_dev != _device(folder):
                    state = os.statvfs(path)
                    total += (state.f_blocks - state.f_bfree) * state.f_frsize
    return total


def _device(folder: str) -> int:
    try:
        return Path(folder).stat().st_dev
    except OSError:
        return -1


def _parent(process: int) -> int:
    # The name, in parentheses, may hold anything.
    words = _read(process, "stat").rpartition(b")")[2].split()
    return int(words[1]) if len(words) > 1 else 0


def _read(process: int, name: str) -> bytes:
    try:
        return (_PROC / str(process) / name).read_bytes()
    except OSError:  # it has ended
        return b""

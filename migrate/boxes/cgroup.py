"""A cgroup of version 2 for a trial, where this user may make one: delegated by systemd or by a container's maker.

Processes join by their own hand before they become anything else. They may, because the group lies beside or below
that of this process, in a folder that is this user's. What was written is read back: a kernel without swap accounting,
or a container with read-only groups, leaves nothing half limited. Documentation/admin-guide/cgroup-v2.rst
("Delegation").
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import time
from pathlib import Path
from typing import Final, Self

_WANTED: Final = frozenset({"memory", "pids"})
_numbers: Final = itertools.count()
_HINDSIGHT: Final = 2.0  # seconds in which processes that have ended may still be counted


class Group:
    """A cgroup with limits."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def make(cls, memory: int, tasks: int) -> Self | None:
        """A new one, or None where this user cannot make one that limits both.

        Args:
            memory: Bytes, swap included.
            tasks: Processes and threads.
        """
        for parent in _parents():
            path = parent / f"migrate-{os.getpid()}-{next(_numbers)}"
            _sweep(parent)
            try:
                _enable(parent)
                path.mkdir()
            except OSError:
                continue
            try:
                _write(path / "memory.max", memory)
                _forbid_swap(path)
                _write(path / "memory.oom.group", 1)
                _write(path / "pids.max", tasks)
            except OSError:
                with contextlib.suppress(OSError):
                    path.rmdir()
                continue
            return cls(path)
        return None

    def out_of_memory(self) -> bool:
        """Whether the kernel ended processes of it for want of memory."""
        return self._event("memory.events", "oom_kill") > 0

    def tasks(self) -> int:
        """How many processes and threads are in it."""
        try:
            return int((self.path / "pids.current").read_text())
        except (OSError, ValueError):
            return 0

    def close(self) -> None:
        """Remove it; the kernel may count processes that have just ended a moment longer."""
        deadline = time.monotonic() + _HINDSIGHT
        while True:
            try:
                self.path.rmdir()
            except FileNotFoundError:
                return
            except OSError:
                if time.monotonic() > deadline:
                    return
                time.sleep(0.05)
            else:
                return

    def _event(self, file: str, name: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            for line in (self.path / file).read_text().splitlines():
                word, _, number = line.partition(" ")
                if word == name:
                    return int(number)
        return 0


def _parents() -> list[Path]:
    """The folders in which a group could be made: that above this process's own group, and its own."""
    try:
        own = next(line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
        mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    except (OSError, StopIteration):
        return []
    points = [words[4] for words in mounts if words[words.index("-") + 1] == "cgroup2"]
    if not points or ".." in own.split("/"):  # a group outside of this process's own name space of groups
        return []
    path = Path(points[0]) / own.strip("/")
    found = [path.parent, path] if own.strip("/") else [path]
    return [folder for folder in found if os.access(folder / "cgroup.procs", os.W_OK)]


def _sweep(parent: Path) -> None:
    """Remove the groups of processes that are not there any more; one with something in it stays."""
    for left in parent.glob("migrate-*-*"):
        process = left.name.split("-")[1]
        if process.isdecimal() and not Path("/proc", process).exists():
            with contextlib.suppress(OSError):
                left.rmdir()


def _enable(parent: Path) -> None:
    """Hand the controllers to groups below a folder.

    Raises:
        OSError: It has none of them, or holds processes itself.
    """
    subtree = parent / "cgroup.subtree_control"
    if missing := _WANTED - set(subtree.read_text().split()):
        subtree.write_text(" ".join(f"+{name}" for name in sorted(missing)))
    if _WANTED - set(subtree.read_text().split()):
        raise OSError(errno.EOPNOTSUPP, "controllers are missing", str(subtree))


def _write(file: Path, value: int) -> None:
    file.write_text(str(value))
    told = file.read_text().strip()
    page = os.sysconf("SC_PAGE_SIZE")
    if not (told.isdecimal() and value - page < int(told) <= value):
        raise OSError(errno.EINVAL, "another value was set", str(file))


def _forbid_swap(path: Path) -> None:
    # A kernel that does not account for swap has no such file. The other one has a heading, and a line for each.
    if (path / "memory.swap.max").exists() or len(Path("/proc/swaps").read_text().splitlines()) > 1:
        _write(path / "memory.swap.max", 0)

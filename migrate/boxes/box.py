"""Programs side by side: one network, a box for each of them, and what holds the limits of all.

Everything of it ends with it, and with this process.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self

from msgspec import Struct

from migrate.boxes import bubblewrap, cgroup, watcher
from migrate.boxes.process import Boxed, StartError
from migrate.boxes.view import Mount

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from migrate.boxes.view import Root

Holder = Literal["cgroup", "rlimit", "watcher", ""]

_PLACES: Final = Path("/var/tmp")  # noqa: S108 - each box makes a folder of its own in it
_HELD_SECONDS: Final = 30.0  # until the network is there


class Limits(Struct, frozen=True):
    """What holds each limit of the boxes on this machine; empty where nothing does."""

    memory: Holder
    processes: Holder

    def text(self) -> str:
        """The same in words, for a result."""
        return f"memory held by {self.memory or 'nothing'}, processes by {self.processes or 'nothing'}"


class Box:
    """A network with loopback alone, the programs in it, and what holds their limits.

    Attributes:
        command: The program without which the others end too, once it was started.
    """

    def __init__(
        self,
        image: Root,
        limits: Limits,
        *,
        memory: int,
        tasks: int,
        folder: Path,
        mounts: Sequence[Mount] = (),
        told: Mapping[str, str] | None = None,
    ) -> None:
        """Nothing is started yet.

        Args:
            image: What its programs see of the disk.
            limits: What holds the limits.
            memory: The limit in bytes, swap included.
            tasks: The limit of processes and threads.
            folder: A folder for what this box writes.
            mounts: What its programs see beside the image's own mounts.
            told: Further files of the control group that programs find, such as ``cpu.max``.
        """
        self.command: Boxed | None = None
        self._image = image
        self._limits = limits
        self._memory = memory
        self._tasks = tasks
        self._folder = folder
        self._more = mounts
        self._told = {"memory.max": str(memory), "pids.max": str(tasks), **(told or {})}
        self._boxed: list[Boxed] = []
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Make it.

        Raises:
            StartError: It cannot be made.
        """
        with contextlib.ExitStack() as stack:
            self._group = cgroup.Group.make(self._memory, self._tasks) if self._limits.memory == "cgroup" else None
            if self._group is not None:
                stack.callback(self._group.close)
            elif self._limits.memory == "cgroup":
                message = "its cgroup could not be made"
                raise StartError(message)
            mounts = [*self._image.mounts, self._limits_mount(), *self._more]
            self._mounts = mounts
            self._seen = _bound([self._image.path, *(mount.source for mount in mounts)], stack)
            self._holder = Boxed(bubblewrap.holder(self._seen, self._joined()), talks=True)
            stack.callback(self._holder.close)
            try:
                # Its name spaces are there earlier, and not yet of use.
                self._holder.receive(_HELD_SECONDS)
            except (TimeoutError, EOFError) as error:
                raise StartError(self._holder.log()) from error
            self._watcher = watcher.Watcher(
                self.roots,
                self._end,
                # As with a container: without its command nothing in it goes on.
                over=lambda: self.command is not None and not self.command.alive(),
                memory=self._memory if self._limits.memory == "watcher" else None,
                tasks=self._tasks if self._limits.processes == "watcher" else None,
            )
            stack.callback(self._watcher.close)
            stack.callback(self._close)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """End everything in it, and wait."""
        self._stack.close()

    @property
    def network(self) -> int:
        """The process in whose name spaces the network is."""
        return self._holder.process

    def start(
        self,
        command: Sequence[str],
        *,
        talks: bool = False,
        first: bool = False,
        before: Sequence[str] = (),
        heard: Callable[[bytes], None] | None = None,
    ) -> Boxed:
        """Start a program.

        Args:
            command: What runs.
            talks: Whether its standard input and output are for somebody.
            first: Whether it is the first process of its box, as in a container.
            before: What this machine runs it with, such as ``taskset``.
            heard: Takes what it writes, as it comes.

        Raises:
            StartError: It cannot be started.
        """
        made = bubblewrap.box(
            self._holder.process,
            self._image,
            self._mounts,
            command,
            seen=dict(self._seen),
            group=self._joined(),
            first=first,
        )
        boxed = Boxed([*before, *made], talks=talks, heard=heard)
        self._boxed.append(boxed)
        return boxed

    def roots(self) -> list[int]:
        """The first process of each program that is alive."""
        return [one.process for one in list(self._boxed) if one.process and one.alive()]

    @property
    def overrun(self) -> watcher.Overrun:
        """The limit for which everything in it was ended."""
        if self._group is not None and self._group.out_of_memory():
            return "memory"
        return self._watcher.check()

    def tasks(self) -> int:
        """How many processes and threads run in it."""
        return self._group.tasks() if self._group is not None else self._watcher.look().tasks

    def _limits_mount(self) -> Mount:
        # Where programs look for their limits, whatever holds them.
        place = self._folder / "limits"
        place.mkdir()
        place.chmod(0o755)
        for name, text in self._told.items():
            (place / name).write_text(f"{text}\n")
            (place / name).chmod(0o644)
        return Mount(place, "/sys/fs/cgroup")

    def _joined(self) -> Path | None:
        return self._group.path if self._group is not None else None

    def _end(self) -> None:
        for one in list(self._boxed):
            one.kill()

    def _close(self) -> None:
        for one in self._boxed:
            one.close()


def group_holds(memory: int, tasks: int) -> bool:
    """Whether a control group holds the limits of boxes here: one is made, joined and removed."""
    group = cgroup.Group.make(memory, tasks)
    if group is None:
        return False
    joined = subprocess.run([*bubblewrap.joining(group.path), "true"], check=False, capture_output=True)
    group.close()
    return joined.returncode == 0


def _bound(folders: Sequence[Path], stack: contextlib.ExitStack) -> list[tuple[Path, Path]]:
    """For root of this machine, where folders are bound that another user may not enter."""
    if os.geteuid() != 0:
        return []
    sweep_places(_PLACES)
    name = f"migrate-box-{os.getpid()}-"
    top = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=name, dir=_PLACES)))
    top.chmod(0o755)
    pairs = [(folder, top / str(number)) for number, folder in enumerate(dict.fromkeys(folders))]
    for _, place in pairs:
        place.mkdir()
    return pairs


def sweep_places(folder: Path) -> None:
    """Remove the empty folders that killed processes left: they were mounted over in their boxes alone."""
    for left in folder.glob("migrate-box-*-*"):
        process = left.name.split("-")[2]
        if process.isdecimal() and not Path("/proc", process).exists():
            with contextlib.suppress(OSError):
                for place in left.iterdir():
                    place.rmdir()
                left.rmdir()

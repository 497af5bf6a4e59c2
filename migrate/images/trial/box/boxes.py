"""Boxes as what runs images: unpacked roots, limits, programs side by side."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from migrate.boxes import bubblewrap, watcher
from migrate.boxes.box import Box, Limits, group_holds
from migrate.boxes.process import Boxed, StartError
from migrate.boxes.view import Mount, Root
from migrate.core.errors import LocalError
from migrate.core.text import printable, type_again
from migrate.images.engine import containers, tarstream
from migrate.images.engine.exchange import Exchange, ExchangeEndedError, command_of
from migrate.images.trial.box import root
from migrate.images.trial.cpu import missing
from migrate.images.trial.runner import Ending, Files, NothingTakenError, Trial
from migrate.machine import patience
from migrate.machine.disk import disk_errors, scratch_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

# Sets the limit where it counts the processes of this box alone: in the box's own user name space.
_LIMITED: Final = (
    "import os,resource as r,sys;n=int(sys.argv[1]);n and r.setrlimit(r.RLIMIT_NPROC,(n,n));"
    "r.setrlimit(r.RLIMIT_CORE,(0,0));os.execvp(sys.argv[2],sys.argv[2:])"
)
_FEW: Final = 6  # processes and threads, for a look whether the limit holds
_THREADS: Final = f"""
import sys, threading
for line in sys.stdin:
    started, done = 0, threading.Event()
    try:
        for _ in range({2 * _FEW}):
            threading.Thread(target=done.wait, daemon=True).start()
            started += 1
    except RuntimeError:
        pass
    print(started, flush=True)
    done.set()
"""
_PROBE_MEMORY: Final = 256 << 20


class Boxes:
    """Runs images in boxes."""

    def __init__(self, root_of: Callable[[str], Root], store: Path) -> None:
        """Nothing is started yet.

        Args:
            root_of: The unpacked root of an image, by its id.
            store: The content store, for scratch folders.
        """
        self._root_of = root_of
        self._store = store
        self._limits: Limits | None = None
        self._turn = threading.Lock()

    @contextlib.contextmanager
    def start(
        self,
        image_id: str,
        command: Sequence[str] | None,
        *,
        purpose: str,
        memory: int,
        files: Files | None = None,
        working_dir: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Iterator[Trial]:
        """Part of ``Runner``."""
        image = self._root_of(image_id)
        image = replace(image, environment={**image.environment, **(environment or {})})
        if working_dir is not None:
            image = replace(image, working_dir=working_dir)
        limits = self.limits(image_id)
        with self._scratch(purpose) as scratch, _opened(image, limits, memory, containers.PIDS, files, scratch) as box:
            if command is not None:
                box.run(command)
            yield box

    def limits(self, image_id: str) -> Limits:
        """What holds the limits here, tried once with a program that counts to a dozen.

        Args:
            image_id: Any image with Python.

        Raises:
            LocalError: There can be no box here (``no-box``), or none starts (``box-failed``).
        """
        with self._turn:
            if self._limits is None:
                if why := bubblewrap.why_not():
                    raise no_box(why)
                self._limits = self._tried(self._root_of(image_id))
            return self._limits

    def unlimited(self, image_id: str) -> tuple[str, ...]:
        """Part of ``Runner``."""
        limits = self.limits(image_id)
        return tuple(name for name in ("memory", "processes") if not getattr(limits, name))

    def cpu_problem(self, image_id: str) -> str:  # noqa: ARG002 - one for all
        """Part of ``Runner``."""
        return missing(os.uname().machine, Path("/proc/cpuinfo").read_text())

    def _tried(self, image: Root) -> Limits:
        if group_holds(_PROBE_MEMORY, _FEW):
            return Limits("cgroup", "cgroup")
        limits = Limits("watcher", "rlimit")
        with self._scratch("limits") as scratch, _opened(image, limits, _PROBE_MEMORY, _FEW, None, scratch) as box:
            try:
                with box.exchange([_THREADS], inline=True) as exchange:
                    started = int(exchange.ask(0, timeout=patience.CONTAINER_PROBE))
                    told = any(map(watcher.share_is_told, box.roots()))
            except (ExchangeEndedError, TimeoutError) as error:
                raise refusal(str(error)) from error
        # None at all: the limit counts what else this user runs, as before Linux 5.14.
        held = 0 < started < 2 * _FEW
        return Limits("watcher" if told else "", "rlimit" if held else "watcher" if told else "")

    @contextlib.contextmanager
    def _scratch(self, purpose: str) -> Iterator[Path]:
        with contextlib.ExitStack() as stack:
            with disk_errors(self._store):
                folder = stack.enter_context(scratch_folder(self._store, f"box-{purpose}-"))
            yield folder


@contextlib.contextmanager
def _opened(image: Root, limits: Limits, memory: int, tasks: int, files: Files | None, scratch: Path) -> Iterator[_Box]:
    box = _Box(image, limits, memory=memory, tasks=tasks, folder=scratch, mounts=_placed(files, scratch))
    with contextlib.ExitStack() as stack:
        try:
            with disk_errors(scratch):
                stack.enter_context(box)
        except StartError as error:
            raise refusal(str(error)) from error
        yield box


class _Box(Box):
    """A trial: a box whose programs are asked line by line, and which gives up what they leave."""

    def run(self, command: Sequence[str]) -> None:
        """Start the command of the trial."""
        self.command = self._started(command, talks=False, first=True)

    def exchange(
        self,
        arguments: Sequence[str],
        *,
        inline: bool = False,
        apart: bool = False,  # noqa: ARG002 - it always is
        stop: threading.Event | None = None,
    ) -> Exchange:
        """Part of ``Trial``."""
        return Exchange(lambda: self._started(command_of(arguments, inline=inline), talks=True, first=False), stop=stop)

    @property
    def held(self) -> str:
        """Part of ``Trial``."""
        return self._limits.text()

    def ending(self) -> Ending | None:
        """Part of ``Trial``."""
        if self.command is None or not self.command.ended(patience.ENGINE_HINDSIGHT.seconds):
            return None
        return Ending(self.command.code(), memory=self.overrun == "memory")

    def crowded(self) -> bool:
        """Part of ``Trial``."""
        return self.overrun == "processes" or self.tasks() >= self._tasks - containers.SPARE_PIDS

    def logs(self) -> str:
        """Part of ``Trial``."""
        return "" if self.command is None else self.command.log()

    def peak(self) -> int | None:
        """Part of ``Trial``."""
        return None if self.command is None else watcher.most(self.command.process)

    def take(self, path: str, target: Path, largest: int) -> None:
        """Part of ``Trial``."""
        source = self._folder / "files" / path
        try:
            # Not waiting for whoever writes to a pipe that may lie there.
            descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            raise NothingTakenError("it left no file") from None
        state = os.fstat(descriptor)
        left = state.st_size if stat.S_ISREG(state.st_mode) else 0
        if not 0 < left <= largest:
            os.close(descriptor)
            raise NothingTakenError(f"what it left is no file of 1 byte to {largest >> 30} GiB")
        with os.fdopen(descriptor, "rb") as read, target.open("xb") as written:
            while left and (piece := read.read(min(tarstream.CHUNK, left))):
                left -= len(piece)
                written.write(piece)

    def refusal(self, said: str) -> LocalError:
        """Part of ``Trial``."""
        return refusal(said)

    def _started(self, command: Sequence[str], *, talks: bool, first: bool) -> Boxed:
        tasks = self._tasks if self._limits.processes == "rlimit" else 0
        try:
            return self.start(["python3", "-c", _LIMITED, str(tasks), *command], talks=talks, first=first)
        except StartError as error:
            raise refusal(str(error)) from error


def _placed(files: Files | None, scratch: Path) -> list[Mount]:
    if files is None:
        return []
    place = scratch / "files"
    root.place(files.entries(), place)
    top = Mount(place, files.folder)
    return [top, *(Mount(place / name, f"{files.folder}/{name}", True) for name in files.writable)]


def refusal(said: str) -> LocalError:
    """The error for a program that bubblewrap, or Python in the image, did not start, from their words."""
    return LocalError(
        f"A program could not be started in a box: {printable(' '.join(said.split()), 600) or 'it said nothing'}",
        code="box-failed",
        next_step=type_again("See that `bwrap` works for this user, or use a container engine"),
    )


def no_box(why: str, otherwise: str = "") -> LocalError:
    """The error for a machine that can make no box; ``otherwise`` is what one may also do."""
    more = f"; or {otherwise}" if otherwise else ""
    first = "Let this user make name spaces (user_namespaces(7))"
    if "not installed" in why:
        first = "Install bubblewrap (Debian: apt-get install bubblewrap)"
    return LocalError(
        f"Nothing can be run in a box on this machine: {printable(why, 400)}.",
        code="no-box",
        next_step=type_again(f"{first}, or start a container engine{more}"),
    )

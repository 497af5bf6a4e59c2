"""Boxes as what runs images: unpacked roots, limits, programs side by side."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from migrate.core.errors import LocalError
from migrate.core.text import type_again
from migrate.images.engine import containers, tarstream
from migrate.images.engine.exchange import Exchange, ExchangeEndedError, command_of
from migrate.images.trial.box import bubblewrap, cgroup, root, watcher
from migrate.images.trial.box.process import Boxed, refusal
from migrate.images.trial.cpu import missing
from migrate.images.trial.runner import Ending, Files, NothingTakenError, Overrun, Trial
from migrate.machine import patience
from migrate.machine.disk import disk_errors, scratch_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from migrate.images.trial.box.root import Root

Holder = Literal["cgroup", "rlimit", "watcher", ""]

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


class Limits(Struct, frozen=True):
    """What holds each limit of the boxes on this machine; empty where nothing does."""

    memory: Holder
    processes: Holder

    def text(self) -> str:
        """The same in words, for a result."""
        return f"memory held by {self.memory or 'nothing'}, processes by {self.processes or 'nothing'}"


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
        with self._scratch(purpose) as scratch, _Box(image, limits, memory, containers.PIDS, files, scratch) as box:
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
        group = cgroup.Group.make(_PROBE_MEMORY, _FEW)
        if group is not None:
            joined = subprocess.run([*bubblewrap.joining(group.path), "true"], check=False, capture_output=True)
            group.close()
            if joined.returncode == 0:
                return Limits("cgroup", "cgroup")
        limits = Limits("watcher", "rlimit")
        with self._scratch("limits") as scratch, _Box(image, limits, _PROBE_MEMORY, _FEW, None, scratch) as box:
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


class _Box:
    """A trial: a network, the programs in it, and what holds their limits."""

    def __init__(
        self, image: Root, limits: Limits, memory: int, tasks: int, files: Files | None, scratch: Path
    ) -> None:
        self._image = image
        self._limits = limits
        self._memory = memory
        self._tasks = tasks
        self._files = files
        self._scratch = scratch
        self._boxed: list[Boxed] = []
        self._command: Boxed | None = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> _Box:
        with contextlib.ExitStack() as stack:
            self._group = cgroup.Group.make(self._memory, self._tasks) if self._limits.memory == "cgroup" else None
            if self._group is not None:
                stack.callback(self._group.close)
            elif self._limits.memory == "cgroup":
                raise refusal("its cgroup could not be made")
            mounts = [*self._image.mounts, *self._placed()]
            self._mounts = mounts
            self._seen = self._bound([self._image.path, *(mount.source for mount in mounts)], stack)
            self._holder = Boxed(bubblewrap.holder(self._seen, self._joined()), talks=True)
            stack.callback(self._holder.close)
            try:
                # Its name spaces are there earlier, and not yet of use.
                self._holder.receive(patience.EXCHANGE_FIRST)
            except (TimeoutError, EOFError) as error:
                raise refusal(self._holder.log()) from error
            self._watcher = watcher.Watcher(
                self.roots,
                self._end,
                # As with a container: without its command nothing in it goes on.
                over=lambda: self._command is not None and not self._command.alive(),
                memory=self._memory if self._limits.memory == "watcher" else None,
                tasks=self._tasks if self._limits.processes == "watcher" else None,
            )
            stack.callback(self._watcher.close)
            stack.callback(self._close)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, command: Sequence[str]) -> None:
        """Start the command of the trial."""
        self._command = self._start(command, talks=False, first=True)

    def roots(self) -> list[int]:
        """The first process of each program that is alive."""
        return [one.process for one in list(self._boxed) if one.process and one.alive()]

    def exchange(
        self,
        arguments: Sequence[str],
        *,
        inline: bool = False,
        apart: bool = False,  # noqa: ARG002 - it always is
        stop: threading.Event | None = None,
    ) -> Exchange:
        """Part of ``Trial``."""
        return Exchange(lambda: self._start(command_of(arguments, inline=inline), talks=True, first=False), stop=stop)

    @property
    def held(self) -> str:
        """Part of ``Trial``."""
        return self._limits.text()

    @property
    def overrun(self) -> Overrun:
        """Part of ``Trial``."""
        if self._group is not None and self._group.out_of_memory():
            return "memory"
        return self._watcher.check()

    def ending(self) -> Ending | None:
        """Part of ``Trial``."""
        if self._command is None or not self._command.ended(patience.ENGINE_HINDSIGHT.seconds):
            return None
        return Ending(self._command.code(), memory=self.overrun == "memory")

    def crowded(self) -> bool:
        """Part of ``Trial``."""
        if self.overrun == "processes":
            return True
        tasks = self._group.tasks() if self._group is not None else self._watcher.look().tasks
        return tasks >= self._tasks - containers.SPARE_PIDS

    def logs(self) -> str:
        """Part of ``Trial``."""
        return "" if self._command is None else self._command.log()

    def peak(self) -> int | None:
        """Part of ``Trial``."""
        return None if self._command is None else watcher.most(self._command.process)

    def take(self, path: str, target: Path, largest: int) -> None:
        """Part of ``Trial``."""
        source = self._scratch / "files" / path
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

    def _start(self, command: Sequence[str], *, talks: bool, first: bool) -> Boxed:
        tasks = self._tasks if self._limits.processes == "rlimit" else 0
        boxed = Boxed(
            bubblewrap.box(
                self._holder.process,
                self._image,
                self._mounts,
                ["python3", "-c", _LIMITED, str(tasks), *command],
                seen=dict(self._seen),
                group=self._joined(),
                first=first,
            ),
            talks=talks,
        )
        self._boxed.append(boxed)
        return boxed

    def _placed(self) -> list[root.Mount]:
        # Where the server looks for its limits, whatever holds them.
        told = self._scratch / "limits"
        limits = {"memory.max": self._memory, "pids.max": self._tasks}
        root.place([tarstream.content(name, f"{most}\n".encode()) for name, most in limits.items()], told)
        mounts = [root.Mount(told, "/sys/fs/cgroup")]
        return mounts if self._files is None else [*mounts, *self._own_files(self._files)]

    def _own_files(self, files: Files) -> list[root.Mount]:
        place = self._scratch / "files"
        root.place(files.entries(), place)
        top = root.Mount(place, files.folder)
        writable = [root.Mount(place / name, f"{files.folder}/{name}", True) for name in files.writable]
        return [top, *writable]

    def _bound(self, folders: Sequence[Path], stack: contextlib.ExitStack) -> list[tuple[Path, Path]]:
        """For root of this machine, where folders are bound that another user may not enter."""
        if os.geteuid() != 0:
            return []
        top = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="migrate-box-", dir="/var/tmp")))
        top.chmod(0o755)
        pairs = [(folder, top / str(number)) for number, folder in enumerate(dict.fromkeys(folders))]
        for _, place in pairs:
            place.mkdir()
        return pairs

    def _joined(self) -> Path | None:
        return self._group.path if self._group is not None else None

    def _end(self) -> None:
        for one in list(self._boxed):
            one.kill()

    def _close(self) -> None:
        for one in self._boxed:
            one.close()


def no_box(why: str, otherwise: str = "") -> LocalError:
    """The error for a machine that can make no box; ``otherwise`` is what one may also do."""
    more = f"; or {otherwise}" if otherwise else ""
    return LocalError(
        f"Nothing can be run in a box on this machine: {why}.",
        code="no-box",
        next_step=type_again(
            f"Install bubblewrap (Debian: apt-get install bubblewrap), or start a container engine{more}"
        ),
    )

"""Boxes of the kernel's name spaces as what runs the images of apps, for a user without a container engine."""

import collections
import contextlib
import http.client
import itertools
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from migrate.boxes import bubblewrap
from migrate.boxes.box import Box, Limits, group_holds
from migrate.boxes.process import StartError
from migrate.boxes.view import Mount, Root
from migrate.sandbox.base.requestlog import timestamp
from migrate.sandbox.base.seam import Launch, LogEntry, RunnerState
from migrate.sandbox.running.backend import Instance, LaunchError, crashed, out_of_memory
from migrate.sandbox.running.boxes.layers import Layers
from migrate.sandbox.running.boxes.network import Network
from migrate.sandbox.running.boxes.pulling import Image, Settings

_TASKS: Final = 4096  # processes and threads of an app: far more than it needs, and fewer than a machine has
_PROBE: Final = (256 << 20, 64)  # bytes and processes of a control group that is made to see whether one can be
_PERIOD: Final = 100_000  # microseconds, in which a quota of processors is counted
_LINES: Final = 10_000  # of an app's log
_LONGEST: Final = 16 << 10  # bytes of a line of it; a longer one becomes several
_ENVIRONMENT: Final = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/"}


class InBoxes:
    """Runs images in boxes: user 42420, no network but loopback, no file to write to but in /tmp and /workspace.

    Args:
        folder: For unpacked layers; theirs alone, and gone when they are closed.

    Raises:
        RuntimeError: There can be no box here; one sentence.
    """

    def __init__(self, folder: Path) -> None:
        why = bubblewrap.why_not()
        if not why and os.uname().machine != "x86_64":
            why = f"its processor is {os.uname().machine}, and apps are for linux/amd64"
        if why:
            message = f"apps cannot run in boxes on this machine: {why}"
            raise RuntimeError(message)
        self._limits = Limits("cgroup", "cgroup") if group_holds(*_PROBE) else Limits("watcher", "watcher")
        self.text = f"in boxes, without a container engine ({self._limits.text()})"
        shutil.rmtree(folder, ignore_errors=True)
        self._layers = Layers(folder / "layers")
        self._folder = folder / "boxes"
        self._folder.mkdir()
        self._images: dict[str, tuple[Root, Settings]] = {}
        self._started = itertools.count()

    @contextlib.contextmanager
    def pulled(self, launch: Launch) -> Iterator[str]:
        """Part of ``Backend``."""
        with contextlib.closing(Image(launch.image, launch.registry_auths)) as image:
            lower, *upper = self._layers.of(image, launch.app_id)
        settings = image.configuration.config or Settings()
        root = Root(
            path=lower,
            environment=_ENVIRONMENT | dict(_variable(text) for text in settings.env or ()),
            working_dir=settings.working_dir or "/",
            mounts=tuple(Mount(path, f"/{path.name}") for folder in upper for path in sorted(folder.iterdir())),
        )
        self._images[image.id] = (root, settings)
        yield image.id

    def run(self, launch: Launch, image: str) -> Instance:
        """Part of ``Backend``."""
        root, settings = self._images[image]
        command = [*(settings.entrypoint or ()), *(launch.command or settings.cmd or ())]
        if not command:
            message = "The container cannot be started: the image names no command, and the app neither"
            raise LaunchError(message)
        root = Root(
            path=root.path,
            environment={**root.environment, **launch.env},
            working_dir=root.working_dir,
            mounts=root.mounts,
        )
        return _App(launch, root, command, self._limits, self._folder, next(self._started))

    def forget(self, image: str, app_id: str) -> None:  # noqa: ARG002 - layers are kept by their apps
        """Part of ``Backend``."""
        self._layers.forget(app_id)

    def close(self) -> None:
        """Part of ``Backend``."""
        shutil.rmtree(self._folder.parent, ignore_errors=True)


class _App:
    """An app in a box."""

    def __init__(
        self, launch: Launch, root: Root, command: Sequence[str], limits: Limits, folder: Path, number: int
    ) -> None:
        self._log = _Log()
        self._turn = threading.Lock()
        processors = sorted(os.sched_getaffinity(0))
        cpus = min(launch.cpu, len(processors))
        before: tuple[str, ...] = ()
        if cpus < len(processors) and shutil.which("taskset"):
            # The next ones for the next app, so that apps do not wait for one another while others are idle.
            own = itertools.islice(itertools.cycle(processors), number * cpus % len(processors), None)
            before = ("taskset", "--cpu-list", ",".join(map(str, itertools.islice(own, cpus))))
        with contextlib.ExitStack() as stack:
            try:
                scratch = Path(tempfile.mkdtemp(prefix="app-", dir=folder))
                stack.callback(shutil.rmtree, scratch, ignore_errors=True)
                self._box = stack.enter_context(
                    Box(
                        root,
                        limits,
                        memory=launch.memory_bytes,
                        tasks=_TASKS,
                        folder=scratch,
                        told={"cpu.max": f"{cpus * _PERIOD} {_PERIOD}"},
                    )
                )
                self._network = Network(self._box.network)
                stack.callback(self._network.close)
                self._program = self._box.start(command, first=True, before=before, heard=self._log.take)
                self._box.command = self._program
            except (StartError, OSError) as error:
                message = f"The container cannot be started: {error}"
                raise LaunchError(message) from error
            self._stack = stack.pop_all()

    def running(self) -> bool:
        """Part of ``Instance``."""
        return self._program.alive()

    def connection(self, port: int, timeout: float) -> http.client.HTTPConnection | None:
        """Part of ``Instance``."""
        return self._network.connection(port, timeout) if self.running() else None

    def stop(self, grace: float) -> None:
        """Part of ``Instance``."""
        self._program.signal(signal.SIGTERM)
        self._program.ended(grace)
        self.remove()

    def remove(self) -> None:
        """Part of ``Instance``."""
        self._program.kill()
        with self._turn:
            self._stack.close()

    def logs(self) -> Sequence[LogEntry]:
        """Part of ``Instance``."""
        return self._log.lines()

    def ending(self, launch: Launch) -> RunnerState:
        """Part of ``Instance``."""
        code = self._program.code() or 0
        said = self._program.log()
        overrun = self._box.overrun
        began = self._program.began()
        self.remove()
        if overrun == "memory":
            return out_of_memory(launch, code)
        if not began and not overrun:
            return RunnerState(phase="failed", info=f"The container cannot be started: {' '.join(said.split())}")
        return crashed(code, said)


class _Log:
    """What an app writes, as lines with the time at which each ended."""

    def __init__(self) -> None:
        self._lines: collections.deque[LogEntry] = collections.deque(maxlen=_LINES)
        self._rest = b""
        self._turn = threading.Lock()

    def take(self, data: bytes) -> None:
        """Take what was written."""
        with self._turn:
            *whole, self._rest = (self._rest + data).split(b"\n")
            if len(self._rest) > _LONGEST:
                whole, self._rest = [*whole, self._rest], b""
            self._lines.extend(map(_entry, whole))

    def lines(self) -> tuple[LogEntry, ...]:
        """All so far."""
        with self._turn:
            return (*self._lines, *((_entry(self._rest),) if self._rest else ()))


def _entry(line: bytes) -> LogEntry:
    return LogEntry(timestamp=timestamp(time.time()), content=line.decode("utf-8", "replace").rstrip("\r"))


def _variable(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value

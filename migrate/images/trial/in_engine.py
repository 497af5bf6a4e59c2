"""A container engine as what runs images."""

from __future__ import annotations

import contextlib
import tarfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from migrate.core.errors import LocalError
from migrate.images.engine import containers, tarstream
from migrate.images.engine.attached import exchange_in, exec_refusal
from migrate.images.engine.connection import translated
from migrate.images.runtime.bytecode import ChunkReader
from migrate.images.trial.cpu import missing
from migrate.images.trial.runner import Ending, Files, NothingTakenError, Trial
from migrate.machine import patience
from migrate.machine.patience import wait_until

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from migrate.boxes.watcher import Overrun
    from migrate.images.engine.connection import Engine
    from migrate.images.engine.exchange import Exchange

_APART: Final = "65534:65534"  # another user than the command's: it can neither end it nor write for it
_WAIT: Final = ("python3", "-c", "import signal; signal.pause()")  # where programs run beside nothing
_CPU: Final = ("python3", "-c", "print(open('/proc/cpuinfo').read())")

_problems: Final[WeakKeyDictionary[Engine, str]] = WeakKeyDictionary()  # what this process has asked each engine


class InEngine:
    """Runs images in containers of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

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
        settings = containers.confined(memory)
        if files is not None:
            # They are root's, in a volume that goes with the container: a root that is read-only takes no archive.
            settings["mounts"] = [{"Type": "volume", "Target": files.folder}]
        with containers.container(
            self._engine,
            image_id,
            command or _WAIT,
            purpose=purpose,
            working_dir=working_dir,
            environment=environment,
            **settings,
        ) as identity:
            api = self._engine.client.api
            with translated():
                if files is not None:
                    api.put_archive(identity, files.folder, tarstream.archive(files.entries()))
                api.start(identity)
            yield _Container(self._engine, identity, files)

    def unlimited(self, image_id: str) -> tuple[str, ...]:
        """Part of ``Runner``."""
        return containers.unlimited(self._engine, image_id)

    def cpu_problem(self, image_id: str) -> str:
        """Part of ``Runner``. The engine's machine need not be this one."""
        if self._engine not in _problems:
            with translated():
                architecture = str(self._engine.client.api.info().get("Architecture") or "")
            _, text = containers.run(
                self._engine, image_id, _CPU, purpose="processor", timeout=patience.CONTAINER_PROBE
            )
            _problems[self._engine] = missing(architecture, text)
        return _problems[self._engine]


class _Container:
    """A trial in a container."""

    held = ""
    overrun: Overrun = ""  # the kernel ends it, and the exit code tells

    def __init__(self, engine: Engine, identity: str, files: Files | None) -> None:
        self._engine = engine
        self._identity = identity
        self._files = files

    def exchange(
        self,
        arguments: Sequence[str],
        *,
        inline: bool = False,
        apart: bool = False,
        stop: threading.Event | None = None,
    ) -> Exchange:
        """Part of ``Trial``."""
        user = _APART if apart else ""
        return exchange_in(self._engine, self._identity, arguments, inline=inline, user=user, stop=stop)

    def ending(self) -> Ending | None:
        """Part of ``Trial``."""

        def look() -> dict[str, Any]:
            with translated():
                found: dict[str, Any] = self._engine.client.api.inspect_container(self._identity)["State"]
            return found

        state = wait_until(look, lambda state: not state["Running"], patience.ENGINE_HINDSIGHT)
        return None if state["Running"] else Ending(state.get("ExitCode"), bool(state.get("OOMKilled")))

    def crowded(self) -> bool:
        """Part of ``Trial``. An engine that does not count them is not crowded: what else was seen is a verdict."""
        try:
            with translated():
                state: dict[str, Any] = self._engine.client.api.stats(self._identity, stream=False)
        except LocalError:
            return False
        found = state.get("pids_stats") or {}
        return int(found.get("current") or 0) >= containers.PIDS - containers.SPARE_PIDS

    def logs(self) -> str:
        """Part of ``Trial``."""
        with translated():
            output: bytes = self._engine.client.api.logs(self._identity, tail=200)
        return output.decode("utf-8", "replace")

    def peak(self) -> int | None:
        """Part of ``Trial``."""
        return None

    def take(self, path: str, target: Path, largest: int) -> None:
        """Part of ``Trial``. Whatever else the container offers in the file's place is refused."""
        import docker.errors  # noqa: PLC0415

        assert self._files is not None  # noqa: S101 - of them it is
        with translated():
            try:
                chunks, _ = self._engine.client.api.get_archive(
                    self._identity, str(PurePosixPath(self._files.folder, path))
                )
            except docker.errors.NotFound:
                raise NothingTakenError("it left no file") from None
            try:
                with tarfile.open(fileobj=ChunkReader(chunks), mode="r|") as packed:  # type: ignore[call-overload]
                    member = packed.next()
                    data = packed.extractfile(member) if member is not None and member.isreg() else None
                    if member is None or data is None or not 0 < member.size <= largest:
                        raise NothingTakenError(f"what it left is no file of 1 byte to {largest >> 30} GiB")
                    with target.open("xb") as file:
                        while piece := data.read(tarstream.CHUNK):
                            file.write(piece)
            except tarfile.TarError as error:
                raise LocalError(
                    f"The container engine sent a broken archive: {error}.", code="engine-failed"
                ) from error

    def refusal(self, said: str) -> LocalError:
        """Part of ``Trial``."""
        return exec_refusal(said)

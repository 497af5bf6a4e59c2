"""Two ways to run a real registry: Debian's ``docker-registry`` as a process, or the public image in a container."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from migrate.sandbox.running.containers import connect, labels, remove_containers

if TYPE_CHECKING:
    from docker.models.containers import Container

PUBLIC_IMAGE: Final = "registry:2"
PROGRAM: Final = "docker-registry"
_NOT_INSTALLED: Final = f"{PROGRAM} is not installed; install it (Debian: apt-get install {PROGRAM})"

# Ends the program when the standard input closes, so that it never outlives the sandbox, however that ended.
_GUARD: Final = (
    'exec 3<&0; "$@" </dev/null 3<&- & child=$!; { cat <&3; kill "$child"; } >/dev/null 2>&1 & wait "$child"'
)


class Engine(Protocol):
    """Something that runs ``registry serve CONFIG``."""

    address: str
    """Where the registry listens, as its configuration names it."""

    def start(self) -> None:
        """Start it and return at once."""

    def stop(self) -> None:
        """End it, and wait."""

    def running(self) -> bool:
        """Whether it has not ended by itself."""

    def output(self) -> tuple[str, str]:
        """The access log (standard output) of all starts, and the last errors."""


class ProgramEngine:
    """The program of Debian's package, as a child process."""

    def __init__(self, folder: Path, config: Path, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self._folder = folder
        self._config = config
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and return at once.

        Raises:
            RuntimeError: It is not installed.
        """
        if not program_installed():
            raise RuntimeError(_NOT_INSTALLED)
        with (self._folder / "access.log").open("ab") as out, (self._folder / "errors.log").open("ab") as errors:
            self._child = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, "sh", PROGRAM, "serve", str(self._config)],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=errors,
                cwd=self._folder,
                start_new_session=True,
            )

    def stop(self) -> None:
        """End it, and wait."""
        if self._child is None:
            return
        if self._child.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._child.stdin.close()
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._child.pid, 9)
            self._child.wait()
        self._child = None

    def running(self) -> bool:
        """Whether it has not ended by itself."""
        return self._child is not None and self._child.poll() is None

    def output(self) -> tuple[str, str]:
        """The access log of all starts, and the last errors."""
        return _text(self._folder / "access.log"), _text(self._folder / "errors.log")[-2000:]


class ImageEngine:
    """The public image, in a container that sees the sandbox's folder; its port is published on loopback."""

    def __init__(self, folder: Path, config: Path, port: int, *, image: str) -> None:
        self.address = f":{port}"
        self._folder = folder
        self._config = config
        self._port = port
        self._image = image
        self._container: Container | None = None

    def start(self) -> None:
        """Start it (the image is pulled where the engine has none); a stopped container is started again."""
        if self._container is not None:
            self._container.start()
            return
        try:
            client = connect()
        except RuntimeError as error:
            message = f"{_NOT_INSTALLED}, or start a container engine, which runs the image {self._image} ({error})"
            raise RuntimeError(message) from error
        remove_containers(client, labels(self._folder))  # what a killed sandbox left
        self._container = client.containers.run(
            self._image,
            ["serve", str(self._config)],
            entrypoint=["registry"],
            user=f"{os.getuid()}:{os.getgid()}",
            ports={f"{self._port}/tcp": ("127.0.0.1", self._port)},
            volumes={str(self._folder): {"bind": str(self._folder), "mode": "rw"}},
            labels=labels(self._folder),
            detach=True,
        )

    def stop(self) -> None:
        """End it, and wait; the container stays for its log until :meth:`remove`."""
        if self._container is not None:
            self._container.stop(timeout=2)

    def remove(self) -> None:
        """Remove the container, keeping its log in the folder."""
        if self._container is not None:
            (self._folder / "access.log").write_text(self.output()[0], encoding="utf-8")
            self._container.remove(force=True)
            self._container = None

    def running(self) -> bool:
        """Whether it has not ended by itself."""
        if self._container is None:
            return False
        self._container.reload()
        return str(self._container.status) in {"created", "running"}

    def output(self) -> tuple[str, str]:
        """The access log of all starts of this container, and the last errors."""
        if self._container is None:
            return _text(self._folder / "access.log"), ""
        out = self._container.logs(stdout=True, stderr=False).decode("utf-8", "replace")
        return out, self._container.logs(stdout=False, stderr=True, tail=20).decode("utf-8", "replace")


def program_installed() -> bool:
    """Whether Debian's program is on the path."""
    return shutil.which(PROGRAM) is not None


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

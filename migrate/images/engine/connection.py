"""The container engine of this machine: found, connected to, and its failures said in sentences.

Everything goes through the engine's API with the ``docker`` package, so Docker, a remote host (``DOCKER_HOST``,
contexts) and Podman's socket are one to the rest of this room. ``docker`` and ``requests`` are imported when the
engine is first needed: they cost more than all of ``--help``.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from migrate.core.errors import LocalError
from migrate.core.text import printable, type_again
from migrate.images.engine import transfer
from migrate.machine.disk import FULL, says_full
from migrate.machine.patience import ENGINE_CALL, ENGINE_PING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import docker

PLATFORM: Final = "linux/amd64"  # AI Deploy runs nothing else (contract: AI Deploy images)

_CONTAINERD: Final = Path("/var/lib/containerd")
"""Where Docker's images are when containerd keeps them (docs.docker.com, "containerd image store")."""

_PUT_BEFORE: Final = re.compile(r"^(localhost|docker\.io/library|docker\.io)/")
REFUSED: Final = "The container engine refused: "
_NEXT_STEP: Final = type_again("Start Docker (or Podman), or point DOCKER_HOST at an engine")


class Engine:
    """A connected container engine.

    Attributes:
        client: The ``docker`` package's own.
        found_at: The URL of the socket where it was found; None where ``DOCKER_HOST`` or Docker's context names it.
    """

    def __init__(self, client: docker.DockerClient, found_at: str | None = None) -> None:
        self.client = client
        self.found_at = found_at

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def is_podman(self) -> bool:
        """Whether it is Podman, behind Docker's API."""
        with translated():
            return transfer.is_podman(self.client)

    def folder(self) -> Path | None:
        """Where the engine keeps images and what it works on; None where that is no folder of this machine.

        Docker Desktop and remote engines name a folder of another machine, which only its host's name tells.
        """
        with translated():
            info: dict[str, Any] = self.client.api.info()
        folder = Path(str(info.get("DockerRootDir") or "/nonexistent"))
        snapshotter = any(
            "io.containerd.snapshotter" in str(part) for pair in info.get("DriverStatus") or () for part in pair
        )
        if snapshotter:
            folder = _CONTAINERD
        here = info.get("Name") == socket.gethostname()
        return folder if here and folder.is_dir() else None

    def image(self, reference: str) -> dict[str, Any] | None:
        """What the engine says of a local image, or None where there is no such image."""
        import docker.errors  # noqa: PLC0415

        with translated():
            try:
                found: dict[str, Any] = self.client.api.inspect_image(reference)
            except docker.errors.ImageNotFound:
                return None
            return found

    def names(self) -> frozenset[str]:
        """The names of all local images, as they were given; Podman puts a registry before those without one."""
        with translated():
            images: list[dict[str, Any]] = self.client.api.images()
        return frozenset(_PUT_BEFORE.sub("", name) for image in images for name in image.get("RepoTags") or ())

    def pull(self, reference: str) -> None:
        """Pull an image for the platform of AI Deploy.

        Raises:
            LocalError: The image cannot be had (code ``pull-failed``), or the engine's own failures.
        """
        import docker.errors  # noqa: PLC0415

        with translated():
            try:
                failure = last_error(transfer.pull(self.client, reference, PLATFORM), lambda _: None)
            except docker.errors.APIError as error:
                raise _pull_error(reference, str(error.explanation or error)) from error
            if failure is not None:
                raise _pull_error(reference, failure)


def connect(environ: Mapping[str, str]) -> Engine:
    """The engine that the environment names, or the first one that answers on this machine.

    ``DOCKER_HOST`` (unix, tcp with TLS, ssh) and Docker's current context come first, then the usual sockets of
    Docker, rootless Docker, Docker Desktop and Podman.

    Raises:
        LocalError: No engine answers (code ``engine-not-running``).
    """
    import docker  # noqa: PLC0415
    import docker.errors  # noqa: PLC0415
    import requests  # noqa: PLC0415

    failures: list[str] = []
    for base_url in _candidates(environ):
        client = None
        try:
            _knock(base_url or _named(environ))
            if base_url is None:
                ssh = environ.get("DOCKER_HOST", "").startswith("ssh://")
                client = docker.from_env(
                    environment=dict(environ), timeout=ENGINE_PING, version="auto", use_ssh_client=ssh
                )
            else:
                client = docker.DockerClient(base_url=base_url, timeout=ENGINE_PING, version="auto")
            client.ping()
        except (docker.errors.DockerException, requests.RequestException, OSError) as error:
            failures.append(_first_line(error))
            if client is not None:
                client.close()
            continue
        client.api.timeout = ENGINE_CALL
        return Engine(client, base_url)
    where = f" at {environ['DOCKER_HOST']}" if environ.get("DOCKER_HOST") else ""
    if any("permission denied" in failure.lower() for failure in failures):
        raise LocalError(
            f"A container engine runs{where} but this user may not use it.",
            code="engine-not-running",
            next_step=type_again("Add yourself to its group (sudo usermod -aG docker $USER), log in anew"),
        )
    raise LocalError(f"No container engine answers{where}.", code="engine-not-running", next_step=_NEXT_STEP)


def _candidates(environ: Mapping[str, str]) -> list[str | None]:
    """What to try in order; None is what Docker's own variables and context say."""
    if environ.get("DOCKER_HOST"):
        return [None]
    home = Path(environ.get("HOME") or Path.home())
    runtime = environ.get("XDG_RUNTIME_DIR")
    sockets = [Path(runtime) / "docker.sock", Path(runtime) / "podman/podman.sock"] if runtime else []
    sockets += [home / ".docker/run/docker.sock", home / ".colima/default/docker.sock"]
    sockets += [Path("/var/run/docker.sock"), Path("/run/podman/podman.sock")]
    return [None, *(f"unix://{socket}" for socket in sockets if socket.is_socket())]


def _named(environ: Mapping[str, str]) -> str:
    """The URL that Docker's own variables, or else its current context, say."""
    from docker.context import ContextAPI  # noqa: PLC0415

    named = environ.get("DOCKER_HOST") or ContextAPI.kwargs_from_context(environment=environ).get("base_url", "")
    return str(named)


def _knock(url: str) -> None:
    """Fail at once where nobody listens on a socket: the client would leave its own half of it open."""
    path = url.removeprefix("unix://")
    if path != url:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(ENGINE_PING)
            probe.connect(path)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn the engine's failures inside the block into LocalError; programming errors pass through."""
    import docker.errors  # noqa: PLC0415
    import requests  # noqa: PLC0415

    try:
        yield
    except docker.errors.DockerException as error:
        explanation = getattr(error, "explanation", None)
        raise engine_error(str(explanation or error)) from error
    except requests.RequestException as error:
        raise LocalError(
            f"The connection to the container engine broke: {_first_line(error)}",
            code="engine-not-running",
            next_step=_NEXT_STEP,
        ) from error


def last_error(messages: Iterable[dict[str, Any]], each: Callable[[dict[str, Any]], None]) -> str | None:
    """Read a stream of the engine to its end, and return what failed, if something did.

    The stream of a pull, build or push does not raise: a failure is one more message. Reading on to the end, which
    comes right behind it, gives the connection back.
    """
    failure: str | None = None
    for message in messages:
        if "error" in message or "errorDetail" in message:
            failure = str((message.get("errorDetail") or {}).get("message") or message.get("error"))
        else:
            each(message)
    return failure


def engine_error(text: str) -> LocalError:
    """The error for what the engine said, whether as a status or in the middle of a stream."""
    if says_full(text):
        return LocalError(
            "The disk of the container engine is full.",
            code="disk-full",
            next_step=type_again("Free space where the engine keeps images (docker image prune shows what may go)"),
        )
    return LocalError(f"{REFUSED}{printable(text.strip(), 600)}", code="engine-failed")


def _pull_error(reference: str, text: str) -> LocalError:
    error = engine_error(text)
    if error.code == FULL:
        return error
    return LocalError(f"The image {reference} cannot be pulled: {printable(text.strip(), 600)}.", code="pull-failed")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def main(arguments: list[str]) -> int:
    """Tell scripts whether an engine answers, has an image (``--has REF``) or can pull one (``--pull REF``)."""
    try:
        with contextlib.closing(connect(os.environ)) as engine:
            match arguments:
                case ["--has", reference]:
                    return 0 if engine.image(reference) else 1
                case ["--pull", reference]:
                    engine.pull(reference)
    except LocalError as error:
        sys.stderr.write(f"{error.what} {error.next_step}\n")
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

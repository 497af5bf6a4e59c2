"""A container engine as what runs the images of apps."""

import contextlib
import http.client
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from docker.errors import DockerException, NotFound

from migrate.sandbox.base.seam import Launch, LogEntry, RunnerState
from migrate.sandbox.running.backend import Instance, LaunchError, crashed, out_of_memory
from migrate.sandbox.running.containers import (
    APP_LABEL,
    connect,
    forget_image,
    labels,
    named,
    published,
    pull,
    remove,
    remove_containers,
    run,
)

if TYPE_CHECKING:
    from docker.models.containers import Container


class InEngine:
    """Runs images in containers. Those that an earlier one of the same folder left are removed first.

    Args:
        folder: Names the containers' label.

    Raises:
        RuntimeError: No container engine answers; one sentence.
    """

    text = "in containers"

    def __init__(self, folder: Path) -> None:
        self._marks = labels(folder)
        self._client = connect()
        remove_containers(self._client, self._marks)

    @contextlib.contextmanager
    def pulled(self, launch: Launch) -> Iterator[str]:
        """Part of ``Backend``."""
        with _translated():
            known = named(self._client, launch.image)
            image = pull(self._client, launch.image, launch.registry_auths)
        try:
            yield image
        finally:
            if not known:
                with _translated():
                    forget_image(self._client, launch.image)

    def run(self, launch: Launch, image: str) -> Instance:
        """Part of ``Backend``."""
        with _translated():
            return _Container(run(self._client, launch, image, self._marks | {APP_LABEL: launch.app_id}))

    def forget(self, image: str, app_id: str) -> None:  # noqa: ARG002 - the engine knows which containers are left
        """Part of ``Backend``."""
        forget_image(self._client, image)

    def close(self) -> None:
        """Part of ``Backend``."""
        self._client.close()


class _Container:
    """An app in a container."""

    def __init__(self, container: "Container") -> None:
        self._container = container

    def running(self) -> bool:
        """Part of ``Instance``."""
        with _translated():
            self._container.reload()
        return self._container.status in {"created", "running"}

    def connection(self, port: int, timeout: float) -> http.client.HTTPConnection | None:
        """Part of ``Instance``: to where the port was published when the container was looked at last."""
        at = published(self._container, port)
        return http.client.HTTPConnection("127.0.0.1", at, timeout=timeout) if at is not None else None

    def stop(self, grace: float) -> None:
        """Part of ``Instance``."""
        with _translated(), contextlib.suppress(NotFound):
            self._container.stop(timeout=int(grace))

    def remove(self) -> None:
        """Part of ``Instance``."""
        with _translated():
            remove(self._container)

    def logs(self) -> Sequence[LogEntry]:
        """Part of ``Instance``."""
        with _translated():
            text = self._container.logs(timestamps=True).decode("utf-8", "replace")
        pairs = (line.partition(" ") for line in text.splitlines())
        return tuple(LogEntry(timestamp=stamp, content=content) for stamp, _, content in pairs)

    def ending(self, launch: Launch) -> RunnerState:
        """Part of ``Instance``."""
        state = self._container.attrs["State"]
        code = int(state["ExitCode"])
        if state.get("OOMKilled"):
            return out_of_memory(launch, code)
        with _translated():
            text = self._container.logs(tail=5).decode("utf-8", "replace")
        return crashed(code, text)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turns what the engine says into a sentence."""
    try:
        yield
    except NotFound as error:
        message = "The container was removed by somebody else"
        raise LaunchError(message) from error
    except (DockerException, OSError) as error:
        message = f"The container engine failed: {error}"
        raise LaunchError(message) from error

"""What runs the images of apps: a container engine, or boxes of the kernel's name spaces. The runner knows neither."""

import http.client
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from migrate.sandbox.base.seam import Launch, LogEntry, RunnerState


class LaunchError(Exception):
    """An image that cannot be run, or an app that cannot be watched, in one sentence for ``status.info``."""


class Instance(Protocol):
    """An app that was started. Methods raise LaunchError where what runs it fails."""

    def running(self) -> bool:
        """Whether it has not ended."""

    def connection(self, port: int, timeout: float) -> http.client.HTTPConnection | None:
        """A connection to a port of it, not made yet, with seconds without a byte; None when it has ended."""

    def stop(self, grace: float) -> None:
        """End it, with SIGTERM and so many seconds before SIGKILL, and wait; its log stays."""

    def remove(self) -> None:
        """End it at once and leave nothing of it, and wait; one that is gone already is no failure."""

    def logs(self) -> Sequence[LogEntry]:
        """All lines so far, oldest first."""

    def ending(self, launch: Launch) -> RunnerState:
        """How an app ended that was not told to."""


class Backend(Protocol):
    """Runs images.

    Attributes:
        text: What it runs apps in, and what holds their limits, for ``migrate sandbox status``.
    """

    text: str

    def pulled(self, launch: Launch) -> AbstractContextManager[str]:
        """The id of the launch's image, which is there as long as the block lasts.

        Raises:
            LaunchError: It cannot be pulled, or is not for linux/amd64.
        """

    def run(self, launch: Launch, image: str) -> Instance:
        """Start an app as the platform does: user 42420, and limited.

        Raises:
            LaunchError: It cannot be started.
        """

    def forget(self, image: str, app_id: str) -> None:
        """An app is gone that ran this image: of that nothing stays that nobody else uses."""

    def close(self) -> None:
        """Let go of what it holds; called once, when every app is gone."""


def out_of_memory(launch: Launch, code: int) -> RunnerState:
    """The state of an app that was ended for its memory."""
    info = f"The container was killed: it used more than its {launch.memory_bytes >> 20} MiB of memory"
    return RunnerState(phase="failed", info=info, exit_code=code)


def crashed(code: int, log: str) -> RunnerState:
    """The state of an app that ended by itself, with its last line."""
    lines = log.strip().splitlines()
    info = f"The container ended with exit code {code}" + (f": {lines[-1]}" if lines else "")
    return RunnerState(phase="failed", info=info, exit_code=code)

"""What runs an image here: a container engine, or boxes of the kernel's name spaces. To what runs in it both are one.

A *trial* is one image at work, cut off from network, rights and the disk. Its own command runs in it, or nothing does
but the programs that are started beside it and asked line by line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from migrate.boxes.watcher import Overrun
    from migrate.core.errors import LocalError
    from migrate.images.engine.exchange import Exchange
    from migrate.images.engine.tarstream import Entry


class Files(Struct, frozen=True):
    """Files of this machine that a trial sees below a folder at the top of its root, such as ``/reference``.

    Attributes:
        folder: The absolute path in the trial.
        entries: What is in it; read when the trial starts.
        writable: Folders among the entries that programs may write to.
    """

    folder: str
    entries: Callable[[], Iterable[Entry]]
    writable: tuple[str, ...] = ()


class Ending(Struct, frozen=True):
    """How a trial's command ended: its exit code where that is known, and whether memory ran out."""

    code: int | None
    memory: bool


class Trial(Protocol):
    """An image at work."""

    @property
    def held(self) -> str:
        """What holds its limits, in words, where that is no engine; empty where one does."""

    @property
    def overrun(self) -> Overrun:
        """The limit for which everything in it was ended, where that is known beside an exit code."""

    def exchange(
        self,
        arguments: Sequence[str],
        *,
        inline: bool = False,
        apart: bool = False,
        stop: threading.Event | None = None,
    ) -> Exchange:
        """Start a Python program beside the command, which sees the same files and the same loopback.

        Args:
            arguments: As ``Exchange`` takes them.
            inline: The same.
            apart: Out of the reach of the command, which can neither end it nor write for it.
            stop: Set to end early.

        Raises:
            NotStartedError: It cannot be started.
            TimeoutError: It takes nothing.
            LocalError: The same as NotStartedError, in a sentence already.
        """

    def ending(self) -> Ending | None:
        """How the command ended, or None while it runs. Waits a moment, for the kernel's verdict may come late."""

    def crowded(self) -> bool:
        """Whether so many processes run that one more may not start."""

    def logs(self) -> str:
        """The last lines that the command wrote."""

    def peak(self) -> int | None:
        """The most memory that the command's process held, in bytes; None where only a program beside it can tell."""

    def take(self, path: str, target: Path, largest: int) -> None:
        """Bring a file out of the trial's ``Files``.

        Raises:
            NothingTakenError: There is no file of 1 to ``largest`` bytes; the text says what there is.
        """

    def refusal(self, said: str) -> LocalError:
        """The error for a program that could not be started, from what was said instead of its greeting."""


class NothingTakenError(Exception):
    """What a program left is not the one file that it should leave; the text continues a sentence."""


class Runner(Protocol):
    """What runs images on this machine."""

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
    ) -> AbstractContextManager[Trial]:
        """An image at work; everything of it is ended and removed when the block is left.

        Args:
            image_id: The image.
            command: What runs in it; None where only programs beside it do.
            purpose: A word for whoever finds it.
            memory: The limit in bytes.
            files: More files.
            working_dir: Where programs start; the image's own folder where None.
            environment: Variables beside and instead of the image's.

        Raises:
            LocalError: It cannot be started.
        """

    def unlimited(self, image_id: str) -> tuple[str, ...]:
        """Which limits cannot be applied here, of ``memory`` and ``processes``; asked once a process."""

    def cpu_problem(self, image_id: str) -> str:
        """Why the machine may not have the instructions that the packages need; empty when it has them."""

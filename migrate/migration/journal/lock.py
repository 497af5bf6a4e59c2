"""One writer at a time for the journal of a source."""

import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from migrate.core.errors import LocalError
from migrate.core.text import type_again
from migrate.machine.locks import HeldError, exclusive_now


class WriterLock:
    """Holds the journal of a source while it is entered; the lock's file tells others who does, and at what."""

    def __init__(self, path: Path, *, doing: str) -> None:
        self._path = path
        self._note = f"migrate {doing}, process {os.getpid()}"
        self._held = ExitStack()

    def __enter__(self) -> Self:
        """Takes the lock.

        Raises:
            LocalError: Another process holds it (``journal-locked``), or there can be no such file (``disk``).
        """
        try:
            self._held.enter_context(exclusive_now(self._path, self._note))
        except HeldError as error:
            raise LocalError(
                f"Another run works on this source: {error.holder or 'another process'}.",
                code="journal-locked",
                next_step=type_again("Wait until it has ended, or stop it with Ctrl-C"),
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

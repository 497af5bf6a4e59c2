"""One writer at a time for the journal of a source."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from migrate.core.again import type_again
from migrate.core.errors import LocalError


class WriterLock:
    """A lock of the operating system: it ends with its process, however that ends.

    The file tells who holds it. It is never deleted, because deleting a locked file lets two processes hold it.
    """

    def __init__(self, path: Path, *, doing: str) -> None:
        self._path = path
        self._doing = doing
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Takes the lock.

        Raises:
            LocalError: Another process holds it.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace").strip() or "another process"
            os.close(descriptor)
            raise LocalError(
                f"Another run works on this source: {holder}.",
                code="journal-locked",
                next_step=type_again("Wait until it has ended, or stop it with Ctrl-C"),
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"migrate {self._doing}, process {os.getpid()}".encode(), 0)
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

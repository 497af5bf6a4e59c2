"""Locks of the operating system: files that one holder at a time has, among threads, processes and users.

The kernel lets go when the holder ends, however it ends. A lock file stays where it is: removing one that is held
would let two in.
"""

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from migrate.core.errors import Interrupted
from migrate.machine import patience
from migrate.machine.disk import disk_error, disk_errors
from migrate.machine.private import make_private

_LONGEST_NOTE: Final = 200  # bytes that a holder says of itself


class HeldError(Exception):
    """Somebody else holds the lock; ``holder`` is what the file says of them, perhaps nothing."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


@contextlib.contextmanager
def exclusive(path: Path, *, stop: threading.Event | None = None) -> Iterator[int]:
    """Hold a lock file, waiting for whoever has it.

    Args:
        path: The file; it is made, with the folders above it, where it is missing.
        stop: Set to end the waiting.

    Yields:
        The descriptor of the file, open to read and write: who holds the lock may keep something in it.

    Raises:
        Interrupted: ``stop`` was set while waiting.
        LocalError: ``disk`` or ``disk-full``: there can be no such file.
    """
    with _opened(path) as descriptor:
        if stop is None:
            _take(path, descriptor, fcntl.LOCK_EX)
        else:
            while not _take(path, descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
                if stop.wait(patience.LOCK_LOOK):
                    raise Interrupted
        yield descriptor


@contextlib.contextmanager
def exclusive_now(path: Path, note: str) -> Iterator[None]:
    """Hold a lock file without waiting, and say in it who does.

    Args:
        path: As for ``exclusive``.
        note: What others are told while it is held, one line.

    Raises:
        HeldError: Somebody else holds it.
        LocalError: ``disk`` or ``disk-full``: there can be no such file.
    """
    with _opened(path) as descriptor:
        if not _take(path, descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
            raise HeldError(os.pread(descriptor, _LONGEST_NOTE, 0).decode("utf-8", "replace").strip())
        with disk_errors(path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, note.encode()[:_LONGEST_NOTE], 0)
        yield


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    make_private(path.parent)
    with disk_errors(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _take(path: Path, descriptor: int, how: int) -> bool:
    """Whether it is ours now; only without waiting it may be somebody else's."""
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        return False
    except OSError as error:  # a file system without locks, such as some of a network
        raise disk_error(error, path, doing="locked") from error
    return True

"""One process at a time for one model's partial data."""

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from migrate.core.errors import Interrupted


@contextlib.contextmanager
def locked(path: Path, stop: threading.Event) -> Iterator[None]:
    """Hold the lock file; wait for whoever holds it, until ``stop`` is set.

    Raises:
        Interrupted: ``stop`` was set while waiting.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if stop.wait(0.2):
                    raise Interrupted from None
        yield
    finally:
        os.close(descriptor)

"""A token bucket that threads and processes share through a locked file.

OVHcloud publishes no limit for this API; an engineer's answer (python-ovh issue 81, 2019) is that 60 requests a
minute and consumer key should pass.
"""

import contextlib
import errno
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from migrate.core.again import type_again
from migrate.core.errors import LocalError
from migrate.core.text import printable

CAPACITY: Final = 55.0
PER_SECOND: Final = CAPACITY / 60.0
_DEEPEST_DEBT: Final = 10 * CAPACITY  # no state file, whatever is in it, blocks anybody for longer than ten minutes


class Bucket:
    """Reservations of requests: each takes one token, and a bucket that owes tokens makes its callers wait.

    The state file holds the number of tokens and the wall-clock time at which it was right. Tokens may be negative:
    a caller reserves its turn and sleeps until then, so waiting is fair and nobody polls.

    Raises:
        LocalError: ``disk`` or ``disk-full`` when the state cannot be written.
    """

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        with _disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    def reserve(self) -> float:
        """Take one token; the number of seconds to wait before the request may be sent."""
        tokens = self._change(lambda tokens: tokens - 1.0)
        return max(0.0, -tokens / PER_SECOND)

    def drain(self, seconds: float) -> None:
        """The service said that the rate is too high: nobody may send for ``seconds``."""
        self._change(lambda tokens: min(tokens, -seconds * PER_SECOND))

    def _change(self, change: Callable[[float], float]) -> float:
        with _disk_errors(self._path):
            return self._changed(change)

    def _changed(self, change: Callable[[float], float]) -> float:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            now = self._now()
            tokens = max(change(self._refilled(os.read(descriptor, 4096), now)), -_DEEPEST_DEBT)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.truncate(descriptor, 0)
            os.write(descriptor, json.dumps({"tokens": tokens, "at": now}).encode())
            return tokens
        finally:
            os.close(descriptor)

    @staticmethod
    def _refilled(data: bytes, now: float) -> float:
        try:
            state = json.loads(data)
            tokens, at = float(state["tokens"]), float(state["at"])
        except (ValueError, KeyError, TypeError):
            return CAPACITY  # a new file, or one that a crash left half-written
        elapsed = max(0.0, now - at)  # a clock set back must not take tokens away
        return min(CAPACITY, tokens + elapsed * PER_SECOND)


@contextlib.contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LocalError(
            f"{printable(str(path), 300)} cannot be written: {error.strerror or error}.",
            code="disk-full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "disk",
            next_step=type_again("Make room, or check the permissions of the folder (--workspace gives another)"),
        ) from error

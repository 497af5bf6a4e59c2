"""A token bucket that threads and processes share through a locked file.

OVHcloud publishes no limit for this API; an engineer's answer (python-ovh issue 81, 2019) is that 60 requests a
minute and consumer key should pass.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from migrate.machine.disk import disk_errors
from migrate.machine.locks import exclusive
from migrate.machine.private import make_private

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
        make_private(path.parent)

    def reserve(self) -> float:
        """Take one token; the number of seconds to wait before the request may be sent."""
        tokens = self._change(lambda tokens: tokens - 1.0)
        return max(0.0, -tokens / PER_SECOND)

    def drain(self, seconds: float) -> None:
        """The service said that the rate is too high: nobody may send for ``seconds``."""
        self._change(lambda tokens: min(tokens, -seconds * PER_SECOND))

    def _change(self, change: Callable[[float], float]) -> float:
        with exclusive(self._path) as descriptor, disk_errors(self._path):
            now = self._now()
            tokens = max(change(self._refilled(os.pread(descriptor, 4096, 0), now)), -_DEEPEST_DEBT)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps({"tokens": tokens, "at": now}).encode(), 0)
            return tokens

    @staticmethod
    def _refilled(data: bytes, now: float) -> float:
        try:
            state = json.loads(data)
            tokens, at = float(state["tokens"]), float(state["at"])
        except (ValueError, KeyError, TypeError):
            return CAPACITY  # a new file, or one that a crash left half-written
        elapsed = max(0.0, now - at)  # a clock set back must not take tokens away
        return min(CAPACITY, tokens + elapsed * PER_SECOND)

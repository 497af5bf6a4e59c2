"""Waiting for what happens elsewhere: until it has happened, however slow the machine is.

A test names what it waits for, and nothing of how long that takes. The patience is there so that a failure ends.
"""

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

PATIENCE: Final = 120.0  # seconds, for what takes milliseconds on a machine that does nothing else
_PAUSE: Final = 0.01


def wait_until(find: Callable[[], T], what: str | Callable[[], object], *, patience: float = PATIENCE) -> T:
    """The first answer of ``find`` that is true; after ``patience`` seconds ``what`` says what did not come about."""
    end = time.monotonic() + patience
    while True:
        late = time.monotonic() > end  # looked at first: it may have come about while this process did not run
        if answer := find():
            return answer
        assert not late, what() if callable(what) else what
        time.sleep(_PAUSE)

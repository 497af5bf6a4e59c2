"""Ctrl-C and SIGTERM: the first asks the run to stop, the second ends the process."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from migrate.core.again import type_again
from migrate.core.errors import ExitCode


@contextmanager
def stopping(stop: threading.Event) -> Iterator[None]:
    """Sets ``stop`` on the first signal. The journal survives the second: each of its lines is on disk when written."""

    def handle(_: int, __: FrameType | None) -> None:
        if stop.is_set():
            sys.stderr.write(
                f"\nEnded at once; the journal is whole. {type_again(note='it goes on where it stopped')}\n"
            )
            sys.stderr.flush()
            os._exit(int(ExitCode.INTERRUPTED))
        stop.set()
        sys.stderr.write("\nStopping cleanly; once more ends at once.\n")
        sys.stderr.flush()

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, handle) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""The person at the terminal: what they are asked, and Ctrl-C (or SIGTERM).

Without a terminal a question is an error that names the option. The first signal asks the run to stop, the second ends
the process.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from migrate.core.errors import ExitCode, RefusedError, UsageError
from migrate.core.text import type_again

_TRIES: Final = 3  # before an answer that is neither counts as no


def agree(question: str, *, option: str, refused: str) -> None:
    """Asks; returns when the answer is yes.

    Args:
        question: Ends in a question mark.
        option: What answers it beforehand, such as ``--yes``.
        refused: What did not happen, in a sentence.

    Raises:
        UsageError: There is nobody to ask.
        RefusedError: The answer is no.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"This needs an answer, and there is no terminal to ask at: {question}",
            code="needs-answer",
            next_step=f"Add {option}.",
        )
    for _ in range(_TRIES):
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        said = sys.stdin.readline().strip().lower()
        if said in {"y", "yes"}:
            return
        if said in {"", "n", "no"}:
            break
        sys.stderr.write("Answer y or n.\n")
    raise RefusedError(refused, code="declined")


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

"""The person at the terminal: what they are asked, and Ctrl-C (or SIGTERM).

Without a terminal a question is an error that names the option. The first signal asks the run to stop, the second ends
the process.
"""

import contextlib
import os
import select
import signal
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import Any, Final, Protocol

from migrate.core.errors import ExitCode, Interrupted, RefusedError, UsageError
from migrate.core.mending import Ask, Request
from migrate.core.text import type_again
from migrate.machine.patience import STOP_LOOK

_TRIES: Final = 3  # before an answer that is neither counts as no
_before: Final[list[list[Any]]] = []  # of the terminal, while what is typed is hidden


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
    if not has_terminal():
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


def has_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def typed(question: str, *, stop: threading.Event, option: str, secret: bool = False) -> str:
    """What a person types, without white space around it.

    Args:
        question: What is written before it, such as ``Endpoint: ``.
        stop: Set by Ctrl-C, which ends the waiting.
        option: What answers it beforehand, such as ``--endpoint``.
        secret: Whether what is typed is not shown.

    Raises:
        UsageError: There is nobody to ask.
        Interrupted: The person has stopped, or the input ended.
    """
    if not has_terminal():
        raise UsageError(
            f"This needs an answer, and there is no terminal to ask at: {question.rstrip(': ')}",
            code="needs-answer",
            next_step=f"Give it with {option}.",
        )
    with _hidden() if secret else contextlib.nullcontext():
        sys.stderr.write(question)
        sys.stderr.flush()
        line = _line(stop)
    if secret:
        sys.stderr.write("\n")
    if not line:
        raise Interrupted
    return line.strip()


def _line(stop: threading.Event) -> str:
    """A line of the terminal; empty at the end of the input.

    Raises:
        Interrupted: ``stop`` was set.
    """
    while not select.select([sys.stdin], [], [], STOP_LOOK)[0]:
        if stop.is_set():
            raise Interrupted
    return sys.stdin.readline()


class Screen(Protocol):
    """What shows a run, and leaves the screen while a person is asked."""

    def aside(self) -> AbstractContextManager[None]:
        """Leaves the screen."""


def asking(stop: threading.Event, screen: Screen) -> Ask:
    """A function that asks a person to mend a key or a token, and waits; without a terminal nobody is asked.

    Args:
        stop: Set by Ctrl-C, which ends the waiting.
        screen: What is on the screen meanwhile.
    """

    def ask(request: Request) -> str | None:
        if not has_terminal():
            return None
        if stop.is_set():  # by the person, of whom another thread asked the same
            raise Interrupted
        typing = f", or paste the new {request.typed} here (it is not shown)" if request.typed else ""
        with screen.aside():
            with _hidden():  # before it is asked for: what is pasted may come at once
                sys.stderr.write(
                    f"\n{request.what}\nThe run is paused. {request.to_do}, then press Enter{typing}. Ctrl-C stops: "
                )
                sys.stderr.flush()
                line = _line(stop)
            sys.stderr.write("\n")
        return line.strip() if line else None  # nothing at all is the end of the input

    return ask


@contextmanager
def _hidden() -> Iterator[None]:
    """What is typed does not appear: it may be a secret."""
    shown = termios.tcgetattr(sys.stdin)
    hidden = [*shown[:3], shown[3] & ~termios.ECHO, *shown[4:]]
    _before.append(shown)
    try:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, hidden)
        yield
    finally:
        _show_again()


def _show_again() -> None:
    """Gives the terminal the settings back that it had before what is typed was hidden."""
    while _before:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(sys.stdin, termios.TCSANOW, _before.pop())


@contextmanager
def stopping(stop: threading.Event, *, ending: str = "") -> Iterator[None]:
    """Sets ``stop`` on the first signal. The journal survives the second: each of its lines is on disk when written.

    Args:
        stop: What is set.
        ending: For commands without a journal, what is so after the second signal, as the end of a sentence.
    """

    def handle(_: int, __: FrameType | None) -> None:
        if stop.is_set():
            whole = f"the journal is whole. {type_again(note='it goes on where it stopped')}"
            sys.stderr.write(f"\nEnded at once; {ending or whole}\n")
            sys.stderr.flush()
            _show_again()  # nothing else runs any more
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

"""Events as plain lines, for pipes, logs and terminals without a board."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self, TextIO

from migrate.console.words import MARKS, VERDICTS, duration, safe
from migrate.core.events import Event, ModelFinished, Notice, RunStarted, StepFinished, StepProgress, StepStarted


class PlainLines:
    """Writes one line an event that a person cares about; threads may share it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._turn = threading.Lock()
        self._start = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.flush()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Nothing has to leave the screen while a person is asked."""
        yield

    def __call__(self, event: Event) -> None:
        """Writes an event, or nothing where it says nothing new to a reader of lines."""
        text = _line(event)
        if text is not None:
            with self._turn:
                self._stream.write(f"{time.monotonic() - self._start:7.1f} s  {text}\n")
                self._stream.flush()


def _line(event: Event) -> str | None:
    match event:
        case RunStarted():
            return f"{len(event.models)} models in {safe(event.source)}"
        case StepStarted(model=None):
            return f"{event.step}: {safe(event.detail)}"
        case StepFinished(reused=False):
            detail = f"  {safe(event.detail)}" if event.detail else ""
            return f"{_name(event.model)}{event.step:<9} {duration(event.seconds)}{detail}"
        case Notice():
            return f"{_name(event.model)}{'warning: ' if event.level == 'warning' else ''}{safe(event.text, 400)}"
        case ModelFinished():
            outcome = event.outcome
            why = f": {safe(outcome.text, 400)}" if outcome.text else ""
            return f"{_name(outcome.model)}{MARKS[outcome.outcome]} {VERDICTS[outcome.outcome]}{why}"
        case StepStarted() | StepFinished() | StepProgress():
            return None
        case _:
            return None


def _name(model: str | None) -> str:
    return "" if model is None else f"{safe(model, 40):<24} "

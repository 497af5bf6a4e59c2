"""Events as plain lines, for pipes, logs and terminals without a board."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Self, TextIO

from migrate.console.pace import Pace
from migrate.console.words import BYTES, MARKS, amount, duration, safe, verdict
from migrate.core.events import Event, ModelFinished, Notice, RunStarted, StepFinished, StepProgress, StepStarted

_SECONDS: Final = 10.0  # between two lines about one step
_TOLD_ONCE: Final = frozenset({"undo"})  # many short steps, each of which says at its end what it did


class PlainLines:
    """Writes one line an event that a person cares about; threads may share it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._turn = threading.Lock()
        self._start = time.monotonic()
        self._told: dict[tuple[str | None, str], float] = {}
        self._paces: dict[tuple[str | None, str], Pace] = {}

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
        now = time.monotonic()
        with self._turn:
            text = self._progress(event, now) if isinstance(event, StepProgress) else _line(event)
            if text is not None:
                self._stream.write(f"{now - self._start:7.1f} s  {text}\n")
                self._stream.flush()

    def _progress(self, event: StepProgress, now: float) -> str | None:
        """A line for a step that takes long, the first after ten seconds."""
        place = (event.model, event.step)
        last = self._told.setdefault(place, now)
        in_bytes = event.step in BYTES
        left = self._paces.setdefault(place, Pace()).left(event.done, event.total, now) if in_bytes else ""
        if now - last < _SECONDS:
            return None
        self._told[place] = now
        moved = ", ".join(filter(None, (amount(event.done, event.total, bytes_=in_bytes), left)))
        return f"{_name(event.model)}{event.step:<9} {moved}"


def _line(event: Event) -> str | None:
    match event:
        case RunStarted():
            return f"{len(event.models)} models in {safe(event.source)}"
        case StepStarted() if event.detail and event.step not in _TOLD_ONCE:
            return f"{_name(event.model)}{event.step:<9} {safe(event.detail, 200)}"
        case StepFinished(reused=False):
            return f"{_name(event.model)}{event.step:<9} {duration(event.seconds)}  {safe(event.detail)}".rstrip()
        case Notice():
            return f"{_name(event.model)}{'warning: ' if event.level == 'warning' else ''}{safe(event.text, 400)}"
        case ModelFinished():
            outcome = event.outcome
            first = outcome.text.partition("\n")[0]  # the log of an app stands on the last screen
            why = f": {safe(first, 400)}" if outcome.text else ""
            return f"{_name(outcome.model)}{MARKS[outcome.outcome]} {verdict(outcome)}{why}"
        case _:
            return None


def _name(model: str | None) -> str:
    return "" if model is None else f"{safe(model, 40):<24} "

"""Events as JSON lines: one object a line, ``v`` and ``t`` first, never a secret; ASCII where a stream is not UTF-8."""

import codecs
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, Self, TextIO

import msgspec

from migrate.core.events import Event, StepProgress
from migrate.core.secret import redact_all

VERSION: Final = 1

_PROGRESS_SECONDS: Final = 1.0


class JsonLines:
    """Writes events to a stream; threads may share it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._in_utf_8 = codecs.lookup(getattr(stream, "encoding", None) or "utf-8").name == "utf-8"
        self._turn = threading.Lock()
        self._progress: dict[tuple[str | None, str], datetime] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.flush()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Nothing has to leave the screen while a person is asked."""
        yield

    def __call__(self, event: Event) -> None:
        """Writes one event. Progress of one step of one model appears at most once a second."""
        now = datetime.now(UTC)
        with self._turn:
            if isinstance(event, StepProgress):
                place = (event.model, event.step)
                last = self._progress.get(place)
                if last is not None and (now - last).total_seconds() < _PROGRESS_SECONDS:
                    return
                self._progress[place] = now
            time = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            facts: dict[str, object] = {name: redact_all(part) for name, part in msgspec.to_builtins(event).items()}
            line = msgspec.json.encode({"v": VERSION, "t": time, **facts}).decode()
            if (
                not self._in_utf_8
            ):  # JSON is UTF-8 (RFC 8259), and what an encoding lacks would be escaped as no JSON is
                line = json.dumps(json.loads(line), separators=(",", ":"))
            self._stream.write(line + "\n")
            self._stream.flush()

"""A Python program in a container or box, spoken to in JSON lines: a line goes in, a line comes back.

It needs no network, and costs one start for any number of calls. What carries the bytes is a ``Channel``: a long
``exec`` of an engine (``engine/attached.py``), or the pipes of a process.
"""

from __future__ import annotations

import collections
import contextlib
import time
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

import msgspec

from migrate.core.errors import Interrupted
from migrate.machine import patience

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType


# Waits for a first line before anything is written: what an engine sends together with its response's head would be
# swallowed by the HTTP client's buffer. The answer to it shows that Python was started, before anything of a model is
# loaded: what fails without it is no fault of the model.
_HELLO: Final = "migrate: started"
_GREETING: Final = f"sys.stdin.readline();sys.stdout.write('{_HELLO}\\n');sys.stdout.flush();"
_FIRST: Final = f"import runpy,sys;{_GREETING}sys.argv=sys.argv[1:];runpy.run_path(sys.argv[0],run_name='__main__')"
_FIRST_INLINE: Final = f"import sys;{_GREETING}exec(compile(sys.argv[1],'client','exec'))"

OUTPUT: Final = 1
"""The number of the stream that a program answers on."""

ERRORS: Final = 2
"""The number of its error stream."""

_ERROR_LINES: Final = 20
_LONGEST: Final = 256 << 20  # bytes of one line: what a model makes a program write must not fill this machine's memory
_SHOWN: Final = 2000  # bytes of what is no answer


class Channel(Protocol):
    """What carries the bytes to and from a program."""

    def send(self, data: memoryview, timeout: float) -> int:
        """Send some of the bytes and return how many.

        Raises:
            TimeoutError: Nothing was taken in so many seconds.
            OSError: The other side is closed.
        """

    def receive(self, timeout: float) -> Iterable[tuple[int, bytes]]:
        """What came, as numbers of streams and pieces; nothing of it is one that whatever runs the program wrote.

        Raises:
            TimeoutError: Nothing came in so many seconds.
            EOFError: The other side is closed; it holds what came without belonging to a stream.
        """

    def exit_code(self) -> int | None:
        """The program's exit code once it has ended, or None; that may be known a moment later."""

    def close(self) -> None:
        """Leave the program."""


class ExchangeEndedError(Exception):
    """The other side closed or makes no sense; ``errors`` are its last lines on the error stream, or what it said."""

    def __init__(self, errors: str) -> None:
        super().__init__(errors)
        self.errors = errors


class NotStartedError(ExchangeEndedError):
    """The program was not started, or Python was not in this image; ``errors`` are the words of what should have."""


def command_of(arguments: Sequence[str], *, inline: bool) -> list[str]:
    """The command of a program that an exchange speaks to.

    Args:
        arguments: The path of a script where it runs, and its arguments; with ``inline``, the script's text.
        inline: Whether the text itself is given.
    """
    return ["python3", "-c", _FIRST_INLINE if inline else _FIRST, *arguments]


class Exchange:
    """A Python program that answers one line for each line."""

    def __init__(self, start: Callable[[], Channel], *, stop: threading.Event | None = None) -> None:
        """Start a program.

        Args:
            start: Starts the command that ``command_of`` gives.
            stop: Set to end early.

        Raises:
            NotStartedError: The other side was closed at once.
            TimeoutError: It takes nothing.
            LocalError: What ``start`` raises.
        """
        self._stop = stop
        self._started = False
        self._lines = bytearray()
        self._seen = 0  # bytes of them that were looked through
        self._rest = b""  # what came without a stream
        self._errors: collections.deque[str] = collections.deque(maxlen=_ERROR_LINES)
        self._channel = start()
        try:
            self._send(b"\n", time.monotonic() + patience.EXCHANGE_FIRST)
        except ExchangeEndedError as error:
            self.close()
            raise NotStartedError(error.errors) from error
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the program; what becomes of it is the end of what it runs in."""
        self._channel.close()

    def ask(self, question: object, *, timeout: float) -> Any:
        """Send a value as a line of JSON and return the value of the line that comes back.

        Raises:
            TimeoutError: No whole line came within ``timeout`` seconds; the exchange is of no more use.
            NotStartedError: The program was never started.
            ExchangeEndedError: The program (or what it runs in) ended, or something else than the program speaks.
            Interrupted: ``stop`` was set.
        """
        deadline = time.monotonic() + timeout
        self._greet(deadline)
        self._send(msgspec.json.encode(question) + b"\n", deadline)
        line = self._line(deadline)
        try:
            return msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ExchangeEndedError(_shown(line)) from error

    def _greet(self, deadline: float) -> None:
        if self._started:
            return
        try:
            line = self._line(deadline)
        except ExchangeEndedError as error:
            said = (error.errors, _shown(self._rest + self._lines))
            raise NotStartedError("\n".join(filter(None, said))) from error
        if line != _HELLO.encode():
            raise NotStartedError(_shown(line))
        self._started = True

    def _line(self, deadline: float) -> bytes:
        while (end := self._lines.find(b"\n", self._seen)) < 0:
            self._seen = len(self._lines)
            if self._seen > _LONGEST:
                raise ExchangeEndedError(f"it wrote a line of more than {_LONGEST >> 20} MB")
            self._receive(deadline)
        line, self._seen = bytes(self._lines[:end]), 0
        del self._lines[: end + 1]
        return line

    def exit_code(self) -> int | None:
        """The program's exit code once it has ended, or None; that may be known a moment later."""
        return self._channel.exit_code()

    def _send(self, data: bytes, deadline: float) -> None:
        left = memoryview(data)
        while left:
            seconds = self._wait(deadline)
            try:
                left = left[self._channel.send(left, seconds) :]
            except TimeoutError:
                continue
            except OSError as error:
                raise ExchangeEndedError(self._last_words(deadline)) from error

    def _last_words(self, deadline: float) -> str:
        """What the other side still says when it takes nothing any more."""
        with contextlib.suppress(ExchangeEndedError, TimeoutError):
            while len(self._lines) <= _LONGEST:
                self._receive(min(deadline, time.monotonic() + patience.ENGINE_HINDSIGHT.seconds))
        return self._said()

    def _receive(self, deadline: float) -> None:
        while True:
            seconds = self._wait(deadline)
            try:
                pieces = self._channel.receive(seconds)
            except TimeoutError:
                continue
            except EOFError as error:
                self._rest = error.args[0] if error.args else b""
                raise ExchangeEndedError(self._said()) from error
            for stream, content in pieces:
                if stream == OUTPUT:
                    self._lines += content
                else:
                    self._errors.extend(content.decode("utf-8", "replace").splitlines())
            return

    def _wait(self, deadline: float) -> float:
        """Seconds for the next wait at the channel.

        Raises:
            Interrupted: ``stop`` is set.
            TimeoutError: It is after the deadline.
        """
        if self._stop is not None and self._stop.is_set():
            raise Interrupted
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(left, patience.STOP_LOOK)

    def _said(self) -> str:
        return "\n".join(self._errors)


def _shown(data: bytes | bytearray) -> str:
    return data[:_SHOWN].decode("utf-8", "replace").strip()

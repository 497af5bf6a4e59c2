"""One long ``exec`` in a container, spoken to in JSON lines: a line goes in, a line comes back.

It works on every engine, with a container that has no network at all, and costs one start for any number of calls.
"""

from __future__ import annotations

import collections
import contextlib
import struct
import time
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from migrate.images.engine import translated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from migrate.images.engine import Engine

# Waits for a first line before anything is written: what the engine sends together with its response's head would be
# swallowed by the HTTP client's buffer.
_FIRST: Final = (
    "import runpy,sys;sys.stdin.readline();sys.argv=sys.argv[1:];runpy.run_path(sys.argv[0],run_name='__main__')"
)
_FIRST_INLINE: Final = "import sys;sys.stdin.readline();exec(compile(sys.argv[1],'client','exec'))"

_HEADER: Final = struct.Struct(">BxxxL")  # Docker's framing of attached streams: stream number, length
_STDOUT: Final = 1
_ERROR_LINES: Final = 20


class ExchangeEndedError(Exception):
    """The other side closed or makes no sense; ``errors`` are its last lines on the error stream, or what it said."""

    def __init__(self, errors: str) -> None:
        super().__init__(errors)
        self.errors = errors


class Exchange:
    """A Python program running in a container, answering one line for each line."""

    def __init__(self, engine: Engine, container: str, arguments: Sequence[str], *, inline: bool = False) -> None:
        """Start a program in a running container.

        Args:
            engine: Where the container runs.
            container: Its id.
            arguments: The path of a script in it, and its arguments; with ``inline``, the script's text.
            inline: Whether the text itself is given.
        """
        api = engine.client.api
        command = ["python3", "-c", _FIRST_INLINE if inline else _FIRST, *arguments]
        with translated():
            made = api.exec_create(container, command, stdin=True, stdout=True, stderr=True)
            attached: Any = api.exec_start(made["Id"], socket=True)
        self._attached = attached
        self._socket = getattr(attached, "_sock", attached)
        self._frames = bytearray()
        self._lines = bytearray()
        self._errors: collections.deque[str] = collections.deque(maxlen=_ERROR_LINES)
        self._send(b"\n", time.monotonic() + 30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()
        with contextlib.suppress(OSError):
            self._attached.close()

    def ask(self, question: object, *, timeout: float) -> Any:
        """Send a value as a line of JSON and return the value of the line that comes back.

        Raises:
            TimeoutError: No whole line came within ``timeout`` seconds; the exchange is of no more use.
            ExchangeEndedError: The program (or its container) ended, or something else than the program speaks: the
                engine tells on the same stream that it could not start it.
        """
        deadline = time.monotonic() + timeout
        self._send(msgspec.json.encode(question) + b"\n", deadline)
        while b"\n" not in self._lines:
            self._receive(deadline)
        line, _, rest = bytes(self._lines).partition(b"\n")
        self._lines = bytearray(rest)
        try:
            return msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            raise ExchangeEndedError(line.decode("utf-8", "replace")) from error

    def _send(self, data: bytes, deadline: float) -> None:
        self._limit(deadline)
        try:
            self._socket.sendall(data)
        except TimeoutError:
            raise
        except OSError as error:
            raise ExchangeEndedError(self._said()) from error

    def _receive(self, deadline: float) -> None:
        self._limit(deadline)
        try:
            data = self._socket.recv(1 << 16)
        except TimeoutError:
            raise
        except OSError:
            data = b""
        if not data:
            raise ExchangeEndedError(self._said())
        self._frames += data
        while len(self._frames) >= _HEADER.size:
            stream, size = _HEADER.unpack_from(self._frames)
            if len(self._frames) < _HEADER.size + size:
                break
            content = bytes(self._frames[_HEADER.size : _HEADER.size + size])
            del self._frames[: _HEADER.size + size]
            if stream == _STDOUT:
                self._lines += content
            else:
                self._errors.extend(content.decode("utf-8", "replace").splitlines())

    def _limit(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)

    def _said(self) -> str:
        return "\n".join(self._errors)

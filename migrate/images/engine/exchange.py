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

from migrate.core.errors import Interrupted, LocalError
from migrate.core.text import printable, type_again
from migrate.images.engine.connection import translated
from migrate.machine import patience
from migrate.machine.patience import wait_until

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from types import TracebackType

    from migrate.images.engine.connection import Engine

# Waits for a first line before anything is written: what the engine sends together with its response's head would be
# swallowed by the HTTP client's buffer. The answer to it shows that the engine has started Python, before anything of
# a model is loaded: what fails without it is no fault of the model.
_HELLO: Final = "migrate: started"
_GREETING: Final = f"sys.stdin.readline();sys.stdout.write('{_HELLO}\\n');sys.stdout.flush();"
_FIRST: Final = f"import runpy,sys;{_GREETING}sys.argv=sys.argv[1:];runpy.run_path(sys.argv[0],run_name='__main__')"
_FIRST_INLINE: Final = f"import sys;{_GREETING}exec(compile(sys.argv[1],'client','exec'))"

_HEADER: Final = struct.Struct(">BxxxL")  # Docker's framing of attached streams: stream number, length
_STDOUT: Final = 1
_ERROR_LINES: Final = 20
_LONGEST: Final = 256 << 20  # bytes of one line: what a model makes a program write must not fill this machine's memory
_SHOWN: Final = 2000  # bytes of what is no answer


class ExchangeEndedError(Exception):
    """The other side closed or makes no sense; ``errors`` are its last lines on the error stream, or what it said."""

    def __init__(self, errors: str) -> None:
        super().__init__(errors)
        self.errors = errors


class NotStartedError(ExchangeEndedError):
    """The engine did not start the program, or Python did not in this image; ``errors`` are its words."""

    def failure(self) -> LocalError:
        """The same for a person: the engine's failure, not that of what the program was to do."""
        return LocalError(
            "The container engine could not run a command in a container: "
            f"{printable(' '.join(self.errors.split()), 600) or 'the connection broke'}",
            code="engine-failed",
            next_step=type_again("See that `exec` works with this engine (docker exec, podman exec)"),
        )


class Exchange:
    """A Python program running in a container, answering one line for each line."""

    def __init__(
        self,
        engine: Engine,
        container: str,
        arguments: Sequence[str],
        *,
        inline: bool = False,
        user: str = "",
        stop: threading.Event | None = None,
    ) -> None:
        """Start a program in a running container.

        Args:
            engine: Where the container runs.
            container: Its id.
            arguments: The path of a script in it, and its arguments; with ``inline``, the script's text.
            inline: Whether the text itself is given.
            user: uid:gid of the program; the container's where empty.
            stop: Set to end early.

        Raises:
            NotStartedError: The engine closed the connection at once.
            TimeoutError: It takes nothing.
            LocalError: It refuses to start the program.
        """
        import docker.errors  # noqa: PLC0415

        self._api = engine.client.api
        self._stop = stop
        self._started = False
        self._frames = bytearray()
        self._lines = bytearray()
        self._seen = 0  # bytes of them that were looked through
        self._errors: collections.deque[str] = collections.deque(maxlen=_ERROR_LINES)
        command = ["python3", "-c", _FIRST_INLINE if inline else _FIRST, *arguments]
        with translated():
            made = self._api.exec_create(container, command, stdin=True, stdout=True, stderr=True, user=user)
            self._exec = str(made["Id"])
            try:
                attached: Any = self._api.exec_start(self._exec, socket=True)
            except docker.errors.APIError as error:
                if error.response is not None:
                    error.response.close()  # the client leaves it open, for it was to become the socket
                raise
        self._attached = attached
        self._socket = getattr(attached, "_sock", attached)
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
        """Leave the program; what becomes of it is the container's end."""
        with contextlib.suppress(OSError):
            self._socket.close()
        with contextlib.suppress(OSError):
            self._attached.close()

    def ask(self, question: object, *, timeout: float) -> Any:
        """Send a value as a line of JSON and return the value of the line that comes back.

        Raises:
            TimeoutError: No whole line came within ``timeout`` seconds; the exchange is of no more use.
            NotStartedError: The program was never started: the engine tells why on the same stream.
            ExchangeEndedError: The program (or its container) ended, or something else than the program speaks.
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
            # What has no frame was written by the engine itself.
            raise NotStartedError(
                "\n".join(filter(None, (error.errors, _shown(self._frames + self._lines))))
            ) from error
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
        """The program's exit code once it has ended, or None; the engine may know a moment later."""

        def look() -> int | None:
            with translated():
                found: dict[str, Any] = self._api.exec_inspect(self._exec)
            return None if found.get("Running") or found.get("ExitCode") is None else int(found["ExitCode"])

        return wait_until(look, lambda code: code is not None, patience.ENGINE_HINDSIGHT)

    def _send(self, data: bytes, deadline: float) -> None:
        left = memoryview(data)
        while left:
            self._limit(deadline)
            try:
                left = left[self._socket.send(left) :]
            except TimeoutError:
                continue
            except OSError as error:
                raise ExchangeEndedError(self._said()) from error

    def _receive(self, deadline: float) -> None:
        data = None
        while data is None:
            self._limit(deadline)
            try:
                data = self._socket.recv(1 << 16)
            except TimeoutError:
                continue
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
        """Bounds the next wait at the socket.

        Raises:
            Interrupted: ``stop`` is set.
            TimeoutError: It is after the deadline.
        """
        if self._stop is not None and self._stop.is_set():
            raise Interrupted
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(min(left, patience.STOP_LOOK))

    def _said(self) -> str:
        return "\n".join(self._errors)


def _shown(data: bytes | bytearray) -> str:
    return data[:_SHOWN].decode("utf-8", "replace").strip()

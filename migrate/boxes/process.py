"""One program in a box: started, watched for its end, heard and ended."""

from __future__ import annotations

import collections
import contextlib
import json
import os
import select
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from migrate.boxes import calls

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

OUTPUT, ERRORS = 1, 2  # the streams, as the system numbers them

_KEPT: Final = 256 << 10  # bytes of what a program wrote
_END: Final = 10.0  # seconds until what was killed is gone
_FIRST: Final = 30.0  # seconds until bubblewrap names the first process
_HINDSIGHT: Final = 2.0  # seconds until an end is known whose streams have ended


class StartError(Exception):
    """A program that was not started; the text is what bubblewrap, or the system, said."""


class Boxed:
    """A program in a box of its own, which bubblewrap started.

    Attributes:
        process: The id, on this machine, of the first process in the box; 0 where bubblewrap did not come so far.
    """

    def __init__(self, command: Sequence[str], *, talks: bool, heard: Callable[[bytes], None] | None = None) -> None:
        """Start it.

        Args:
            command: Of ``bubblewrap``; ``{status}`` and ``{filter}`` are replaced.
            talks: Whether its standard input and output are for somebody; else its output is kept as its log.
            heard: Takes what goes to the log as it comes; by default its end is kept, for ``log``.

        Raises:
            StartError: There is no such program on this machine.
        """
        status, written = os.pipe()
        filtered, program = os.pipe()
        os.write(program, calls.program())
        os.close(program)
        numbers = {"{status}": str(written), "{filter}": str(filtered)}
        self._status = os.fdopen(status, "rb", buffering=0)
        self._said = b""  # of the status that was read
        try:
            self._popen: subprocess.Popen[bytes] = subprocess.Popen(
                [numbers.get(part, part) for part in command],
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if talks else subprocess.STDOUT,
                pass_fds=(written, filtered),
                # Nothing else of this process's variables: the first process of a box shows its own in /proc.
                env={"PATH": os.environ.get("PATH", os.defpath)},
                process_group=0,  # Ctrl-C at the terminal is for this program to act on
            )
        except OSError as error:
            self._status.close()
            raise StartError(str(error)) from error
        finally:
            os.close(written)
            os.close(filtered)
        self._tail = _Tail(self._popen.stderr if talks else self._popen.stdout, heard)
        self._turn = threading.Lock()  # of what may be closed by one thread while another ends it
        self._closed = False
        self._told = False  # the error stream, at the end
        self._handle: int | None = None
        self.process = self._first()
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                self._handle = os.pidfd_open(self.process)

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._popen.poll() is None

    def ended(self, seconds: float) -> bool:
        """Whether it has ended, or does so in so many seconds."""
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def code(self) -> int | None:
        """Its exit code, once it has ended: that of the program, with 128 added to a signal."""
        code = self._popen.poll()
        return 128 - code if code is not None and code < 0 else code

    def log(self) -> str:
        """The last of what it wrote: its log, or its error stream where it talks."""
        if not self.alive():
            self._tail.join(1.0)
        return self._tail.text()

    def began(self) -> bool:
        """Whether a program that has ended was there to run: bubblewrap tells no exit code of one that was not."""
        while not self._closed and select.select([self._status], [], [], 0)[0] and (data := self._status.read(4096)):
            self._said += data
        return b"exit-code" in self._said

    def kill(self) -> None:
        """End every process of the box at once; what waits for it is told by its end."""
        self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the first process of the box."""
        with self._turn, contextlib.suppress(ProcessLookupError):
            if self._handle is not None:
                signal.pidfd_send_signal(self._handle, number)
            elif not self._closed:
                self._popen.kill()

    def close(self) -> None:
        """End it, and wait until nothing of it is left."""
        if self._closed:
            return
        self.kill()
        if not self.ended(_END):
            self._popen.kill()
            self._popen.wait()
        self._tail.join(1.0)
        for stream in (self._popen.stdin, self._popen.stdout, self._popen.stderr, self._status):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        with self._turn:
            self._closed = True
            if self._handle is not None:
                os.close(self._handle)
                self._handle = None

    # As the channel of an exchange.

    def send(self, data: memoryview, timeout: float) -> int:
        """Part of ``Channel``."""
        assert self._popen.stdin is not None  # noqa: S101 - it talks
        descriptor = self._popen.stdin.fileno()
        os.set_blocking(descriptor, False)
        if not select.select([], [descriptor], [], timeout)[1]:
            raise TimeoutError
        return os.write(descriptor, data)

    def receive(self, timeout: float) -> list[tuple[int, bytes]]:
        """Part of ``Channel``."""
        assert self._popen.stdout is not None  # noqa: S101 - it talks
        descriptor = self._popen.stdout.fileno()
        if not select.select([descriptor], [], [], timeout)[0]:
            raise TimeoutError
        data = os.read(descriptor, 1 << 16)
        if data:
            return [(OUTPUT, data)]
        if self._told:
            raise EOFError
        self._told = True
        self.ended(_HINDSIGHT)
        return [(ERRORS, self.log().encode())]

    def exit_code(self) -> int | None:
        """Part of ``Channel``."""
        self.ended(_HINDSIGHT)
        return self.code()

    def _first(self) -> int:
        """The first process of the box, which bubblewrap names before that runs anything."""
        deadline = time.monotonic() + _FIRST
        while b"\n" not in self._said:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._status], [], [], left)[0]:
                return 0
            data = self._status.read(4096)
            if not data:
                return 0
            self._said += data
        found: Any = json.loads(self._said.splitlines()[0])
        return int(found.get("child-pid") or 0)


class _Tail(threading.Thread):
    """Reads a stream to its end, so that whoever writes never waits, and keeps the last of it."""

    def __init__(self, stream: Any, heard: Callable[[bytes], None] | None) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._heard = heard
        self._pieces: collections.deque[bytes] = collections.deque()
        self._size = 0
        self._turn = threading.Lock()
        self.start()

    def run(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # closed meanwhile
            while data := os.read(self._stream.fileno(), 1 << 16):
                if self._heard is not None:
                    self._heard(data)
                with self._turn:
                    self._pieces.append(data)
                    self._size += len(data)
                    while self._size > _KEPT:
                        self._size -= len(self._pieces.popleft())

    def text(self) -> str:
        with self._turn:
            return b"".join(self._pieces).decode("utf-8", "replace")

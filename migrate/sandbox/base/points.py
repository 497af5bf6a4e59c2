"""The points at which a request can be held, broken or killed, and the answers that break on purpose."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from migrate.sandbox.base.faults import FaultBook, Hold, Service, on, touch
from migrate.sandbox.base.requestlog import Line, RequestLog

Disconnected = Callable[[], Awaitable[bool]]


class CallerGoneError(Exception):
    """The caller closed the connection while it was held, so nothing was done."""


class BrokenAnswer:
    """An answer that breaks off: its head announces more than is sent, so that the server closes the connection.

    Args:
        answer: The true one; without it the head is of a made-up success, and nothing follows.
        sent: How many bytes of the true one's body go out.
    """

    def __init__(self, answer: Response | None = None, sent: int = 0) -> None:
        self._status = 200 if answer is None or not sent else answer.status_code
        self._body = b"" if answer is None else bytes(answer.body)[:sent]
        self._length = 1000 if answer is None or not sent else max(len(answer.body), len(self._body) + 1)

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the head, and the bytes."""
        headers = [(b"content-type", b"application/json"), (b"content-length", str(self._length).encode())]
        await send({"type": "http.response.start", "status": self._status, "headers": headers})
        if self._body:
            await send({"type": "http.response.body", "body": self._body, "more_body": True})


async def hold(
    faults: FaultBook,
    point: str,
    *,
    service: Service,
    method: str,
    path: str,
    disconnected: Disconnected | None = None,
    sent: int = 0,
) -> bool:
    """Hold the request if a fault says so. True when it was held.

    Args:
        faults: The faults that are on.
        point: Where the request is (faults.Hold).
        service: Whose request it is.
        method: Its method.
        path: Its path as sent.
        disconnected: Tells whether the caller has gone.
        sent: At the point ``during``: the bytes of the body that have gone out.

    Raises:
        CallerGoneError: The caller went away at the point ``before``.
    """
    selects = on(service, method, path)
    met = faults.strike(
        Hold, lambda fault: fault.point == point and (point != "during" or sent >= fault.after_bytes) and selects(fault)
    )
    if met is None:
        return False
    fault, released = met
    touch(fault.touch)
    if fault.kill:
        kill_group(fault.kill)
    if await _gone_while_waiting(released, fault.seconds, disconnected) and point == "before":
        raise CallerGoneError
    return True


def kill_group(process: int) -> None:
    """SIGKILL the whole group of a process; one that has gone already is fine."""
    try:
        os.killpg(os.getpgid(process), signal.SIGKILL)
    except ProcessLookupError:
        return


async def _gone_while_waiting(released: threading.Event, seconds: float, disconnected: Disconnected | None) -> bool:
    end = time.monotonic() + seconds
    while not released.is_set() and time.monotonic() < end:
        if disconnected is not None and await disconnected():
            return True
        await asyncio.sleep(0.02)
    return False


class Logged:
    """Wraps ``send`` to count what goes out, and writes the request's line before its last bytes.

    So whoever has the whole answer finds the line in the log. An answer that breaks off is written down by
    :meth:`finish`, before the server closes the connection.
    """

    def __init__(self, send: Send, line: Line, log: RequestLog) -> None:
        self._send = send
        self._line = line
        self._log = log
        self._started = time.monotonic()
        self._written = False

    async def __call__(self, message: Message) -> None:
        """Count a message and send it."""
        if message["type"] == "http.response.start":
            self._line.status = int(message["status"])
        elif message["type"] == "http.response.body":
            self._line.bytes += len(message.get("body", b""))
            if not message.get("more_body", False):
                self.finish()
        await self._send(message)

    def finish(self) -> None:
        """Write the line, once."""
        if not self._written:
            self._written = True
            self._line.seconds = round(time.monotonic() - self._started, 6)
            self._log.write(self._line)

"""Uvicorn's HTTP protocol with what it lacks against hostile clients: header size, slow senders, slow readers.

Nothing is armed for a request that arrives in one piece, so the usual request pays for none of it.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from migrate.server.errors import error_body
from migrate.server.limits import Settings

# A sender that keeps up this rate is never too slow.
_BYTES_PER_SECOND: Final = 32 * 1024
_LINGER_SECONDS: Final = 5.0


class GuardedProtocol(HttpToolsProtocol):
    """One connection."""

    settings = Settings()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_message = False
        self._in_headers = True
        self._message_bytes = 0
        self._refusal = (400, "Invalid HTTP request")
        self._timer: asyncio.TimerHandle | None = None
        self._since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the idle time: a connection without a request is closed as one between two requests."""
        super().connection_made(transport)
        self._idle()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and watch the time of whoever has not sent a whole request yet."""
        self._message_bytes += len(data)
        super().data_received(data)
        if self._in_message:
            if self._in_headers and self._message_bytes > self.settings.max_header_bytes:
                self._refuse(431, f"Request line and headers are larger than {self.settings.max_header_bytes} bytes")
            elif self._timer is None and not self.transport.is_closing():
                self._arm()
        elif self._timer is not None:
            self._disarm()
            if self._answered and self.timeout_keep_alive_task is None:
                self._idle()

    def on_message_begin(self) -> None:
        """Start counting."""
        self._in_message = True
        self._in_headers = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Refuse headers that are too large, however few pieces they came in."""
        limit = self.settings.max_header_bytes
        if self._message_bytes > limit:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > limit:
                self._refusal = (431, f"Request line and headers are larger than {limit} bytes")
                raise ValueError(self._refusal[1])
        self._in_headers = False
        self._disarm()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._in_message = False
        self._in_headers = True
        self._message_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Do not wait for ever for a client that neither reads its answer nor stops sending."""
        super().on_response_complete()
        if self.transport.get_write_buffer_size():
            self.loop.call_later(self.settings.write_seconds, self._cut_reader)
        if self._in_message:
            self._disarm()
            self._timer = self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP in the error body of every other error."""
        del msg
        self._refuse(*self._refusal)

    def _refuse(self, status: int, message: str) -> None:
        body = error_body(status, message)
        head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
        # Before its headers are whole a request has no cycle of its own: this one answers the request before.
        if self._answered if self._in_headers else not self.cycle.response_started:
            self.transport.write(STATUS_LINE[status] + head + body)
        if not self._answered:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._in_message = False
        self.transport.close()

    @property
    def _answered(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _idle(self) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _arm(self) -> None:
        self._since = self.loop.time()
        seconds = self.settings.header_seconds if self._in_headers else self.settings.body_seconds
        self._timer = self.loop.call_later(seconds, self._check_sender)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check_sender(self) -> None:
        """Cut a sender off, or give it the time that its rate has earned."""
        self._timer = None
        if not self._in_message or self.transport.is_closing():
            return
        if self._in_headers:
            self._refuse(408, "The headers were sent too slowly")
            return
        allowed = self.settings.body_seconds + self._message_bytes / _BYTES_PER_SECOND
        left = allowed - (self.loop.time() - self._since)
        if left > 0:
            self._timer = self.loop.call_later(left, self._check_sender)
        else:
            self._refuse(408, "The body was sent too slowly")

    def _cut_reader(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()

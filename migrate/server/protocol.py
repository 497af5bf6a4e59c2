"""Uvicorn's HTTP protocol with what it lacks: guards against hostile clients, and an express lane.

The guards are header size, slow senders and slow readers; nothing is armed for a request that arrives in one piece.
The express lane (:mod:`migrate.server.express`) answers such a request without a task of its own.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from migrate.server.errors import error_body
from migrate.server.express import Lane
from migrate.server.limits import Settings

# A sender or reader that keeps up this rate is never too slow.
_BYTES_PER_SECOND: Final = 32 * 1024
_LINGER_SECONDS: Final = 5.0
_OFFERS: Final = frozenset({b"upgrade", b"http2-settings"})


class GuardedProtocol(HttpToolsProtocol):
    """One connection."""

    settings = Settings()
    lanes: ClassVar[Mapping[bytes, Lane]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_message = False
        self._in_headers = True
        self._message_bytes = 0
        self._refusal = (400, "Invalid HTTP request")
        self._sender: asyncio.TimerHandle | None = None
        self._since = 0.0
        self._seen_bytes = 0
        self._reader: asyncio.TimerHandle | None = None
        self._unsent = 0
        self._active = 0.0
        self._shut = False
        self._lane: Lane | None = None
        self._pieces: list[bytes] = []
        self._waits_for: Lane | None = None
        self._running: RequestResponseCycle | None = None
        self._offer: bytes | None = None
        self._last_words = b""

    # connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the idle time: a connection without a request is closed as one between two requests."""
        super().connection_made(transport)
        self._idle(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._settle()
        self._disarm()
        self._forget_reader()
        self._unset_keepalive_if_required()
        self._drop_running()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer first whoever has sent all and shut that side; whether the connection stays open for that."""
        self._settle()
        super().eof_received()
        self._shut = not self._in_message and not self._answered
        return self._shut

    def data_received(self, data: bytes) -> None:
        """Parse, and watch the time of whoever has not sent a whole request yet."""
        if self._last_words:
            return  # nothing that follows a refused request is read
        self._message_bytes += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._refuse(*self._refusal)
            return
        if self._in_message:
            if self._lane is not None:
                self._hand_over()
            if self._in_headers and self._message_bytes > self.settings.max_header_bytes:
                self._refuse(431, f"Request line and headers are larger than {self.settings.max_header_bytes} bytes")
            elif self._sender is None and not self.transport.is_closing():
                self._arm()
        elif self._sender is not None:
            self._disarm()

    def _feed(self, data: bytes) -> None:
        """Parse; nothing is upgraded here, and a request that offers it is one like any other (RFC 9110, 7.8)."""
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as found:
                if self._offer is None:
                    return  # CONNECT, which was answered or is being answered
                # The parser ends such a message at its headers: another one reads it without the offer.
                data = self._offer + data[found.args[0] :]
                self._offer = None
                self.parser = httptools.HttpRequestParser(self)
            else:
                return

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection when it has been idle for so long; the timer is not moved with every request."""
        self.timeout_keep_alive_task = None
        self._settle()
        if self._in_message or not self._answered:
            self._idle(self.timeout_keep_alive)
            return
        left = self._active + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._idle(left)
        elif self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    # parser

    def on_message_begin(self) -> None:
        """Start counting."""
        self._settle()
        self._in_message = True
        self._in_headers = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Refuse headers that are too large, however few pieces they came in, and a host that is not one."""
        limit = self.settings.max_header_bytes
        if self._message_bytes > limit:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > limit:
                self._refusal = (431, f"Request line and headers are larger than {limit} bytes")
                raise ValueError(self._refusal[1])
        hosts = 0
        for name, _ in self.headers:  # a loop costs half of what a generator does, and this is done for each request
            if name == b"host":
                hosts += 1
        if hosts != 1 and self.parser.get_http_version() == "1.1":
            # What stands before this server may have read another one of two (RFC 9112, 3.2).
            self._refusal = (400, "A request of HTTP/1.1 has one header Host")
            raise ValueError(self._refusal[1])
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._offer = self._without_offer()
            return
        if self._sender is not None:
            self._disarm()
        lane = self.lanes.get(self.url)
        if lane is not None and self._answered and not self.flow.write_paused and not self.expect_100_continue:
            self._lane = lane
            self._pieces = []
        else:
            # Refuses a target that cannot be parsed; until here, the request has no cycle to answer for it.
            super().on_headers_complete()
        self._in_headers = False

    def _without_offer(self) -> bytes:
        """The request line and headers, without those that offer an upgrade."""
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        for name, value in self.headers:
            if name == b"connection":
                kept = [word.strip() for word in value.split(b",")]
                value = b", ".join(word for word in kept if word.lower() not in _OFFERS)  # noqa: PLW2901
            if value and name not in _OFFERS:
                lines.append(name + b": " + value)
        return b"\r\n".join([*lines, b"", b""])

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        if self._lane is None:
            super().on_body(body)
        else:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._offer is not None:
            return
        self._in_message = False
        self._in_headers = True
        self._message_bytes = 0
        if self._lane is not None and self._answered_by_lane(self._lane):
            return
        super().on_message_complete()

    def _answered_by_lane(self, lane: Lane) -> bool:
        parser = self.parser
        if parser.get_method() == b"POST" and parser.should_keep_alive() and parser.get_http_version() == "1.1":
            body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
            if len(self.connections) > 1 and lane.wait(self, self.headers, body):
                self._lane = None
                self._waits_for = lane
                if lane.full:
                    self._settle()
                elif lane.first:
                    self.loop.call_soon(self._settle_all, lane)
                return True
            answer = lane.answer(self.headers, body, self.server_state.default_headers)
            if answer is not None:
                self._lane = None
                self._send(answer)
                return True
        self._hand_over()
        return False

    def _send(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.server_state.total_requests += 1
        self._active = self.loop.time()

    def take(self, answer: bytes | None) -> None:
        """The answer that was waited for; without one the application answers."""
        self._waits_for = None
        if self.transport.is_closing():
            return
        if answer is not None:
            self._send(answer)
            return
        self._hand_over()
        super().on_message_complete()

    def shutdown(self) -> None:
        """Nobody who waits is left without an answer."""
        self._settle()
        super().shutdown()

    def _settle(self) -> None:
        """End the waiting now: something else is about to happen on this connection."""
        if self._waits_for is not None:
            self._settle_all(self._waits_for)

    def _settle_all(self, lane: Lane) -> None:
        lane.flush(self.server_state.default_headers)

    def _hand_over(self) -> None:
        """Give up the express lane, and do what uvicorn would have done so far."""
        self._lane = None
        super().on_headers_complete()
        for piece in self._pieces:
            super().on_body(piece)

    # answers

    def on_response_complete(self) -> None:
        """Do not wait for ever for a client that does not stop sending."""
        self._active = self.loop.time()
        last = self._last_words and not self.pipeline
        super().on_response_complete()
        if last and not self.transport.is_closing():
            self.transport.write(self._last_words)
            self.transport.close()
        if self._shut and self._answered:
            self.transport.close()
        if self._in_message and not self.transport.is_closing():
            self._disarm()
            self._sender = self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    def pause_writing(self) -> None:
        """Watch a client that does not take its answer."""
        super().pause_writing()
        if self._reader is None:
            self._watch_reader()

    def resume_writing(self) -> None:
        """The client took most of its answer."""
        super().resume_writing()
        self._forget_reader()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP in the error body of every other error."""
        del msg
        self._refuse(*self._refusal)

    def _refuse(self, status: int, message: str) -> None:
        self._settle()
        body = error_body(status, message)
        head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
        if self._others_wait:
            # Requests that were whole before are answered first.
            self._last_words = STATUS_LINE[status] + head + body
            self._forget_message()
            return
        # Before its headers are whole a request has no cycle of its own: this one answers the request before.
        if self._answered if self._in_headers or self._lane else not self.cycle.response_started:
            self.transport.write(STATUS_LINE[status] + head + body)
        if not self._answered:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._drop_running()
        self._in_message = False
        self._lane = None
        self.transport.close()

    @property
    def _others_wait(self) -> bool:
        """Whether a whole request waits for its answer, besides the one that is being read."""
        running = self._running
        if running is None or running.response_complete or running.disconnected or running.more_body:
            return False
        return self._in_headers or self.cycle is not running

    def _forget_message(self) -> None:
        """Give up the request that is being read: one whose headers are whole waits behind the others."""
        if not self._in_headers and self.pipeline and self.pipeline[0][0] is self.cycle:
            self.pipeline.popleft()
        self._disarm()
        self._in_message = False
        self._lane = None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _drop_running(self) -> None:
        """Nobody takes the answer that is due: of several requests sent at once, it is not the newest one's."""
        if self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()

    @property
    def _answered(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    # timers

    def _idle(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _arm(self) -> None:
        self._since = self.loop.time()
        self._seen_bytes = self._message_bytes
        seconds = self.settings.header_seconds if self._in_headers else self.settings.body_seconds
        self._sender = self.loop.call_later(seconds, self._check_sender)

    def _disarm(self) -> None:
        if self._sender is not None:
            self._sender.cancel()
            self._sender = None

    def _check_sender(self) -> None:
        """Cut a sender off, or give it the time that its rate has earned."""
        self._sender = None
        if not self._in_message or self.transport.is_closing():
            return
        if self._in_headers:
            self._refuse(408, "The headers were sent too slowly")
            return
        allowed = self.settings.body_seconds + self._message_bytes / _BYTES_PER_SECOND
        left = allowed - (self.loop.time() - self._since)
        if left > 0 and self._message_bytes > self._seen_bytes:
            # What was sent earns time to send more, not to hold it.
            self._seen_bytes = self._message_bytes
            self._sender = self.loop.call_later(min(left, self.settings.body_seconds), self._check_sender)
        else:
            self._refuse(408, "The body was sent too slowly")

    def _watch_reader(self) -> None:
        self._unsent = self.transport.get_write_buffer_size()
        self._reader = self.loop.call_later(self.settings.write_seconds, self._check_reader)

    def _forget_reader(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

    def _check_reader(self) -> None:
        """Cut a reader off that took less than its rate in the time that it had."""
        self._reader = None
        taken = self._unsent - self.transport.get_write_buffer_size()
        if taken < self.settings.write_seconds * _BYTES_PER_SECOND:
            self.transport.abort()
        else:
            self._watch_reader()

"""The express lane: the usual call of a quick model, answered where it was read and written as one piece.

It gives exactly what the ASGI application would give, or None, and then the application answers: for any other header,
body or error, and for a model that has to be run in a thread.

Requests of several connections that were read in one turn of the event loop can be answered by one run of the model,
where that is known to change nothing (:mod:`migrate.server.merging`). Nobody waits for others to come: those that are
answered together are those that had come already.
"""

from collections.abc import Sequence
from time import perf_counter
from typing import Any, Protocol

from migrate.server.http import RequestIds
from migrate.server.limits import Settings
from migrate.server.merging import MOST
from migrate.server.metrics import Metrics
from migrate.server.served import SMALL_BYTES, Served

Headers = Sequence[tuple[bytes, bytes]]
Usual = tuple[bytes, int | None]
"""What the headers of a usual call say: the caller's own id or nothing, and the length of JSON that more follows."""
Reply = tuple[bytes, int, bytes]
"""The body of an answer, the rows that the model computed for it, and the header lines that tell what the body is."""


class Calls(Protocol):
    """The calls of one route of a model, as far as a lane answers them.

    Attributes:
        served: The model.
        route: The label of the route in metrics.
        lines: The header lines of an answer to :meth:`merged`.
    """

    served: Served
    route: str
    lines: bytes

    def usual(self, headers: Headers) -> Usual | None:
        """What the headers say; None where one of them changes what is answered."""

    def row(self, body: bytes, usual: Usual) -> Any | None:
        """What :meth:`merged` takes for a request of one row; None for any other."""

    def merged(self, rows: Sequence[Any]) -> list[bytes] | None:
        """The bodies of the answers to several requests of one row, by one run; None where each has to be run alone."""

    def alone(self, body: bytes, usual: Usual) -> Reply | None:
        """The answer to one request; None, or any error, where the application has to look at it."""


class Waiting(Protocol):
    """Who waits for an answer."""

    def take(self, answer: bytes | None) -> None:
        """Take the whole response, or None: then the application has to answer."""


class Lane:
    """The lane of one route of a model."""

    __slots__ = ("_calls", "_head", "_head_of", "_ids", "_limit", "_metrics", "_model", "_served", "_waiting")

    def __init__(self, calls: Calls, settings: Settings, metrics: Metrics, ids: RequestIds) -> None:
        self._calls = calls
        self._served = calls.served
        self._model = calls.served.model.id
        self._limit = settings.max_in_flight
        self._metrics = metrics
        self._ids = ids
        self._head = b""
        self._head_of: Headers | None = None
        self._waiting: list[tuple[Waiting, bytes, Any, Usual]] = []

    @staticmethod
    def opens(settings: Settings) -> bool:
        """Whether it is not turned off, and calls need neither a token nor a line in the log."""
        return settings.express and not settings.tokens_sha256 and settings.access_log != "all"

    def answer(self, headers: Headers, body: bytes, default_headers: Headers) -> bytes | None:
        """The whole response, head and body; None where this lane is not for the request."""
        usual = self._usual(headers, body)
        if usual is None:
            return None
        return self._alone(body, usual, default_headers)

    def wait(self, who: Waiting, headers: Headers, body: bytes) -> bool:
        """Let a request wait for :meth:`flush`, to be answered together with others; False where it is not for that."""
        if not self._served.merges:
            return False
        usual = self._usual(headers, body)
        row = None if usual is None else self._calls.row(body, usual)
        if usual is None or row is None:
            return False
        self._waiting.append((who, body, row, usual))
        return True

    @property
    def full(self) -> bool:
        """Whether no more may wait."""
        return len(self._waiting) >= MOST

    @property
    def first(self) -> bool:
        """Whether the one that waits is the first."""
        return len(self._waiting) == 1

    def flush(self, default_headers: Headers) -> None:
        """Answer all who wait."""
        waiting, self._waiting = self._waiting, []
        calls = self._calls
        if len(waiting) > 1:
            start = perf_counter()
            try:
                texts = calls.merged([row for _, _, row, _ in waiting])
            except Exception:  # noqa: BLE001 - it may be the fault of one of them: each is looked at alone
                texts = None
            if texts is not None:
                seconds = perf_counter() - start
                self._served.pace.watch(seconds)
                self._metrics.count(self._model, calls.route, 200, seconds, rows=len(waiting), times=len(waiting))
                for (who, _, _, usual), text in zip(waiting, texts, strict=True):
                    who.take(self._response(text, calls.lines, usual, default_headers))
                return
        for who, body, _, usual in waiting:
            who.take(self._alone(body, usual, default_headers))

    def _usual(self, headers: Headers, body: bytes) -> Usual | None:
        if not self._served.pace.quick or len(body) > SMALL_BYTES or self._metrics.in_flight >= self._limit:
            return None
        return self._calls.usual(headers)

    def _alone(self, body: bytes, usual: Usual, default_headers: Headers) -> bytes | None:
        served = self._served
        start = perf_counter()
        try:
            found = self._calls.alone(body, usual)
        except Exception:  # noqa: BLE001 - the application runs it again, and says what went wrong
            return None
        if found is None:
            return None
        text, rows, lines = found
        seconds = perf_counter() - start
        served.pace.watch(seconds)
        self._metrics.count(self._model, self._calls.route, 200, seconds, rows)
        return self._response(text, lines, usual, default_headers)

    def _response(self, text: bytes, lines: bytes, usual: Usual, default_headers: Headers) -> bytes:
        if default_headers is not self._head_of:  # a new list every second, for the date in it
            self._head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"%b: %b\r\n" % header for header in default_headers)
            self._head_of = default_headers
        given = self._ids.of(usual[0])
        return b"%b%bx-request-id: %b\r\ncontent-length: %d\r\n\r\n%b" % (self._head, lines, given, len(text), text)

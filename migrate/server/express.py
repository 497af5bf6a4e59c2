"""The express lane: the usual JSON call of a quick model, answered where it was read and written as one piece.

It gives exactly what the ASGI application would give, or None, and then the application answers: for any other header,
body or error, and for a model that has to be run in a thread.

Requests of several connections that were read in one turn of the event loop can be answered by one run of the model,
where that is known to change nothing (:mod:`migrate.server.merging`). Nobody waits for others to come: those that are
answered together are those that had come already.
"""

from collections.abc import Sequence
from functools import lru_cache
from time import perf_counter
from typing import Any, Final, Protocol

from migrate.server.errors import HttpError
from migrate.server.http import RequestIds
from migrate.server.limits import Settings
from migrate.server.merging import MOST
from migrate.server.metrics import Metrics
from migrate.server.negotiation import JSON_BODY, answer_type, content_type_of
from migrate.server.rendering.json import MEDIA_TYPE
from migrate.server.served import SMALL_BYTES, Served

Headers = Sequence[tuple[bytes, bytes]]
# Headers that change what is answered; whoever sends one is not the usual caller.
_UNUSUAL: Final = frozenset({b"step", b"keep-dimensions", b"content-encoding", b"upgrade", b"origin"})


class Waiting(Protocol):
    """Who waits for an answer."""

    def take(self, answer: bytes | None) -> None:
        """Take the whole response, or None: then the application has to answer."""


class Lane:
    """The lane of one model."""

    __slots__ = ("_head", "_head_of", "_ids", "_limit", "_metrics", "_model", "_served", "_waiting")

    def __init__(self, served: Served, settings: Settings, metrics: Metrics, ids: RequestIds) -> None:
        self._served = served
        self._model = served.model.id
        self._limit = settings.max_in_flight
        self._metrics = metrics
        self._ids = ids
        self._head = b""
        self._head_of: Headers | None = None
        self._waiting: list[tuple[Waiting, bytes, list[Any], bytes]] = []

    @staticmethod
    def opens(settings: Settings) -> bool:
        """Whether it is not turned off, and calls need neither a token nor a line in the log."""
        return settings.express and not settings.tokens_sha256 and settings.access_log != "all"

    def answer(self, headers: Headers, body: bytes, default_headers: Headers) -> bytes | None:
        """The whole response, head and body; None where this lane is not for the request."""
        given = self._given_id(headers, body)
        if given is None:
            return None
        return self._alone(body, given, default_headers)

    def wait(self, who: Waiting, headers: Headers, body: bytes) -> bool:
        """Let a request wait for :meth:`flush`, to be answered together with others; False where it is not for that."""
        if not self._served.merges:
            return False
        given = self._given_id(headers, body)
        row = None if given is None else self._served.row(body)
        if given is None or row is None:
            return False
        self._waiting.append((who, body, row, given))
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
        if len(waiting) > 1:
            start = perf_counter()
            try:
                texts = self._served.merged_answers([row for _, _, row, _ in waiting])
            except Exception:  # noqa: BLE001 - it may be the fault of one of them: each is looked at alone
                texts = None
            if texts is not None:
                seconds = perf_counter() - start
                self._served.pace.watch(seconds)
                self._metrics.count(self._model, "eval", 200, seconds, rows=len(waiting), times=len(waiting))
                for (who, _, _, given), text in zip(waiting, texts, strict=True):
                    who.take(self._response(text, given, default_headers))
                return
        for who, body, _, given in waiting:
            who.take(self._alone(body, given, default_headers))

    def _given_id(self, headers: Headers, body: bytes) -> bytes | None:
        """The caller's own id, empty for none; None where this lane is not for the request."""
        if not self._served.pace.quick or len(body) > SMALL_BYTES or self._metrics.in_flight >= self._limit:
            return None
        content_type = accept = given = b""
        for name, value in headers:
            if name == b"content-type":
                content_type = value
            elif name == b"accept":
                accept = value
            elif name == b"x-request-id":
                given = value
            elif name in _UNUSUAL:
                return None
        return given if _is_usual(content_type, accept) else None

    def _alone(self, body: bytes, given: bytes, default_headers: Headers) -> bytes | None:
        served = self._served
        start = perf_counter()
        try:
            found = served.quick_answer(body)
        except Exception:  # noqa: BLE001 - the application runs it again, and says what went wrong
            return None
        if found is None:
            return None
        text, rows = found
        seconds = perf_counter() - start
        served.pace.watch(seconds)
        self._metrics.count(self._model, "eval", 200, seconds, rows)
        return self._response(text, given, default_headers)

    def _response(self, text: bytes, given: bytes, default_headers: Headers) -> bytes:
        if default_headers is not self._head_of:  # a new list every second, for the date in it
            lines = b"".join(b"%b: %b\r\n" % header for header in default_headers)
            self._head = b"HTTP/1.1 200 OK\r\n" + lines + b"content-type: " + MEDIA_TYPE + b"\r\nx-request-id: "
            self._head_of = default_headers
        return b"%b%b\r\ncontent-length: %d\r\n\r\n%b" % (self._head, self._ids.of(given), len(text), text)


@lru_cache(maxsize=256)
def _is_usual(content_type: bytes, accept: bytes) -> bool:
    """Whether JSON is sent and asked for, in valid headers."""
    try:
        sent = content_type_of(content_type.decode("latin-1"))
        return sent == JSON_BODY and answer_type(accept.decode("latin-1")).name == JSON_BODY.name
    except HttpError:
        return False

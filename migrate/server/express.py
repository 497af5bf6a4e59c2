"""The express lane: the usual JSON call of a quick model, answered where it was read and written as one piece.

It gives exactly what the ASGI application would give, or None, and then the application answers: for any other header,
body or error, and for a model that has to be run in a thread.
"""

from collections.abc import Sequence
from functools import lru_cache
from time import perf_counter
from typing import Final

from migrate.server.errors import HttpError
from migrate.server.http import RequestIds
from migrate.server.limits import Settings
from migrate.server.metrics import Metrics
from migrate.server.negotiation import JSON_BODY, answer_type, content_type_of
from migrate.server.rendering.json import MEDIA_TYPE
from migrate.server.served import SMALL_BYTES, Served

Headers = Sequence[tuple[bytes, bytes]]
# Headers that change what is answered; whoever sends one is not the usual caller.
_UNUSUAL: Final = frozenset({b"step", b"keep-dimensions", b"content-encoding", b"upgrade"})


class Lane:
    """The lane of one model."""

    __slots__ = ("_ids", "_limit", "_metrics", "_model", "_served")

    def __init__(self, served: Served, settings: Settings, metrics: Metrics, ids: RequestIds) -> None:
        self._served = served
        self._model = served.model.id
        self._limit = settings.max_in_flight
        self._metrics = metrics
        self._ids = ids

    @staticmethod
    def opens(settings: Settings) -> bool:
        """Whether calls need neither a token nor a line in the log."""
        return not settings.tokens_sha256 and settings.access_log != "all"

    def answer(self, headers: Headers, body: bytes, default_headers: Headers) -> bytes | None:
        """The whole response, head and body; None where this lane is not for the request."""
        served = self._served
        if not served.pace.quick or len(body) > SMALL_BYTES or self._metrics.in_flight >= self._limit:
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
        if not _is_usual(content_type, accept):
            return None
        start = perf_counter()
        try:
            found = served.quick_answer(body)
        except HttpError:
            return None
        if found is None:
            return None
        text, rows = found
        seconds = perf_counter() - start
        served.pace.watch(seconds)
        self._metrics.count(self._model, "eval", 200, seconds, rows)
        parts = [b"HTTP/1.1 200 OK\r\n"]
        for name, value in default_headers:
            parts += (name, b": ", value, b"\r\n")
        parts += (
            b"x-request-id: ",
            self._ids.of(given),
            b"\r\ncontent-type: ",
            MEDIA_TYPE,
            b"\r\ncontent-length: %d\r\n\r\n" % len(text),
            text,
        )
        return b"".join(parts)


@lru_cache(maxsize=256)
def _is_usual(content_type: bytes, accept: bytes) -> bool:
    """Whether JSON is sent and asked for, in valid headers."""
    try:
        sent = content_type_of(content_type.decode("latin-1"))
        return sent == JSON_BODY and answer_type(accept.decode("latin-1")).name == JSON_BODY.name
    except HttpError:
        return False

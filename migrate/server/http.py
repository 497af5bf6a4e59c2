"""Requests and responses between ASGI and the routes."""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from migrate.server.errors import HttpError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

JSON: Final = b"application/json"
_REQUEST_ID_LIMIT: Final = 128


class RequestIds:
    """The ids of requests: the caller's own where it sends a usable one, else one of this process."""

    def __init__(self) -> None:
        self._prefix = os.urandom(6).hex().encode()
        self._number = 0

    def of(self, given: bytes | None) -> bytes:
        """The id of a request whose ``X-Request-ID`` is ``given``."""
        if given and len(given) <= _REQUEST_ID_LIMIT and given.isascii() and given.decode().isprintable():
            return given
        self._number += 1
        return b"%b-%x" % (self._prefix, self._number)


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete."""


class Request:
    """One request; header names are lower-case bytes."""

    __slots__ = ("headers", "id", "method", "receive", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.receive = receive
        self.method: str = scope["method"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.id = b""

    def header(self, name: bytes) -> str | None:
        """The text of a header, or None."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def url(self) -> str:
        """The full URL as the client named it."""
        host = self.header(b"host") or "localhost"
        return f"http://{host}{self.scope['path']}"


class Response:
    """An answer. ``rows`` is how many rows a model computed for it."""

    __slots__ = ("body", "content_type", "headers", "rows", "status")

    def __init__(
        self,
        body: bytes,
        content_type: bytes = JSON,
        *,
        status: int = 200,
        headers: Headers | None = None,
        rows: int = 0,
    ) -> None:
        self.status = status
        self.body = body
        self.content_type = content_type
        self.headers = headers or []
        self.rows = rows


def error_response(error: HttpError, request: Request) -> Response:
    """The answer for an error."""
    v2 = request.scope["path"].startswith("/v2/")
    headers = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in error.headers.items()]
    return Response(error.body(v2=v2), JSON, status=error.status, headers=headers)


def too_large(limit: int) -> HttpError:
    """The error for a body that is larger than allowed."""
    return HttpError(413, f"The body is larger than {limit} bytes")

"""The bodies of requests: read within limits of their own size, of the sum of all, and given back when cut off."""

import asyncio
from collections.abc import MutableMapping
from typing import Any, Final

from migrate.server.errors import HttpError
from migrate.server.http import ClientGoneError, Request, too_large
from migrate.server.limits import Settings
from migrate.server.metrics import Metrics
from migrate.server.threads import memory_limit, trim_memory

_SHARE: Final = 4  # of the memory, the part that bodies may take
_LARGE_BYTES: Final = 256 * 1024
_SOON_SECONDS: Final = 0.2


class Bodies:
    """What all bodies that came in pieces hold together: while they are read, and until they are answered.

    A body that comes in one piece, as those of usual calls do, is never refused for others' sake and not counted:
    requests in flight are limited in number.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._metrics = metrics
        self._each = settings.max_body_bytes
        # One body of the largest size can always be read.
        self._all = settings.max_uploads_bytes or max(memory_limit() // _SHARE, self._each)
        self._held: dict[Request, int] = {}
        self._trims = False

    async def read(self, request: Request) -> bytes:
        """The whole body; :meth:`drop` has to be called in the end, whatever comes of it.

        :mod:`migrate.server.protocol` cuts off clients that send too slowly.

        Raises:
            HttpError: 413 when it is larger than the limit, 503 when all bodies together are.
            ClientGoneError: When the client left.
        """
        declared = request.headers.get(b"content-length")
        if declared is not None and int(declared) > self._each:
            raise too_large(self._each)
        message = await request.receive()
        body: bytes = message.get("body", b"")
        if message["type"] == "http.request" and not message.get("more_body") and len(body) <= self._each:
            return body
        pieces = [body]
        try:
            await self._fill(pieces, request, message)
        except BaseException:
            self._give_back(pieces)
            raise
        return b"".join(pieces)

    async def _fill(self, pieces: list[bytes], request: Request, message: MutableMapping[str, Any]) -> None:
        size = len(pieces[0])
        self._hold(request, size)
        while message.get("more_body"):
            message = await request.receive()
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
            self._hold(request, size)
        if message["type"] == "http.disconnect":
            raise ClientGoneError

    def drop(self, request: Request) -> None:
        """The body of this request is no longer needed."""
        self._metrics.upload_bytes -= self._held.pop(request, 0)

    def _give_back(self, pieces: list[bytes]) -> None:
        """Free what was read of a body, and soon, for all that were cut off meanwhile, what lies between."""
        if sum(map(len, pieces)) >= _LARGE_BYTES and not self._trims:
            self._trims = True
            asyncio.get_running_loop().call_later(_SOON_SECONDS, self._trim)
        pieces.clear()

    def _trim(self) -> None:
        self._trims = False
        trim_memory()

    def _hold(self, request: Request, size: int) -> None:
        if size > self._each:
            raise too_large(self._each)
        self._metrics.upload_bytes += size - self._held.get(request, 0)
        self._held[request] = size
        if self._metrics.upload_bytes > self._all:
            raise HttpError(
                503, f"Bodies of more than {self._all} bytes are being read already", headers={"Retry-After": "1"}
            )

"""Sending an object's bytes, all or some of them, or as the faults have it."""

import asyncio
from collections.abc import Iterator
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from migrate.sandbox.base.faults import ChangedDownload, FaultBook, Hold, Slow, TruncatedDownload, on
from migrate.sandbox.base.points import hold
from migrate.sandbox.base.requestlog import Line
from migrate.sandbox.storage.content import Stretch

_CHUNK: Final = 256 << 10


class Download:
    """An answer with bytes, which the faults can slow down, cut short or hold.

    ``length`` is what is announced: where the body has fewer bytes, the connection breaks after them.
    """

    def __init__(
        self,
        faults: FaultBook,
        request: Request,
        body: tuple[Stretch, ...],
        length: int,
        status: int,
        headers: dict[str, str],
        line: Line,
    ) -> None:
        self.headers = MutableHeaders(headers)
        self._faults = faults
        self._request = request
        self._body = body
        self._length = length
        self._status = status
        self._line = line
        self._changed_at = -1

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the head, and for GET the bytes."""
        path = self._request.scope["raw_path"].decode("ascii")
        selects = on("storage", self._request.method, path)
        whole = end = self._length
        if self._request.method == "GET" and (cut := self._faults.strike(TruncatedDownload, selects)):
            self._line.fault = "truncated-download"
            end = min(end, cut[0].after_bytes)
            whole = end if cut[0].silent else whole
        if self._request.method == "GET" and (changed := self._faults.strike(ChangedDownload, selects)):
            self._line.fault = "changed-download"
            self._changed_at = changed[0].at
        self.headers["Content-Length"] = str(whole)
        slow = self._faults.strike(Slow, selects)
        if slow:
            self._line.fault = "slow"
            await asyncio.sleep(slow[0].seconds)
        await send({"type": "http.response.start", "status": self._status, "headers": self.headers.raw})
        if self._request.method == "HEAD" or whole == 0:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        speed = slow[0].bytes_per_second if slow else 0
        await self._send_bytes(send, path, end, whole, speed)

    async def _send_bytes(self, send: Send, path: str, end: int, whole: int, speed: int) -> None:
        """Send bytes until ``end``; when the whole that was announced is longer, the server closes the connection."""
        selects = on("storage", "GET", path)
        holds = self._faults.on_now(Hold, lambda fault: fault.point == "during" and selects(fault))
        size = min(_CHUNK, max(1, speed // 10)) if speed else _CHUNK
        stop = holds[0].after_bytes if holds else 0
        sent = 0
        for chunk in _chunks(self._body, end, stop or size, size):
            if stop and sent:
                self._line.fault = "hold" if await self._held(path, sent) else self._line.fault
                stop = 0
            if await self._request.is_disconnected():
                self._line.fault = self._line.fault or "gone"
                return
            if sent <= self._changed_at < sent + len(chunk):
                at = self._changed_at - sent
                chunk = chunk[:at] + bytes((chunk[at] ^ 1,)) + chunk[at + 1 :]  # noqa: PLW2901
            sent += len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": sent < whole})
            if speed:
                await asyncio.sleep(len(chunk) / speed)

    async def _held(self, path: str, sent: int) -> bool:
        return await hold(
            self._faults,
            "during",
            service="storage",
            method="GET",
            path=path,
            sent=sent,
            disconnected=self._request.is_disconnected,
        )


def _chunks(body: tuple[Stretch, ...], end: int, first: int, size: int) -> Iterator[bytes]:
    left, wanted = end, first
    for stretch in body:
        for chunk in _read(stretch, wanted, size):
            if left <= 0:
                return
            yield chunk[:left]
            left -= len(chunk)
            wanted = size


def _read(stretch: Stretch, first: int, size: int) -> Iterator[bytes]:
    if isinstance(stretch, bytes):
        yield stretch
        return
    wanted, left = first, stretch.length
    with stretch.file.open("rb") as stream:
        stream.seek(stretch.start)
        while left > 0:
            chunk = stream.read(min(wanted, left))
            left -= len(chunk)
            wanted = size
            yield chunk

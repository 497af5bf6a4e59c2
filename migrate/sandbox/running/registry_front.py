"""What stands before the sandbox's registry: it passes requests on as they are, or does what the faults say.

Each request gets a connection of its own to the registry, so that one fault meets one request.
"""

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from migrate.sandbox.base.faults import (
    CutUpload,
    Drop,
    ExpiredCredential,
    FaultBook,
    ServerError,
    Slow,
    TooMany,
    on,
)
from migrate.sandbox.base.ports import listen
from migrate.sandbox.base.seam import Traffic

_CHUNK: Final = 256 << 10
_HEAD_LIMIT: Final = 64 << 10
_LINGER: Final = 5.0  # seconds in which a client may still send what it began, so that it reads the refusal
_PATIENCE: Final = 10.0  # seconds for the thread to do as it is told
# An engine tries TLS first, and waits ten seconds for an answer to its greeting (Docker 20.10). What a server in
# Go says to a greeting (net/http, server.go) makes it go on without TLS at once.
_TLS: Final = b"\x16"  # the type of a TLS record that begins a handshake (RFC 8446, 5.1)
_NO_TLS: Final = b"HTTP/1.0 400 Bad Request\r\n\r\nThis registry speaks http alone.\n"
_PHRASES: Final = {401: "Unauthorized", 429: "Too Many Requests"}

Record = Callable[[Traffic], None]


class _Head(Struct, frozen=True):
    """The head of a request: its lines without the one about the connection, which is the front's to say."""

    method: str
    path: str
    lines: tuple[bytes, ...]

    def sent_on(self) -> bytes:
        return b"\r\n".join((*self.lines, b"Connection: close", b"", b""))


class Front:
    """Answers at the registry's address, on an event loop in a thread of its own.

    Args:
        port: Where clients call.
        inner: The registry's own port.
        faults: What goes wrong; those of the service ``registry``.
        record: Takes a line for each request.
    """

    def __init__(self, port: int, inner: int, faults: FaultBook, record: Record) -> None:
        self._port = port
        self._inner = inner
        self._faults = faults
        self._record = record
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Listen; an open one is left as it is."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="registry-front", daemon=True)
            self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(_PATIENCE)

    def shut(self) -> None:
        """Refuse whoever calls, break off what goes on, and end the thread; it can be opened again."""
        if self._loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(_PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None

    async def _open(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, sock=listen(self._port), limit=_HEAD_LIMIT)

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            writer.transport.abort()
        except asyncio.CancelledError:  # the front is shut: the end of this task is all that was wanted
            writer.transport.abort()
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(1)
        if first == _TLS:
            await reader.read(_CHUNK)
            writer.write(_NO_TLS)
            await writer.drain()
            return
        head = _read_head(first + await reader.readuntil(b"\r\n\r\n"))
        faults, selects = self._faults, on("registry", head.method, head.path)
        slow = faults.strike(Slow, selects)
        if slow:
            await asyncio.sleep(slow[0].seconds)
        dropped = faults.strike(Drop, selects)
        if dropped and dropped[0].point == "before":
            self._log(head, 0, "drop")
            writer.transport.abort()
            return
        refused = self._refused(head)
        if refused:
            await self._refuse(reader, writer, head, *refused)
            return
        broken = faults.strike(ServerError, selects)
        if broken and not broken[0].done:
            await self._refuse(reader, writer, head, broken[0].status, "5xx")
            return
        cut = faults.strike(CutUpload, selects) if head.method in {"PATCH", "PUT", "POST"} else None
        upstream, downstream = await asyncio.open_connection("127.0.0.1", self._inner, limit=_HEAD_LIMIT)
        try:
            downstream.write(head.sent_on())
            speed = slow[0].bytes_per_second if slow else 0
            sending = asyncio.ensure_future(
                _pump(reader, downstream, speed=speed, end=cut[0].after_bytes if cut else -1)
            )
            try:
                if cut:
                    await asyncio.wait({sending}, timeout=_LINGER)
                    self._log(head, 0, "cut-upload")
                    writer.transport.abort()
                    return
                await self._pass_back(upstream, writer, head, dropped is not None, broken[0] if broken else None)
            finally:
                sending.cancel()
                with contextlib.suppress(asyncio.CancelledError, OSError):
                    await sending
        finally:
            downstream.transport.abort()

    async def _pass_back(
        self,
        upstream: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        head: _Head,
        dropped: bool,
        broken: ServerError | None,
    ) -> None:
        """The registry's answer, or what the faults make of it now that the work is done."""
        answer = await upstream.readuntil(b"\r\n\r\n")
        while answer.startswith(b"HTTP/1.1 100"):
            writer.write(answer)
            answer = await upstream.readuntil(b"\r\n\r\n")
        if dropped:
            self._log(head, 0, "drop")
            writer.transport.abort()
            return
        if broken is not None:
            self._log(head, broken.status, "5xx")
            writer.write(_answer_of(broken.status, "UNKNOWN", "unknown error"))
            await writer.drain()
            return
        self._log(head, int(answer.split(b" ", 2)[1]), "")
        writer.write(answer)
        await _pump(upstream, writer)

    def _refused(self, head: _Head) -> tuple[int, str] | None:
        selects = on("registry", head.method, head.path)
        if self._faults.strike(TooMany, selects):
            return 429, "429"
        if self._faults.strike(ExpiredCredential, selects):
            return 401, "expired-credential"
        return None

    async def _refuse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: _Head, status: int, fault: str
    ) -> None:
        self._log(head, status, fault)
        code = {401: "UNAUTHORIZED", 429: "TOOMANYREQUESTS"}.get(status, "UNKNOWN")
        writer.write(_answer_of(status, code, _PHRASES.get(status, "unknown error").lower()))
        await writer.drain()
        writer.write_eof()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER):
                while await reader.read(_CHUNK):
                    pass

    def _log(self, head: _Head, status: int, fault: str) -> None:
        path = head.path.partition("?")[0]
        self._record(Traffic(service="registry", method=head.method, path=path, status=status, bytes=0, fault=fault))


def _read_head(head: bytes) -> _Head:
    lines = head[:-4].split(b"\r\n")
    method, path, _ = lines[0].decode("latin-1").split(" ", 2)
    kept = tuple(line for line in lines if not line.lower().startswith((b"connection:", b"keep-alive:")))
    return _Head(method, path, kept)


def _answer_of(status: int, code: str, message: str) -> bytes:
    """An answer in the words of the registry's protocol (https://github.com/opencontainers/distribution-spec)."""
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    phrase = _PHRASES.get(status, "Service Unavailable")
    head = f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, speed: int = 0, end: int = -1) -> None:
    """Pass bytes on until they end, or until ``end`` of them have gone by; at no more than ``speed`` a second."""
    passed = 0
    while chunk := await reader.read(min(_CHUNK, max(1, speed // 10)) if speed else _CHUNK):
        if 0 <= end <= passed + len(chunk):
            return
        passed += len(chunk)
        writer.write(chunk)
        await writer.drain()
        if speed:
            await asyncio.sleep(len(chunk) / speed)

"""The URLs of the apps: one loopback port each, where requests are checked and passed on to the app's container."""

import asyncio
import contextlib
import http.client
import threading
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, Protocol

import uvicorn
from msgspec import Struct
from starlette.concurrency import run_in_threadpool

from migrate.sandbox.base.ports import listen, port_of
from migrate.sandbox.base.seam import Gate, Traffic
from migrate.sandbox.running import drift

_HOP_BY_HOP: Final = {
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
}

Headers = list[tuple[bytes, bytes]]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Upstreams(Protocol):
    """Where the apps are."""

    def connection(self, app_id: str, timeout: float) -> http.client.HTTPConnection | None:
        """A connection to an app, not made yet, with seconds without a byte; None while the app is not ready."""


class Reply(Struct, frozen=True):
    """An answer, whole."""

    status: int
    headers: Headers
    body: bytes


class Proxies:
    """The proxies of all apps, on one event loop in a thread of its own.

    Args:
        gate: Says whether an app serves, whether a header opens it, and whether its answers are to be altered.
        upstreams: Where the containers are.
        timeout: Seconds without a byte from a container; the platform's is not documented.
    """

    def __init__(self, gate: Gate, upstreams: Upstreams, *, timeout: float = 300) -> None:
        self._timeout = timeout
        self._gate = gate
        self._upstreams = upstreams
        self._servers: dict[str, tuple[uvicorn.Server, asyncio.Future[None]]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="app-proxies", daemon=True)
        self._thread.start()

    def open(self, app_id: str) -> str:
        """Answer at a port of the app's own, until it is shut, and return its URL."""
        listener = listen()
        config = uvicorn.Config(
            _Proxy(app_id, self._gate, self._upstreams, self._timeout),
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        url = f"http://127.0.0.1:{port_of(listener)}"

        async def serve() -> None:
            try:
                await server.serve(sockets=[listener])
            finally:
                listener.close()

        done = asyncio.run_coroutine_threadsafe(serve(), self._loop)
        self._servers[app_id] = (server, asyncio.wrap_future(done, loop=self._loop))
        return url

    def shut(self, app_id: str) -> None:
        """Close the app's port; returns at once."""
        entry = self._servers.pop(app_id, None)
        if entry is not None:
            entry[0].should_exit = True

    def close(self) -> None:
        """Close every port and end the loop, and wait."""
        entries = list(self._servers.values())
        self._servers.clear()
        for server, _ in entries:
            server.should_exit = True

        async def wait() -> None:
            await asyncio.gather(*(done for _, done in entries), return_exceptions=True)
            others = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.gather(*others, return_exceptions=True)
            await self._loop.shutdown_default_executor()

        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(wait(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Proxy:
    """The ASGI application at one app's port."""

    def __init__(self, app_id: str, gate: Gate, upstreams: Upstreams, timeout: float) -> None:
        self._app_id = app_id
        self._timeout = timeout
        self._gate = gate
        self._upstreams = upstreams

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        reply = await run_in_threadpool(self._answer, scope, body)
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        await send({"type": "http.response.body", "body": reply.body})

    def _answer(self, scope: MutableMapping[str, Any], body: bytes) -> Reply:
        path = scope["raw_path"].decode("latin-1")
        reply = self._checked(scope, path, body)
        self._gate.record(
            Traffic(
                service="app",
                method=scope["method"],
                path=path,
                status=reply.status,
                bytes=len(reply.body),
                app_id=self._app_id,
            )
        )
        return reply

    def _checked(self, scope: MutableMapping[str, Any], path: str, body: bytes) -> Reply:
        connection = self._upstreams.connection(self._app_id, self._timeout)
        if connection is None or not self._gate.serving(self._app_id):
            return _own(503, "The app is not running")
        authorization = next((value for name, value in scope["headers"] if name == b"authorization"), None)
        if not self._gate.authorise(self._app_id, None if authorization is None else authorization.decode("latin-1")):
            return _own(401, "A token or a user of the AI platform is needed", (b"www-authenticate", b"Bearer"))
        query = scope["query_string"].decode("latin-1")
        try:
            target = f"{path}?{query}" if query else path
            with contextlib.closing(connection):
                reply = _pass_on(connection, scope["method"], target, scope["headers"], body)
        except TimeoutError:
            return _own(504, "The app did not answer in time")
        except (OSError, http.client.HTTPException):
            return _own(502, "The app closed the connection")
        if scope["method"] == "POST" and reply.status == 200 and path.rstrip("/").endswith("/eval"):
            mode = self._gate.drift(self._app_id)
            if mode is not None and _type_of(reply).startswith(b"application/json"):
                return _with_body(reply, drift.alter(reply.body, mode))
        return reply


def _pass_on(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    headers: Iterable[tuple[bytes, bytes]],
    body: bytes,
) -> Reply:
    """One request to the container; the path goes there untouched, as its bytes came in."""
    connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
    sent_length = False
    for name, value in headers:
        if name not in _HOP_BY_HOP and name != b"content-length":
            connection.putheader(name, value)
        sent_length = sent_length or name in {b"content-length", b"transfer-encoding"}
    if sent_length:
        connection.putheader("content-length", str(len(body)))
    connection.endheaders(body or None)
    answer = connection.getresponse()
    content = answer.read()
    kept = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in answer.getheaders()
        if name.lower().encode("latin-1") not in _HOP_BY_HOP
    ]
    if method != "HEAD" and not any(name.lower() == b"content-length" for name, _ in kept):
        kept.append((b"content-length", str(len(content)).encode()))
    return Reply(answer.status, kept, content)


def _own(status: int, text: str, *headers: tuple[bytes, bytes]) -> Reply:
    body = f'{{"message":"{text}"}}'.encode()
    length = (b"content-length", str(len(body)).encode())
    return Reply(status, [(b"content-type", b"application/json"), length, *headers], body)


def _with_body(reply: Reply, body: bytes) -> Reply:
    others = [(name, value) for name, value in reply.headers if name.lower() != b"content-length"]
    return Reply(reply.status, [*others, (b"content-length", str(len(body)).encode())], body)


def _type_of(reply: Reply) -> bytes:
    return next((value.lower() for name, value in reply.headers if name.lower() == b"content-type"), b"")

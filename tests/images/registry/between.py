"""What stands between clients and a registry: it passes requests on, and does what proxies and storage hosts do."""

import contextlib
import http.client
import http.server
import threading
from collections.abc import Callable, Iterator

from msgspec import Struct, field


class Rules(Struct):
    """What is done on the way; each may be changed while it runs.

    ``largest`` is the largest body that passes, else 413, or with ``rudely`` the end of the connection. ``elsewhere``
    is where what is sent is sent on to by 307. ``location`` changes where uploads are said to go on. ``login`` is added
    to what has none, as by a signed address. ``mounts``: whether the query of a mount passes. ``silent`` methods get no
    answer until ``released``. The first request of the ``busy`` method is answered by 429, with a second to wait.
    ``least`` is the smallest chunk that an upload is said to take.
    """

    target: str
    largest: int | None = None
    rudely: bool = False
    elsewhere: str = ""
    location: Callable[[str], str] | None = None
    login: str = ""
    mounts: bool = True
    silent: str = ""
    busy: str = ""
    least: int = 0
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)


class _Handler(http.server.BaseHTTPRequestHandler):
    rules: Rules
    protocol_version = "HTTP/1.1"

    def _pass(self) -> None:
        rules = self.rules
        size = int(self.headers.get("Content-Length", "0"))
        rules.asked.append((self.command, self.path, {name.lower(): text for name, text in self.headers.items()}))
        if rules.silent and self.command in rules.silent.split():
            rules.released.wait(120)
            self.close_connection = True
            return
        if rules.busy == self.command:
            rules.busy = ""
            self._body(size)
            self._answer(429, {"Retry-After": "1"}, b"")
            return
        if rules.largest is not None and size > rules.largest:
            if not rules.rudely:
                self._answer(413, {"Content-Type": "text/html", "Connection": "close"}, b"<html>413</html>")
            self.close_connection = True
            return
        body = self._body(size)
        if rules.elsewhere and self.command in ("PATCH", "PUT"):
            self._answer(307, {"Location": f"http://{rules.elsewhere}{self.path}"}, b"")
            return
        headers = {name: text for name, text in self.headers.items() if name.lower() not in _OWN}
        if rules.login:
            headers.setdefault("Authorization", rules.login)
        path = self.path if rules.mounts else self.path.replace("mount=", "unknown=")
        connection = http.client.HTTPConnection(rules.target, timeout=60)
        try:
            connection.request(self.command, path, body=body, headers={**headers, "Content-Length": str(len(body))})
            answer = connection.getresponse()
            found = {name: text for name, text in answer.getheaders() if name.lower() not in _OWN}
            if rules.least and self.command == "POST":
                found["OCI-Chunk-Min-Length"] = str(rules.least)
            if rules.location is not None and "Location" in found:
                found["Location"] = rules.location(found["Location"])
            self._answer(answer.status, found, answer.read(), answer.getheader("Content-Length"))
        finally:
            connection.close()

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = _pass  # noqa: N815

    def _body(self, size: int) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(size)
        pieces = []
        while length := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(length))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _answer(self, status: int, headers: dict[str, str], body: bytes, length: str | None = None) -> None:
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        if status != 204:
            self.send_header("Content-Length", (length if self.command == "HEAD" else None) or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: what was asked is in ``asked``."""


_OWN = frozenset({"content-length", "transfer-encoding", "connection", "expect", "date", "server"})


@contextlib.contextmanager
def between(target: str, **rules: object) -> Iterator[tuple[str, Rules]]:
    """Its ``host:port``, and its rules."""
    kept = Rules(target=target, **rules)  # type: ignore[arg-type]
    handler = type("Handler", (_Handler,), {"rules": kept})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False  # clients keep their connections
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}", kept
    finally:
        kept.released.set()
        server.shutdown()
        thread.join()
        server.server_close()

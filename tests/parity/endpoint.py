"""A real HTTP endpoint whose answers a test chooses."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, bytes]
Asked = tuple[str, str, dict[str, str], bytes]


def as_json(status: int, body: Any) -> Reply:
    return status, json.dumps(body).encode()


@contextmanager
def endpoint(reply: Callable[[int], Reply | None]) -> Iterator[tuple[str, list[Asked]]]:
    """Serve on loopback: ``reply(number of the request)`` gives status and body, or None to break the connection.

    Yields:
        The URL, and what was asked so far: method, path, headers, body.
    """
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append((self.command, self.path, dict(self.headers.items()), body))
            found = reply(len(asked))
            if found is None:
                self.close_connection = True
                return
            self.send_response(found[0])
            self.send_header("Content-Length", str(len(found[1])))
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.end_headers()
            self.wfile.write(found[1])

        do_GET = do_POST = _serve  # noqa: N815 - the names that http.server looks for

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

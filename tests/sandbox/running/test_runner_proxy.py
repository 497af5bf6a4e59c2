"""The proxy of an app: who is let through, and that what passes is not touched."""

import concurrent.futures
import http.client
import http.server
import socket
import threading
from collections.abc import Iterator

import pytest
import requests

from migrate.sandbox.running.app_proxy import Proxies
from tests.sandbox.running.runner_helpers import TOKEN, Switches
from tests.waiting import PATIENCE, wait_until

HEADERS = {"Authorization": TOKEN}


class Upstream(http.server.BaseHTTPRequestHandler):
    """Answers with what it got; ``/chunks`` in pieces, ``/break`` not at all."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.path == "/hang":
            self.server.over.wait(PATIENCE)  # type: ignore[attr-defined]
        if self.path == "/break":
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(201)
        self.send_header("X-Path", self.path)
        self.send_header("X-Custom", self.headers["X-Custom"] or "")
        self.send_header("X-Authorization", self.headers["Authorization"] or "")
        self.send_header("Connection", "close")
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        if self.path == "/chunks":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_POST  # noqa: N815

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(b"hello")

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *args: object) -> None: ...


class OnePort:
    """The container is at this port, or nowhere."""

    port: int | None

    def connection(self, _app_id: str, timeout: float) -> http.client.HTTPConnection | None:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout) if self.port else None


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128  # the default of 5 refuses connections that come at once
    over: threading.Event


@pytest.fixture
def container() -> Iterator[OnePort]:
    server = Server(("127.0.0.1", 0), Upstream)
    server.over = threading.Event()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    where = OnePort()
    where.port = server.server_port
    yield where
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def gate() -> Switches:
    return Switches()


@pytest.fixture
def proxies(gate: Switches, container: OnePort) -> Iterator[Proxies]:
    made = Proxies(gate, container)
    yield made
    made.close()


def test_what_passes_is_not_touched(proxies: Proxies) -> None:
    url = proxies.open("one")
    body = bytes(range(256)) * 1000
    sent = HEADERS | {"X-Custom": "kept", "Content-Type": "odd/type"}
    got = requests.put(f"{url}/a%2Fb/../c?q=1&q=%C3%BC", data=body, headers=sent, timeout=60)
    assert (got.status_code, got.content) == (201, body)
    assert got.headers["X-Custom"] == "kept"
    assert got.headers["X-Authorization"] == TOKEN
    assert got.raw.headers.getlist("Set-Cookie") == ["a=1", "b=2"]
    assert "Connection" not in got.headers
    port = int(url.rpartition(":")[2])
    raw = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    raw.request("POST", "/x//../%41", body=b"z", headers=HEADERS)
    assert raw.getresponse().headers["X-Path"] == "/x//../%41"
    raw.close()


def test_chunks_both_ways_and_head(proxies: Proxies) -> None:
    url = proxies.open("one")
    assert requests.post(f"{url}/x", data=iter([b"ab", b"cd"]), headers=HEADERS, timeout=60).content == b"abcd"
    assert requests.post(f"{url}/chunks", headers=HEADERS, timeout=60).content == b"abcde"
    assert requests.get(url, headers=HEADERS, timeout=60).text == "hello"
    head = requests.head(url, headers=HEADERS, timeout=60)
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "5", b"")


def test_who_is_let_through(proxies: Proxies, gate: Switches, container: OnePort) -> None:
    url = proxies.open("one")
    unknown = requests.get(url, headers={"Authorization": "Bearer bad"}, timeout=60)
    assert (unknown.status_code, unknown.headers["WWW-Authenticate"]) == (401, "Bearer")
    gate.open = False
    assert requests.get(url, headers=HEADERS, timeout=60).status_code == 503
    assert requests.get(url, timeout=60).status_code == 503
    gate.open = True
    container.port = None
    assert requests.get(url, headers=HEADERS, timeout=60).json() == {"message": "The app is not running"}


def test_a_broken_container_is_a_bad_gateway(proxies: Proxies) -> None:
    url = proxies.open("one")
    assert requests.post(f"{url}/break", data=b"x", headers=HEADERS, timeout=60).status_code == 502


def test_every_request_is_recorded(proxies: Proxies, gate: Switches) -> None:
    url = proxies.open("one")
    requests.get(f"{url}/describe?x=1", headers=HEADERS, timeout=60)
    requests.post(f"{url}/eval", data=b"12345678", headers=HEADERS, timeout=60)
    requests.get(url, timeout=60)
    assert [(t.service, t.app_id, t.method, t.path, t.status, t.bytes) for t in gate.seen[:2]] == [
        ("app", "one", "GET", "/describe", 200, 5),
        ("app", "one", "POST", "/eval", 201, 8),
    ]
    assert gate.seen[2].status == 401


def test_calls_run_side_by_side(proxies: Proxies) -> None:
    url = proxies.open("one")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        bodies = [str(number).encode() for number in range(200)]
        got = pool.map(lambda body: requests.post(f"{url}/x", data=body, headers=HEADERS, timeout=60).content, bodies)
        assert list(got) == bodies


def test_a_container_that_does_not_answer_in_time(gate: Switches, container: OnePort) -> None:
    proxies = Proxies(gate, container, timeout=0.2)
    try:
        assert requests.post(f"{proxies.open('one')}/hang", data=b"x", headers=HEADERS, timeout=60).status_code == 504
    finally:
        proxies.close()


def test_ports_are_shut(proxies: Proxies) -> None:
    one, two = proxies.open("one"), proxies.open("two")
    assert one != two
    proxies.shut("two")
    proxies.shut("nobody")
    assert requests.get(one, headers=HEADERS, timeout=60).status_code == 200

    def closed() -> bool:
        try:
            requests.get(two, timeout=PATIENCE)
        except requests.ConnectionError:
            return True
        return False

    wait_until(closed, "the port is still open")

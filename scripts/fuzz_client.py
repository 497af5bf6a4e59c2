"""A client that sends what it is given, byte by byte as it stands, and reads one answer or learns that none comes."""

import json
import select
import socket
import time
from dataclasses import dataclass
from typing import Final

from fuzz_requests import Generated

ANSWER_SECONDS: Final = 20.0
GLANCE_SECONDS: Final = 0.02
_SPACE: Final = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """A response; ``closing`` when the server says that it closes the connection."""

    status: int
    headers: dict[str, str]
    body: bytes
    closing: bool


class ProtocolError(Exception):
    """What came back is no HTTP response; the text says why."""


class SilentError(Exception):
    """A well-framed request got no answer in time."""


class ClosedError(Exception):
    """The connection ended without an answer."""


class Client:
    """One connection at a time, opened again whenever it has to be."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self._rest = b""

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._rest = b""

    def ask(self, request: Generated) -> Answer | None:
        """Send a request; an answer, or None where none is due and none came.

        Raises:
            ProtocolError: The answer is no HTTP.
            SilentError: A whole request is not answered.
            ClosedError: A whole request is answered by the end of the connection.
            ConnectionRefusedError: Nobody listens any more.
        """
        fresh = self._socket is None
        try:
            return self._exchange(request)
        except ClosedError:
            # The server may close an idle connection at any time: only a new one proves anything.
            if fresh or not request.whole:
                raise
            return self._exchange(request)
        finally:
            if not request.whole:
                self.close()

    def _exchange(self, request: Generated) -> Answer | None:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=ANSWER_SECONDS)
        connection = self._socket
        broken = not self._send(connection, request)
        if request.end_early:
            return None
        if not request.whole and not self._readable(connection, GLANCE_SECONDS):
            return None
        try:
            answer = self._read(connection, request.method)
        except (ClosedError, ConnectionError) as error:
            self.close()
            if not request.whole:
                return None
            raise ClosedError(f"closed {'while sending' if broken else 'before an answer'}") from error
        except (TimeoutError, ProtocolError):
            self.close()
            raise
        if answer.closing or broken:
            self.close()
        return answer

    def _send(self, connection: socket.socket, request: Generated) -> bool:
        try:
            connection.sendall(request.data)
        except (ConnectionError, TimeoutError):
            # A server may answer and close before it has read all; the answer is what counts.
            return False
        return True

    @staticmethod
    def _readable(connection: socket.socket, seconds: float) -> bool:
        return bool(select.select([connection], [], [], seconds)[0])

    def _read(self, connection: socket.socket, method: str) -> Answer:
        end = time.monotonic() + ANSWER_SECONDS
        while True:
            head = self._until_blank(connection, end)
            status, headers = _parse_head(head)
            if status >= 200:
                break
        empty = method == "HEAD" or status in {204, 304}
        body = b"" if empty else self._exactly(connection, _length(headers), end)
        return Answer(status, headers, body, headers.get("connection", "").lower() == "close")

    def _until_blank(self, connection: socket.socket, end: float) -> bytes:
        while b"\r\n\r\n" not in self._rest:
            self._more(connection, end)
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        return head

    def _exactly(self, connection: socket.socket, size: int, end: float) -> bytes:
        while len(self._rest) < size:
            self._more(connection, end)
        body, self._rest = self._rest[:size], self._rest[size:]
        return body

    def _more(self, connection: socket.socket, end: float) -> None:
        left = end - time.monotonic()
        if left <= 0 or not self._readable(connection, left):
            raise SilentError(f"no answer in {ANSWER_SECONDS:.0f} s")
        data = connection.recv(_SPACE)
        if not data:
            raise ClosedError
        self._rest += data


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
        raise ProtocolError(f"status line {first[:80]!r}")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise ProtocolError(f"header line {line[:80]!r}")
        headers[name.strip().lower()] = value.strip()
    return int(rest[:3]), headers


def _length(headers: dict[str, str]) -> int:
    text = headers.get("content-length", "")
    if not text.isdigit():
        raise ProtocolError(f"Content-Length {text!r}")
    return int(text)


# What the documentation names; a 5xx is there only for too many requests at once.
_STATUSES: Final = frozenset({200, 204, 307, 400, 404, 405, 406, 408, 413, 415, 431})


def fault_of(request: Generated, answer: Answer) -> str:
    """What is wrong with an answer, or nothing."""
    if answer.status == 503:
        return "" if "retry-after" in answer.headers else "503 without Retry-After"
    if answer.status not in _STATUSES:
        return f"undocumented status {answer.status}: {answer.body[:200].decode(errors='replace')}"
    if request.good and answer.status != 200:
        return f"a right request got {answer.status}: {answer.body[:200].decode(errors='replace')}"
    if request.method == "HEAD" or not answer.body:
        return "" if answer.status < 400 or request.method == "HEAD" else f"{answer.status} with an empty body"
    if answer.headers.get("content-type", "").startswith("application/json"):
        try:
            content = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            return f"{answer.status} with broken JSON: {error}"
        if answer.status >= 400 and (content.get("status") != answer.status or "message" not in content):
            return f"{answer.status} with another error body: {answer.body[:100].decode(errors='replace')}"
    elif answer.status >= 400:
        return f"{answer.status} with an error that is no JSON"
    return ""

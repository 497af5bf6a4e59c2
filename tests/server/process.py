"""A real server process for the tests, and requests to it exactly as they stand."""

import http.client
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.waiting import PATIENCE, wait_until

# `MIGRATE_EXPRESS=0 pytest tests/server` is the whole suite with the express lane turned off.
KEPT = ("MIGRATE_EXPRESS",)


@dataclass(frozen=True)
class Answer:
    """Status, headers by lower-case name, and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Server:
    """A running process, at ports that it chose itself."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @cached_property
    def port(self) -> int:
        """Where it serves, as soon as it listens."""
        return int(self._listening()["port"])

    @cached_property
    def metrics_port(self) -> int:
        """Where it answers ``/metrics`` alone."""
        return int(self._listening()["metrics_port"])

    def _listening(self) -> dict[str, Any]:
        return listening(self.process, self.log)

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own; nothing is added but Host and Content-Length."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def eval(self, request: object, path: str = "/eval", **headers: str) -> Answer:
        """A JSON request; header names have underscores for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        return self.call("POST", path, body, {"Content-Type": "application/json", **named})

    def metric(self, name: str) -> float:
        """The value of a line of ``/metrics``, named with its labels."""
        text = self.call("GET", "/metrics").body.decode()
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        assert found is not None, text
        return float(found[1])

    def catch_up(self) -> None:
        """Return when the server has read everything that was sent to it before.

        Its event loop hears of this connection no sooner than of what was there already.
        """
        assert self.call("GET", "/health/live").status == 200

    def lines(self) -> list[dict[str, Any]]:
        """The log so far."""
        return [json.loads(line) for line in whole_lines(self.log)]


def whole_lines(log: Path) -> list[str]:
    """The lines of a log that are written to their end."""
    return log.read_text(encoding="utf-8").rpartition("\n")[0].splitlines()


def listening(process: "subprocess.Popen[bytes]", log: Path, *, patience: float = PATIENCE) -> dict[str, Any]:
    """The line of a server's log that says where it listens, once it is there."""

    def line() -> str:
        ended = process.poll() is not None
        found = [line for line in whole_lines(log) if '"message":"listening"' in line]
        assert found or not ended, log.read_text()
        return found[0] if found else ""

    said: dict[str, Any] = json.loads(wait_until(line, log.read_text, patience=patience))
    return said


def start(root: Path, log: Path, *, python: str = sys.executable, code: Path | None = None, **settings: str) -> Server:
    """A server process on a folder of models; settings are MIGRATE_ variables without their prefix.

    ``python`` and ``code`` are another environment, and the folder of the server's code for it.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MIGRATE_")}
    environment |= {name: os.environ[name] for name in KEPT if name in os.environ}
    environment |= {"MIGRATE_DRAIN_SECONDS": "0", "MIGRATE_PORT": "0"}
    environment |= {f"MIGRATE_{name.upper()}": value for name, value in settings.items()}
    if code is not None:
        environment |= {"PYTHONPATH": str(code), "PYTHONSAFEPATH": "1"}
    command = [python, "-m", "migrate.server", str(root), "--host", "127.0.0.1"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    return Server(process, log)


@contextmanager
def running(
    root: Path, log: Path, *, python: str = sys.executable, code: Path | None = None, **settings: str
) -> Iterator[Server]:
    """A server process that is ready; it is ended afterwards, and must not have logged a bug."""
    server = start(root, log, python=python, code=code, **settings)
    try:
        wait_ready(server)
        yield server
    finally:
        server.process.terminate()
        server.process.wait(timeout=PATIENCE)
    assert not [line for line in server.lines() if "traceback" in line]


def wait_ready(server: Server) -> None:
    """Return when ``/health/ready`` says 200."""

    def ready() -> bool:
        assert server.process.poll() is None, server.log.read_text()
        try:
            return server.call("GET", "/health/ready").status == 200
        except OSError:
            return False

    wait_until(ready, server.log.read_text)


@contextmanager
def held(server: Server, body: bytes, path: str = "/eval") -> Iterator[Callable[[], bytes]]:
    """A request in flight that lacks its body; calling what is given sends that, and returns the whole answer."""
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())

        def finish() -> bytes:
            connection.sendall(body)
            with connection.makefile("rb") as answer:
                return answer.read()

        yield finish

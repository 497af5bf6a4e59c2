"""A real server process for the tests, and requests to it exactly as they stand."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_SECONDS = 60.0


@dataclass(frozen=True)
class Answer:
    """Status, headers by lower-case name, and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Server:
    """A running process."""

    process: "subprocess.Popen[bytes]"
    port: int
    metrics_port: int
    log: Path

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own; nothing is added but Host and Content-Length."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
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

    def lines(self) -> list[dict[str, Any]]:
        """The log so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def start(root: Path, log: Path, *, python: str = sys.executable, code: Path | None = None, **settings: str) -> Server:
    """A server process on a folder of models; settings are MIGRATE_ variables without their prefix.

    ``python`` and ``code`` are another environment, and the folder of the server's code for it.
    """
    port, metrics_port = free_ports(2)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MIGRATE_")}
    environment |= {"MIGRATE_DRAIN_SECONDS": "0"}
    environment |= {f"MIGRATE_{name.upper()}": value for name, value in settings.items()}
    if code is not None:
        environment |= {"PYTHONPATH": str(code), "PYTHONSAFEPATH": "1"}
    command = [python, "-m", "migrate.server", str(root), "--host", "127.0.0.1"]
    command += ["--port", str(port), "--metrics-port", str(metrics_port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    return Server(process, port, metrics_port, log)


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
        server.process.wait(timeout=60)
    assert not [line for line in server.lines() if "traceback" in line]


def wait_ready(server: Server) -> None:
    """Return when ``/health/ready`` says 200."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert server.process.poll() is None, server.log.read_text()
        try:
            if server.call("GET", "/health/ready").status == 200:
                return
        except OSError:
            pass
        time.sleep(0.01)
    raise AssertionError(f"not ready: {server.log.read_text()}")

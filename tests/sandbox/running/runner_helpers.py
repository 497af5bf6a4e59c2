"""What the runner's tests put on the other side of it: a gate with switches, and a program for containers."""

from collections.abc import Callable
from typing import Literal

from migrate.sandbox.base.seam import RunnerState, Traffic
from tests.waiting import wait_until

TOKEN = "Bearer good"

# Answers GET with what it was asked and who it is, POST with a JSON answer; BOOT is run before it listens.
PROGRAM = """
import http.server, json, os, sys
exec(os.environ.get("BOOT", ""))
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        status = 200 if self.path != os.environ.get("SICK") else 418
        self.reply(status, {"path": self.path, "ids": [os.getuid(), os.getgid()], "color": os.environ.get("COLOR"),
                            "accept": self.headers["Accept"]})
    do_HEAD = do_GET
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.reply(200, {"label": [0, 2], "score": [[0.5, 0.25], [0.125, 2.0]]})
    def reply(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json;charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
    def log_message(self, *args):
        print("asked for", self.path, flush=True)
import signal
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.ThreadingHTTPServer(("", int(os.environ.get("PORT", "8080"))), Handler).serve_forever()
"""


class Switches:
    """A gate (seam.Gate) whose answers a test sets."""

    def __init__(self) -> None:
        self.open = True
        self.mode: Literal["scale", "swap", "nan"] | None = None
        self.seen: list[Traffic] = []

    def serving(self, _app_id: str) -> bool:
        return self.open

    def authorise(self, _app_id: str, authorization: str | None) -> bool:
        return authorization == TOKEN

    def drift(self, _app_id: str) -> Literal["scale", "swap", "nan"] | None:
        return self.mode

    def record(self, traffic: Traffic) -> None:
        self.seen.append(traffic)


def wait_for(state: Callable[[], RunnerState], *phases: str) -> RunnerState:
    """The state when it has reached one of the phases."""

    def reached() -> RunnerState | None:
        now = state()
        return now if now.phase in phases else None

    found = wait_until(reached, lambda: f"still {state()}")
    assert found is not None
    return found

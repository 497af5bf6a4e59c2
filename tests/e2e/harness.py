"""What the end-to-end tests stand on: the command as a process, and the cloud as its own client sees it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import ovh

from migrate.sandbox import control
from migrate.sandbox.base.requestlog import Line

ROOT = Path(__file__).parents[2]
GOOD = ("digits", "housing", "iris", "titanic")
BROKEN = "broken"
NAMESPACE = json.loads((ROOT / "examples" / "models" / "index.json").read_text(encoding="utf-8"))["namespace"]["id"]
FORMATS = json.loads((ROOT / "examples" / "formats" / "index.json").read_text(encoding="utf-8"))["namespace"]["id"]
_OURS = ("OVH_", "MIGRATE_")


@dataclass(repr=False)
class Ended:
    """How a command ended: exit code, the events of ``--json`` (empty without it), and both streams."""

    code: int
    out: str
    err: str
    events: list[dict[str, Any]] = field(default_factory=list)

    def __repr__(self) -> str:
        """Short, with what a failed test is asked first: the events alone are thousands of letters."""
        ends = [event for event in self.events if event["event"] in {"result", "notice", "warning"}]
        said = json.dumps(ends[-4:], indent=1) if ends else self.out[-2000:]
        return f"<exit code {self.code}; {said}\nstandard error: {self.err[-2000:]}>"

    @property
    def result(self) -> dict[str, Any]:
        """The last event."""
        assert self.events, f"no events; standard error: {self.err}"
        assert self.events[-1]["event"] == "result"
        return self.events[-1]

    @property
    def outcomes(self) -> dict[str, dict[str, Any]]:
        """The models' outcomes by id."""
        return {outcome["model"]: outcome for outcome in self.result["models"]}

    @property
    def error(self) -> dict[str, Any]:
        """The error of the result."""
        error = self.result.get("error")
        assert isinstance(error, dict), f"no error in {self.result}"
        return error


def image_id(pushed: str) -> str:
    """The beginning of the id that a pushed image has on this machine, whose engine forgets the registry's name."""
    return pushed.rpartition(":")[2]


class Tool:
    """The command with its own workspace, talking to one sandbox.

    Attributes:
        said: How the last commands of all tools ended, for the report of a test that fails: pytest shortens values.
    """

    said: ClassVar[deque[str]] = deque(maxlen=3)

    def __init__(self, sandbox: "Sandbox", workspace: Path) -> None:
        self.sandbox = sandbox
        self.workspace = workspace
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(_OURS)},
            **control.env(sandbox.folder),
            "MIGRATE_POLL_SECONDS": "0.3",
            "MIGRATE_WORKSPACE": str(workspace),
            "NO_COLOR": "1",
        }

    def command(self, *arguments: str) -> list[str]:
        """The words of a command line."""
        return [str(Path(sys.executable).with_name("migrate")), *arguments]

    def __call__(self, *arguments: str, timeout: float = 280, **environment: str) -> Ended:
        """Run a command to its end, without a terminal."""
        process = self.start(*arguments, **environment)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            kill_group(process)
            out, err = process.communicate()
            message = f"migrate {' '.join(arguments)} did not end\n{out}\n{err}"
            raise AssertionError(message) from None
        return self._ended(process.returncode, out, err)

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        """Start a command in a process group of its own."""
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment | environment,
            cwd=self.workspace.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, source: str = NAMESPACE, *more: str, timeout: float = 280, **environment: str) -> Ended:
        """``migrate run SOURCE --yes --authorize --json``."""
        return self("run", source, "--yes", "--authorize", "--json", *more, timeout=timeout, **environment)

    def headers(self) -> dict[str, dict[str, str]]:
        """By the app's name: the header that opens it, as its tokens file holds it."""
        found = {}
        for path in self.workspace.glob("*/*/*/tokens/*.header"):
            name, _, value = path.read_text(encoding="utf-8").strip().partition(": ")
            found[path.stem] = {name: value}
        return found

    @staticmethod
    def _ended(code: int, out: str, err: str) -> Ended:
        assert "Traceback" not in err, err
        lines = out.splitlines()
        events = [json.loads(line) for line in lines] if lines and lines[0].startswith("{") else []
        ended = Ended(code, out, err, events)
        Tool.said.append(repr(ended))
        return ended


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox, and the cloud in it as the real ``ovh`` client sees it."""

    folder: Path

    def client(self) -> Any:
        """The real client, on an endpoint-table entry of its own."""
        variables = control.env(self.folder)
        ovh.client.ENDPOINTS["sandbox"] = variables["OVH_ENDPOINT"]
        client = ovh.Client(
            endpoint="sandbox",
            application_key=variables["OVH_APPLICATION_KEY"],
            application_secret=variables["OVH_APPLICATION_SECRET"],
            consumer_key=variables["OVH_CONSUMER_KEY"],
        )
        del ovh.client.ENDPOINTS["sandbox"]  # the table is everybody's
        return client

    def left(self) -> dict[str, list[Any]]:
        """What exists in the project that costs or opens something."""
        client, project = self.client(), control.env(self.folder)["OVH_CLOUD_PROJECT_SERVICE"]
        base = f"/cloud/project/{project}"
        return {
            "apps": [a for a in client.get(f"{base}/ai/app") if a["status"]["state"] not in ("DELETED", "DELETING")],
            "tokens": client.get(f"{base}/ai/token"),
            "registrations": client.get(f"{base}/ai/registry"),
            "users": client.get(f"{base}/user"),
        }

    def log(self) -> list[Line]:
        """The request log."""
        return control.requests_made(self.folder)

    def count(self, method: str, operation: str, *, since: int = 0) -> int:
        """How often an operation was called and answered with success."""
        return sum(
            line.method == method and line.operation.endswith(operation) and 200 <= line.status < 300
            for line in self.log()[since:]
        )


def kill_group(process: "subprocess.Popen[str]") -> None:
    """SIGKILL to a process and all it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def ending(process: "subprocess.Popen[str]") -> Iterator[None]:
    """Leave nothing of a process group behind, whatever happens inside."""
    try:
        yield
    finally:
        kill_group(process)

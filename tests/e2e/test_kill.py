"""kill -9 from outside at the four points of each effect, then the same command again.

The sandbox holds the request at the point and sends SIGKILL to the command's whole process group itself; for
"answered but not journalled" this test holds the journal's write lock, so that the answer can never be written.
"""

import json
import platform
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from migrate.sandbox import control
from tests.e2e.harness import NAMESPACE, Tool, ending, kill_group
from tests.waiting import wait_until

EFFECTS = {
    "app": ("POST", r"/ai/app$"),
    "token": ("POST", r"/ai/token$"),
    "user": ("POST", r"/project/[^/]+/user$"),
    "authorization": ("POST", r"/ai/authorization$"),
}
# The others of each kind run by make test-all.
POINTS = (pytest.param("before", marks=pytest.mark.slow), "after", pytest.param("answered", marks=pytest.mark.slow))


def _killed(tool: Tool, method: str, path: str, point: str, tmp_path: Path, *, nth: int = 1) -> None:
    reached = tmp_path / f"reached-{point}"
    with tool.start("run", NAMESPACE, "--model", "iris", "--yes", "--authorize", "--json") as process, ending(process):
        fault = control.fail(
            tool.sandbox.folder,
            "hold",
            method=method,
            path_regex=path,
            point=point,
            nth=nth,
            touch=str(reached),
            kill=process.pid,
        )
        process.wait(timeout=240)
    assert reached.exists(), "the command ended before it reached the point"
    assert process.returncode == -9
    control.release(tool.sandbox.folder, fault)


def _finished(tool: Tool) -> None:
    ended = tool.run(NAMESPACE, "--model", "iris")
    assert ended.code == 0, ended.err + ended.out
    assert ended.outcomes["iris"]["outcome"] == "done"
    left = tool.sandbox.left()
    assert len(left["apps"]) == 1
    assert len(left["tokens"]) == 1, "the customer's token and no second one"
    assert len(left["users"]) <= 1
    undone = tool("undo", NAMESPACE, "--yes", "--json")
    assert undone.code == 0, undone.err
    assert tool.sandbox.left() == {"apps": [], "tokens": [], "registrations": [], "users": []}


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("effect", ["app", "token", "user", "authorization"])
def test_killed_at_an_effect_of_the_api(tool: Tool, tmp_path: Path, effect: str, point: str) -> None:
    method, path = EFFECTS[effect]
    _killed(tool, method, path, point, tmp_path)
    _finished(tool)


@pytest.mark.slow
@pytest.mark.parametrize("nth", [2], ids=["customer-token"])
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_the_customers_token(tool: Tool, tmp_path: Path, point: str, nth: int) -> None:
    _killed(tool, "POST", r"/ai/token$", point, tmp_path, nth=nth)
    _finished(tool)


@pytest.mark.slow
def test_killed_while_bytes_move_down(tool: Tool, tmp_path: Path) -> None:
    _killed(tool, "GET", r"iris\.onnx", "during", tmp_path)
    _finished(tool)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["deploy", "inspect", "record", "render", "build", "rehearse", "push", "prove"])
def test_killed_in_the_middle_of_a_step(tool: Tool, step: str) -> None:
    with tool.start("run", NAMESPACE, "--model", "iris", "--yes", "--authorize", "--json") as process, ending(process):
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "step-started" and event["step"] == step:
                break
        else:
            pytest.fail(f"the step {step} never started")
        time.sleep(0.05)
        kill_group(process)
        process.wait(timeout=120)
    _finished(tool)
    # Of the killed process alone: others may use the same engine.
    label = f"label=mlserving-migrate.process={platform.node()}:{process.pid}"
    leftovers = ["docker", "ps", "--all", "--quiet", "--filter", label]
    assert subprocess.run(leftovers, capture_output=True, check=True, text=True).stdout == ""


@pytest.mark.parametrize("step", [pytest.param("build", marks=pytest.mark.slow), "deploy"])
def test_ctrl_c_stops_cleanly_and_says_what_to_type_next(tool: Tool, step: str) -> None:
    with tool.start("run", NAMESPACE, "--model", "iris", "--yes", "--authorize", "--json") as process, ending(process):
        assert process.stdout is not None
        events: list[dict[str, object]] = []
        asked = False
        for line in process.stdout:
            events.append(json.loads(line))
            if not asked and events[-1]["event"] == "step-started" and events[-1]["step"] == step:
                process.send_signal(signal.SIGINT)  # once: a second one ends the command at once
                asked = True
        process.wait(timeout=120)
    assert process.returncode == 130
    assert events[-1]["event"] == "result"
    assert events[-1]["exit_code"] == 130
    assert "migrate run" in json.dumps(events[-1])
    _finished(tool)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("POST", r"/ai/app$", id="app"),
        pytest.param("POST", r"/ai/token$", id="token", marks=pytest.mark.slow),
    ],
)
def test_killed_when_answered_but_not_journalled(tool: Tool, tmp_path: Path, method: str, path: str) -> None:
    reached = tmp_path / "reached"
    with tool.start("run", NAMESPACE, "--model", "iris", "--yes", "--authorize", "--json") as process, ending(process):
        fault = control.fail(
            tool.sandbox.folder, "hold", method=method, path_regex=path, touch=str(reached), seconds=3600
        )
        wait_until(reached.exists, "the command did not reach the point")
        (journal,) = tool.workspace.glob("*/*/*/journal.sqlite")
        lock = sqlite3.connect(journal, timeout=30, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        before = len(tool.sandbox.log())
        control.release(tool.sandbox.folder, fault)
        wait_until(lambda: _answered(tool, method, path, before), "the request was not answered")
        time.sleep(0.3)  # it may read the answer; killed before that, it goes on as after the point "answered"
        kill_group(process)
        process.wait(timeout=120)
        lock.execute("ROLLBACK")
        lock.close()
    _finished(tool)


def _answered(tool: Tool, method: str, path: str, before: int) -> bool:
    ending = path.removesuffix("$")
    return any(line.method == method and line.operation.endswith(ending) for line in tool.sandbox.log()[before:])

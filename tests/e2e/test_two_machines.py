"""Whole commands of two machines on one source: one app without a shared folder, and one at a time with one."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.harness import NAMESPACE, Tool, ending
from tests.waiting import wait_until

if TYPE_CHECKING:
    import subprocess

pytestmark = pytest.mark.slow

WORDS = ("run", NAMESPACE, "--model", "iris", "--yes", "--authorize", "--json")


def other(folder: Path) -> dict[str, str]:
    """The environment of the other machine: another workspace."""
    return {"MIGRATE_WORKSPACE": str(folder / "other")}


def result(process: "subprocess.Popen[str]") -> dict[str, object]:
    out, err = process.communicate(timeout=280)
    assert "Traceback" not in err, err
    last: dict[str, object] = json.loads(out.splitlines()[-1])
    return last


def test_two_commands_at_once_leave_one_app_that_both_have_proven(tool: Tool, tmp_path: Path) -> None:
    with (
        tool.start(*WORDS) as one,
        ending(one),
        tool.start(*WORDS, **other(tmp_path)) as two,
        ending(two),
    ):
        results = [result(one), result(two)]
    left = tool.sandbox.left()
    (app,) = left["apps"]
    ends = [(one["models"][0]["outcome"], one["models"][0].get("reason")) for one in results]  # type: ignore[index]
    made_by = app["spec"]["labels"]["mls-run"]
    # One that listed the apps after the other had made its own was told so, and made none.
    assert ends.count(("done", "")) + ends.count(("done", None)) >= 1, ends
    assert set(ends) <= {("done", ""), ("done", None), ("needs-you", "app-of-another-run")}, ends
    for ended, environment in zip(results, ({}, other(tmp_path)), strict=True):
        undone = tool("undo", NAMESPACE, "--yes", "--json", **environment)
        assert undone.code == 0, undone.err
        data = undone.result["data"]
        shared = [text for text in data["stay"] if text.startswith("app ")]
        ours = ended["data"]["run"] == made_by  # type: ignore[index]
        assert not (ours and shared)
    assert tool.sandbox.left() == {"apps": [], "tokens": [], "registrations": [], "users": []}


def test_a_second_machine_is_told_who_works_on_the_source(tool: Tool, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    with tool.start(*WORDS, "--state", str(state)) as first, ending(first):
        wait_until(lambda: any(state.rglob("lease/*")), "the first one takes no lease")
        second = tool.run(NAMESPACE, "--model", "iris", "--state", str(state), **other(tmp_path))
        assert second.code == 5
        assert second.result["error"]["code"] == "lease-held"
        assert f"process {first.pid}" in second.result["error"]["what"]
        ended = result(first)
        assert ended["exit_code"] == 0, ended
    assert len(tool.sandbox.left()["apps"]) == 1
    third = tool.run(NAMESPACE, "--model", "iris", "--state", str(state), **other(tmp_path))
    assert third.outcomes["iris"]["reason"] == "app-of-another-run"  # the first has ended and given its lease back

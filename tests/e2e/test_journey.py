"""The main job: a namespace moves, is proven, and moving it again does nothing."""

import json
import shutil
import signal
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.harness import BROKEN, GOOD, NAMESPACE, ROOT, Tool, ending

TWO = (NAMESPACE, "--model", "iris", "--model", "titanic")


def test_a_namespace_moves_and_is_proven_against_the_old_endpoints(tool: Tool) -> None:
    ended = tool.run()

    assert ended.code == 4, ended.err
    assert ended.result["exit_code"] == 4
    outcomes = ended.outcomes
    assert set(outcomes) == {*GOOD, BROKEN}
    for model in GOOD:
        assert outcomes[model]["outcome"] == "done", outcomes[model]
        assert outcomes[model]["proof"] == "live"
        assert outcomes[model]["worst_difference"] <= 1e-5
        assert outcomes[model]["old_url"] != outcomes[model]["new_url"]
    assert outcomes[BROKEN]["outcome"] == "needs-you"
    assert outcomes[BROKEN]["reason"]
    assert outcomes[BROKEN]["task"]

    left = tool.sandbox.left()
    assert len(left["apps"]) == len(GOOD)
    assert all(app["status"]["state"] == "RUNNING" for app in left["apps"])
    assert all(app["spec"]["resources"]["cpu"] >= 1 for app in left["apps"])
    assert all(not app["spec"]["unsecureHttp"] for app in left["apps"])
    # The proof's own token is gone; what is left opens the customer's apps and is written in private files.
    token_files = [path for path in tool.workspace.rglob("*") if path.is_file() and "tokens" in path.parts]
    assert token_files
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in token_files)
    values = [line for path in token_files for line in path.read_text(encoding="utf-8").split()]
    assert not any(value in ended.out + ended.err for value in values if len(value) > 30)


def test_a_second_run_does_nothing_and_says_the_same(tool: Tool) -> None:
    first = tool.run()
    before = len(tool.sandbox.log())
    second = tool.run()

    since = tool.sandbox.log()[before:]
    assert second.code == first.code == 4
    assert {m: o["new_url"] for m, o in second.outcomes.items() if "new_url" in o} == {
        m: o["new_url"] for m, o in first.outcomes.items() if "new_url" in o
    }
    written = [line for line in since if line.method not in ("GET", "HEAD") and line.service == "api"]
    assert written == []
    assert not [line for line in since if line.service == "storage"]
    asked = [line.operation.rpartition("/")[2] for line in since if line.service == "api"]
    assert len(asked) == len(set(asked)) <= 8, "once a run, and nothing for each model"
    assert not [line for line in since if line.service == "registry" and line.method in ("POST", "PUT", "PATCH")]
    assert not any(event["event"] == "step-started" and event["step"] == "runtime" for event in second.events)
    assert len(tool.sandbox.left()["apps"]) == len(GOOD)


def test_undo_leaves_nothing(tool: Tool) -> None:
    tool.run(*TWO)
    another = tool("undo", NAMESPACE, "--yes", "--json", "--project", "0" * 29 + "bbb")
    assert (another.code, another.error["code"]) == (2, "no-journal")
    assert len(tool.sandbox.left()["apps"]) == 2
    ended = tool("undo", NAMESPACE, "--yes", "--json")

    assert ended.code == 0, ended.err
    assert tool.sandbox.left() == {"apps": [], "tokens": [], "registrations": [], "users": []}
    again = tool("undo", NAMESPACE, "--yes", "--json")
    assert again.code == 0


@pytest.mark.slow
def test_undo_of_one_model_leaves_what_another_uses(tool: Tool) -> None:
    tool.run(*TWO)
    ended = tool("undo", NAMESPACE, "--model", "iris", "--yes", "--json")

    assert ended.code == 0, ended.err
    left = tool.sandbox.left()
    assert len(left["apps"]) == 1
    again = tool.run(NAMESPACE, "--model", "titanic")
    assert again.code == 0, again.err
    assert again.outcomes["titanic"]["outcome"] == "done"


def test_a_run_that_is_stopped_while_an_app_starts_tells_what_is_billed(tool: Tool) -> None:
    process = tool.start("run", NAMESPACE, "--model", "iris", "--yes", "--authorize", "--json")
    with ending(process):
        assert process.stdout is not None
        lines = []
        for line in process.stdout:  # the first state that is told comes after the id was journalled
            lines.append(line)
            event = json.loads(line)
            if (event["event"], event.get("step")) == ("step-started", "deploy") and event.get("detail"):
                process.send_signal(signal.SIGINT)
                break
        out, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    result = json.loads((lines + out.splitlines())[-1])
    (app,) = tool.sandbox.left()["apps"]
    assert [known["id"] for known in result["data"]["apps"]] == [app["id"]]
    assert result["data"]["billed_text"].startswith("1 app with 1 CPU in all, by the minute")
    assert result["models"][0]["app_id"] == app["id"]
    status = tool("status")
    assert "1 app with 1 CPU in all exists and is billed" in status.out
    assert "stopped" in status.out


def test_a_dry_run_changes_nothing(tool: Tool) -> None:
    ended = tool("run", NAMESPACE, "--dry-run", "--json")

    assert ended.code in (0, 4), ended.err
    asked = [line for line in tool.sandbox.log() if line.service == "api" and line.method not in ("GET", "HEAD")]
    assert {line.operation.rpartition("/")[2] for line in asked} <= {"publicUrl"}, "URLs to read the files by"
    assert tool.sandbox.left()["apps"] == []
    assert [outcome["model"] for outcome in ended.result["models"]] == [BROKEN], "what cannot be served is named"


def test_status_and_why_tell_what_happened(tool: Tool) -> None:
    tool.run(NAMESPACE, "--model", "iris", "--model", BROKEN)
    status = tool("status", NAMESPACE, "--json")
    assert status.code == 0, status.err
    assert "RUNNING" in json.dumps(status.result)

    before = len(tool.sandbox.log())
    why = tool("why", NAMESPACE, BROKEN)
    assert why.code == 0, why.err
    assert "churn.onnx" in why.out or "truncated" in why.out.lower()
    assert len(tool.sandbox.log()) == before, "why is offline"


def test_the_printed_curl_line_answers(tool: Tool) -> None:
    ended = tool("run", NAMESPACE, "--model", "iris", "--yes", "--authorize")
    assert ended.code == 0, ended.err
    line = next(line for line in ended.out.splitlines() if "curl " in line)
    command = line[line.index("curl ") :]
    answer = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, timeout=60)
    assert isinstance(json.loads(answer.stdout), dict), answer.stdout


def test_a_question_without_a_terminal_names_the_option(tool: Tool) -> None:
    ended = tool("run", NAMESPACE, "--json")
    assert ended.code == 2
    assert "--yes" in ended.error["next_step"] + ended.error["what"]


def test_a_model_that_is_not_there_is_named(tool: Tool) -> None:
    ended = tool.run(NAMESPACE, "--model", "nobody")
    assert ended.code == 2
    assert "nobody" in ended.error["what"]


def test_apps_answer_only_with_a_token(tool: Tool, tmp_path: Path) -> None:
    ended = tool.run(NAMESPACE, "--model", "iris")
    url = ended.outcomes["iris"]["new_url"]
    assert requests.get(f"{url}/describe", timeout=60).status_code == 401
    assert requests.get(f"{url}/describe", headers={"Authorization": "Bearer nonsense"}, timeout=60).status_code == 401


@pytest.mark.slow
def test_a_waiting_model_gives_its_slot_up_and_copies_are_rehearsed_once(tool: Tool) -> None:
    source = tool.workspace.parent / "copies"
    for name in ("one", "two", "three"):
        shutil.copytree(ROOT / "examples/models/iris", source / name)
    ended = tool.run(str(source), "--jobs", "1")

    assert ended.code == 0, ended.err
    assert {outcome["outcome"] for outcome in ended.outcomes.values()} == {"done"}
    steps = [(event["event"], event["step"], event["model"]) for event in ended.events if at_step(event)]
    first, second, third = sorted(ended.outcomes, key=lambda name: steps.index(("step-started", "deploy", name)))
    waiting = steps[steps.index(("step-started", "deploy", first)) : steps.index(("step-finished", "deploy", first))]
    assert second in {name for _, _, name in waiting}
    rehearsed = [event for event in ended.events if at_step(event) and event["step"] == "rehearse"]
    assert {event["model"] for event in rehearsed if event["event"] == "step-progress"} == {first}
    details = [event["detail"] for event in rehearsed if event["event"] == "step-finished"]
    assert [f", as {first} with the same files" in detail for detail in details] == [False, True, True]
    why = json.loads(tool("why", str(source), third, "--json").out.splitlines()[-1])
    assert why["exit_code"] == 0


def at_step(event: dict[str, Any]) -> bool:
    return "step" in event and bool(event.get("model"))

"""Commands as processes on the sandbox's API: what they print, how they end, how they stop."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import pytest

from migrate.sandbox import control
from migrate.sandbox.world.samples import read_index
from tests.waiting import wait_until

pytestmark = pytest.mark.programs

MIGRATE = str(Path(sys.executable).with_name("migrate"))
NAMESPACE = read_index().namespace.id
MODELS = Path(__file__).parents[2] / "examples" / "models"


class Tool:
    def __init__(self, sandbox: Path, folder: Path) -> None:
        self.folder = folder
        self.encoding = "utf-8"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            **control.env(sandbox),
            "DOCKER_HOST": "tcp://127.0.0.1:1",
            "MIGRATE_WORKSPACE": str(folder / "workspace"),
            "MIGRATE_SANDBOX": str(sandbox),
        }

    def start(self, *words: str, stderr: IO[str] | int = subprocess.PIPE) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [MIGRATE, *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            encoding=self.encoding,
        )

    def __call__(self, *words: str) -> tuple[int, str, str]:
        process = self.start(*words)
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in err, err
        return process.returncode, out, err

    def json(self, *words: str) -> tuple[int, list[dict[str, Any]]]:
        code, out, _ = self(*words, "--json")
        events = [json.loads(line) for line in out.splitlines()]
        assert events[-1]["event"] == "result"
        assert events[-1]["exit_code"] == code
        return code, events


@pytest.fixture
def tool(sandbox: Path, tmp_path: Path) -> Tool:
    return Tool(sandbox, tmp_path)


def test_list_shows_places_and_models(tool: Tool) -> None:
    code, out, err = tool("list")
    assert (code, err) == (0, "")
    assert NAMESPACE in out
    assert "models@GRA" in out
    code, events = tool.json("list", NAMESPACE)
    assert [model["id"] for model in events[-1]["data"]["models"]] == ["iris", "titanic", "digits", "housing", "broken"]


@pytest.mark.parametrize(
    "encoding", [*(pytest.param(name, marks=pytest.mark.slow) for name in ("latin-1", "cp1252")), "ascii", "utf-8"]
)
def test_every_screen_can_be_written_in_every_encoding(tool: Tool, tmp_path: Path, encoding: str) -> None:
    folder = tmp_path / "models"
    (folder / "模型").mkdir(parents=True)
    (folder / "模型" / "model.onnx").write_bytes((MODELS / "broken" / "churn.onnx").read_bytes())
    tool.environment["PYTHONIOENCODING"] = encoding
    tool.encoding = encoding
    arrow, mark = ("→", "✗") if encoding == "utf-8" else ("->", "x")
    name = "模型" if encoding == "utf-8" else "\\u6a21\\u578b"
    code, out, _ = tool("run", NAMESPACE, "--dry-run")
    assert (code, f"{NAMESPACE} {arrow} AI Deploy" in out) == (0, True)
    code, out, err = tool("run", NAMESPACE, "--yes", "--authorize")
    assert code == 7, "there is no engine"
    assert f"{mark} iris" in out
    assert f"{arrow} " in out
    assert f"{mark} failed" in err
    code, out, _ = tool("status")
    assert (code, f"{mark} iris" in out) == (0, True)
    code, out, _ = tool("list", str(folder))
    assert (code, name in out) == (0, True)
    code, out, err = tool("run", str(folder), "--yes", "--authorize")
    assert (code, name in out, name in err) == (4, True, True)


def test_a_dry_run_shows_the_plan(tool: Tool) -> None:
    code, out, _ = tool("run", NAMESPACE, "--dry-run")
    assert code == 0
    assert "make an app" in out
    assert "billed by the minute" in out
    assert "broken: needs you: " in out, "the files are looked into, and nothing would be made of these"
    _, events = tool.json("run", NAMESPACE, "-n")
    assert len(events[-1]["data"]["plan"]["apps"]) == 4
    assert [outcome["model"] for outcome in events[-1]["models"]] == ["broken"]
    assert tool("status")[1].startswith("Nothing was run"), "a dry run keeps no journal"


@pytest.mark.parametrize(("more", "option"), [((), "--yes"), (("--yes",), "--authorize")])
def test_each_question_names_its_option(tool: Tool, more: Sequence[str], option: str) -> None:
    code, events = tool.json("run", NAMESPACE, *more)
    assert code == 2
    assert option in events[-1]["error"]["next_step"]


def test_a_run_without_an_engine_tells_each_model_and_status_and_why_know_it(tool: Tool) -> None:
    code, out, err = tool("run", NAMESPACE, "--yes", "--authorize")
    assert code == 7
    assert "0 of 5 migrated, 1 needs you, 4 failed" in out
    assert out.count("No container engine answers") == 1
    assert "iris, titanic, digits, housing: No container engine answers" in " ".join(out.split())
    assert "engine-not-running" not in out  # a code is for programs
    assert "iris" in err
    code, out, _ = tool("status", NAMESPACE)
    assert code == 0
    assert "engine-not-running" in out
    code, out, _ = tool("why", NAMESPACE, "broken")
    assert code == 0
    assert "byte" in out
    code, out, _ = tool("undo", NAMESPACE, "--yes")
    assert code == 0
    assert "There was nothing to delete." in out
    assert "authorization" in out


def test_the_command_that_goes_on_proves_as_much_and_tells_no_secret(tool: Tool, tmp_path: Path) -> None:
    file = tmp_path / "old token"
    token = "a-token-of-the-old-endpoints"
    file.write_text(token)
    words = ("run", NAMESPACE, "--model", "iris", "--proof", "live", "--old-token-file", str(file))
    code, out, err = tool(*words, "--yes", "--authorize", "--json")
    assert code == 7  # there is no engine
    again = json.loads(out.splitlines()[-1])["data"]["again"]
    assert shlex.split(again)[1:] == [
        "run", NAMESPACE, "--model", "iris", "--proof", "live", "--old-token-file", str(file),
        "--workspace", tool.environment["MIGRATE_WORKSPACE"],
    ]  # fmt: skip
    assert token not in out + err
    file.unlink()
    code, events = tool.json(*shlex.split(again)[1:], "--yes")
    assert (code, events[-1]["error"]["code"]) == (3, "no-old-token")


def test_json_has_standard_output_to_itself(tool: Tool) -> None:
    code, events = tool.json("run", NAMESPACE, "--model", "broken", "--yes", "--authorize")
    assert code == 4
    assert {event["v"] for event in events} == {1}
    assert [event["event"] for event in events].count("result") == 1


def test_nothing_is_made_of_two_models_with_one_id(sandbox: Path, tool: Tool, tmp_path: Path) -> None:
    models = [{"id": "a", "workflowTemplateParameters": {"storagePath": path}} for path in ("iris", "titanic")]
    namespace = {"id": "n", "container": "models", "region": "GRA"}
    file = tmp_path / "inventory.json"
    file.write_text(json.dumps({"namespace": namespace, "models": models}))
    for words in (("list",), ("run", "--yes", "--authorize"), ("run", "--dry-run")):
        code, events = tool.json(words[0], str(file), *words[1:])
        assert (code, events[-1]["error"]["code"]) == (2, "same-id"), words
    assert not [line for line in control.requests_made(sandbox) if line.method not in ("GET", "HEAD")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_cleanly_and_says_what_to_type(
    sandbox: Path, tool: Tool, tmp_path: Path, number: signal.Signals
) -> None:
    reached = tmp_path / "reached"
    control.fail(
        sandbox,
        "hold",
        service="storage",
        method="GET",
        path_regex="onnx",
        point="before",
        touch=str(reached),
        seconds=3600,
    )
    words, said = ("run", NAMESPACE, "--model", "iris", "--yes", "--authorize"), tmp_path / "said"
    with said.open("w") as stderr, tool.start(*words, stderr=stderr) as process:
        wait_until(reached.exists, said.read_text)
        process.send_signal(number)
        wait_until(lambda: "Stopping cleanly" in said.read_text(), said.read_text)
        control.release(sandbox)
        out, _ = process.communicate(timeout=120)
    err = said.read_text()
    assert process.returncode == 130, err
    assert f"migrate run {NAMESPACE}" in out
    assert "Traceback" not in err
    assert tool("run", NAMESPACE, "--model", "iris", "--yes", "--authorize")[0] == 7  # the lock is free; no engine


def test_a_second_signal_ends_at_once(sandbox: Path, tool: Tool, tmp_path: Path) -> None:
    reached = tmp_path / "reached"
    control.fail(sandbox, "hold", service="api", method="GET", path_regex="/ai/app$", touch=str(reached), seconds=3600)
    said = tmp_path / "said"
    with said.open("w") as stderr, tool.start("run", NAMESPACE, "--yes", "--authorize", stderr=stderr) as process:
        wait_until(reached.exists, said.read_text)
        process.send_signal(signal.SIGINT)
        wait_until(lambda: "Stopping cleanly" in said.read_text(), said.read_text)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)  # what it waits for is held for an hour
    assert process.returncode == 130
    assert "Ended at once" in said.read_text()
    control.release(sandbox)


def test_the_sandbox_is_commanded(tool: Tool) -> None:
    code, events = tool.json("sandbox", "status")
    assert code == 0
    assert events[-1]["data"]["ready"] is True
    code, out, _ = tool("sandbox", "env")
    assert "export OVH_ENDPOINT=http://127.0.0.1:" in out
    code, out, _ = tool("sandbox", "fail", "429", "times=2")
    assert code == 0
    assert tool("sandbox", "fail", "--none")[1] == "1 faults lifted.\n"
    code, events = tool.json("sandbox", "fail", "no-such-fault")
    assert (code, events[-1]["error"]["code"]) == (7, "sandbox")
    assert tool("sandbox", "fail", "429", "times")[0] == 2
    assert tool("sandbox", "status", "--folder", str(tool.folder / "none"))[1].startswith("No sandbox runs")
    assert tool("sandbox", "stop", "--folder", str(tool.folder / "none"))[1] == "No sandbox was running.\n"
    assert tool("sandbox", "env", "--folder", str(tool.folder / "none"))[0] == 7


def test_a_model_that_cannot_be_served_is_not_exported(tool: Tool) -> None:
    code, events = tool.json("export", str(MODELS / "broken"), "--out", str(tool.folder / "out"))
    assert code == 4
    assert events[-1]["error"]["code"] == "truncated"
    assert not (tool.folder / "out").exists()
    code, events = tool.json("build", str(MODELS / "iris"), "--tag", "iris:1")
    assert (code, events[-1]["error"]["code"]) == (7, "engine-not-running")
    (tool.folder / "empty").mkdir()
    code, events = tool.json("export", str(tool.folder / "empty"), "--out", str(tool.folder / "out"))
    assert (code, events[-1]["error"]["code"]) == (2, "no-models")

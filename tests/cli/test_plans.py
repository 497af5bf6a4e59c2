"""plan, show and apply as they are typed: what they print, what they write, and how they end."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.cli.main import run
from migrate.sandbox import control
from migrate.sandbox.world.samples import read_index

TITANIC = Path(__file__).parents[2] / "examples" / "models" / "titanic" / "pipeline_titanic.onnx"
NAMESPACE = read_index().namespace.id
Type = Callable[..., dict[str, Any]]


@pytest.fixture
def typed(sandbox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Type:
    for name, text in control.env(sandbox).items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    count = 0

    def call(*words: str) -> dict[str, Any]:
        nonlocal count
        count += 1
        monkeypatch.setenv("MIGRATE_WORKSPACE", str(tmp_path / f"workspace-{count}"))  # another machine each time
        code = run([*words, "--json"])
        events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert events[-1]["exit_code"] == code
        found: dict[str, Any] = events[-1]
        return found

    return call


def test_a_plan_is_written_shown_and_pinned(typed: Type, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    made = typed("plan", NAMESPACE, "--model", "iris", "--out", str(file), "--detailed-exitcode")
    assert (made["command"], made["exit_code"]) == ("plan", 10), "there is something to do"
    digest = made["data"]["digest"]
    assert f"--expect {digest}" in made["data"]["apply"]
    assert json.loads(file.read_text())["digest"] == digest
    assert file.stat().st_mode & 0o077, "a plan is no secret"

    shown = typed("show", str(file))
    assert shown["exit_code"] == 0
    assert shown["data"]["plan"] == made["data"]["plan"]
    page = tmp_path / "plan.html"
    assert typed("show", str(file), "--html", str(page))["data"]["digest"] == digest
    assert page.read_text().startswith("<!doctype html>")

    other = typed("apply", str(file), "--yes", "--expect", "sha256:" + "0" * 64)
    assert (other["exit_code"], other["error"]["code"]) == (8, "other-plan")
    applied = typed("apply", str(file), "--yes", "--authorize", "--expect", digest, "--ticket", "CHG7")
    assert applied["exit_code"] == 7, "there is no engine"
    assert [outcome["reason"] for outcome in applied["models"]] == ["engine-not-running"]
    assert (applied["data"]["plan"], applied["data"]["ticket"]) == (digest, "CHG7")


def test_what_a_plan_opens_is_not_agreed_to_unseen(typed: Type, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    words = ("--model", "iris", "--registry", "registry.test/team", "--authorize", "--adopt")
    made = typed("plan", NAMESPACE, *words, "--out", str(file))
    refused = typed("apply", str(file), "--yes")
    assert (refused["exit_code"], refused["error"]["code"]) == (8, "unpinned-plan")
    for part in ("registry.test/team", "apps of other runs", "object storage"):
        assert part in refused["error"]["what"]
    assert made["data"]["digest"] in refused["error"]["next_step"]
    asked = typed("apply", str(file))
    assert (asked["exit_code"], asked["error"]["code"]) == (2, "needs-answer"), "without --yes a person is asked"


def test_a_stale_plan_ends_with_6(typed: Type, tmp_path: Path, sandbox: Path) -> None:
    file = tmp_path / "plan.json"
    typed("plan", "models@GRA", "--model", "iris", "--out", str(file))
    control.put_object(sandbox, "models", "iris/iris.onnx", TITANIC)
    stale = typed("apply", str(file), "--yes", "--authorize")
    assert (stale["exit_code"], stale["error"]["code"]) == (6, "stale-plan")
    assert "size of object iris/iris.onnx of iris from 670 to 1568" in stale["error"]["what"]
    assert f"migrate plan models@GRA --model iris --out {file}" in stale["error"]["next_step"]


def test_a_file_that_is_no_plan_ends_with_2(typed: Type, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    for data in (b"{}", b"\xff", b"[" * 100_000):
        file.write_bytes(data)
        for command in ("show", "apply"):
            refused = typed(command, str(file))
            assert (refused["exit_code"], refused["error"]["code"]) == (2, "bad-plan")
    for path in (tmp_path, tmp_path / "none.json"):
        assert typed("apply", str(path))["error"]["code"] == "bad-plan"


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_asked(typed: Type, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    typed("plan", NAMESPACE, "--model", "iris", "--out", str(file))
    for words in (("plan", "no-such-source", "--out"), ("show", str(file), "--html")):
        for path, why in ((tmp_path, "it is a folder"), (tmp_path / "none" / "x", "its folder is not there")):
            refused = typed(*words, str(path))
            assert (refused["exit_code"], refused["error"]["code"]) == (2, "usage")
            assert refused["error"]["what"] == f"{path} cannot be written: {why}."
            assert f"another file for {words[-1]}" in refused["error"]["next_step"]


@pytest.mark.slow
def test_a_ticket_that_is_no_label_is_refused(typed: Type, tmp_path: Path) -> None:
    for ticket in ("a b", "-x", "x" * 64, "ü", ""):
        assert typed("apply", str(tmp_path / "p.json"), "--ticket", ticket)["exit_code"] == 2
    assert typed("run", NAMESPACE, "--ticket", "CHG 7", "--yes")["error"]["code"] == "usage"


@pytest.mark.slow
def test_the_page_shows_what_is_printed(
    typed: Type, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed("plan", NAMESPACE)  # on the first machine; what is shown is of the next one
    monkeypatch.setenv("COLUMNS", "100")
    assert run(["plan", NAMESPACE, "--layout", "cheapest"]) == 0
    printed = re.sub(r"sha256:[0-9a-f]{64}", "sha256:…", capsys.readouterr().out)
    printed = re.sub(r"project [0-9a-f]{32}", "project PROJECT", printed)
    page = (Path(__file__).parents[2] / "docs" / "plan.md").read_text(encoding="utf-8")
    shown = page.split("--layout cheapest\n    namespace ")[1].split("\n\nThe same as a page")[0]
    lines = [line.removeprefix("    ").rstrip() for line in f"    namespace {shown}".splitlines()]
    assert lines == [line.rstrip() for line in printed.splitlines()]

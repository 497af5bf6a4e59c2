"""``-v``: each call on standard error as it happens; what programs read stays as it is."""

import json
from pathlib import Path
from typing import Any

import pytest

from migrate.cli.main import run
from migrate.core.options.shared import VERBOSE
from migrate.sandbox import control
from tests.clouds import logged, sandbox, started

__all__ = ["sandbox", "started"]


@pytest.fixture
def here(sandbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in control.env(sandbox).items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MIGRATE_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.delenv(VERBOSE.variable, raising=False)
    return tmp_path / "workspace"


def answered(out: str) -> dict[str, Any]:
    (line,) = (json.loads(one) for one in out.splitlines())
    assert line.pop("t")
    return dict(line)


def test_the_calls_are_on_standard_error_and_json_is_the_same(
    here: Path, sandbox: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["list", "--json"]) == 0
    silent = capsys.readouterr()
    assert silent.err == ""
    assert run(["list", "-v", "--json"]) == 0
    told = capsys.readouterr()
    assert answered(told.out) == answered(silent.out)
    lines = told.err.splitlines()
    query_ids = {line.query_id for line in logged(sandbox)}
    assert len(lines) >= 3
    for line in lines:
        assert "  GET  /" in line
        assert query_ids & set(line.split())
    monkeypatch.setenv(VERBOSE.variable, "1")
    assert run(["list", "--json"]) == 0
    assert capsys.readouterr().err.count("  GET  /") == len(lines)
    monkeypatch.setenv(VERBOSE.variable, "0")
    assert run(["list", "--json"]) == 0
    assert capsys.readouterr().err == ""
    assert len(list((here / "calls").glob("*.jsonl"))) == 4


def test_a_workspace_without_room_for_the_log_stops_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here.mkdir()
    (here / "calls").write_text("in the way")
    assert run(["list"]) == 0
    assert capsys.readouterr().err == ""

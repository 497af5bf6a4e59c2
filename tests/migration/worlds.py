"""A workspace with a copy of a kept journal, and the commands on it as a program calls them."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from migrate.cli.main import run
from migrate.migration.run.workspace import Workspace
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from tests.migration.kept import JOURNALS, Kept

FIRST: Final = JOURNALS / "0.1.0"
BROKEN: Final = "broken"  # the model that comes to its end without an engine


class World:
    """A workspace with a copy of a kept journal, and the commands on it."""

    def __init__(self, folder: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
        self.workspace = Workspace(folder)
        self.cloud = cloud
        self._capsys = capsys
        self.journal = self.copy("separate")

    def copy(self, name: str, *, source: str | None = None) -> Kept:
        endpoint, project = self.cloud.session.endpoint_name, self.cloud.project
        return Kept(FIRST / f"{name}.sqlite", self.workspace, endpoint=endpoint, project=project, source=source)

    def __call__(self, *words: str) -> dict[str, Any]:
        """The result line of a command, which must be its last line and say its exit code."""
        code = run([*words, "--json"])
        shown = self._capsys.readouterr()
        events: list[dict[str, Any]] = [json.loads(line) for line in shown.out.splitlines()]
        assert events, shown.err
        assert events[-1]["event"] == "result"
        assert events[-1]["exit_code"] == code
        if code == 7 and "error" in events[-1]:
            error = events[-1]["error"]
            assert error["what"].endswith(".")
            assert "\n" not in error["what"]
            assert error["next_step"]
        return events[-1]

    def status(self) -> dict[str, Any]:
        return self("status", self.journal.source, "--offline")

    def why(self, model: str = BROKEN) -> dict[str, Any]:
        return self("why", self.journal.source, model)

    def run(self, model: str = BROKEN) -> dict[str, Any]:
        return self("run", self.journal.source, "--model", model, "--yes", "--authorize")

    def undo(self, *models: str) -> dict[str, Any]:
        return self("undo", self.journal.source, "--yes", *(word for name in models for word in ("--model", name)))


@pytest.fixture
def world(
    cloud: Cloud, sandbox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> World:
    folder = tmp_path / "workspace"
    for name, text in control.env(sandbox).items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MIGRATE_WORKSPACE", str(folder))
    monkeypatch.setenv("MIGRATE_POLL_SECONDS", "0.2")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    return World(folder, cloud, capsys)

"""The small values: workspaces, units, groups, outcomes, revisions, what to type next."""

import os
import stat
from pathlib import Path

import pytest

from migrate.core.errors import (
    ConfigurationError,
    ExitCode,
    Interrupted,
    LocalError,
    NeedsYouError,
    RefusedError,
    RemoteError,
)
from migrate.core.values import FolderLocation, ModelRecord, Outcome
from migrate.migration.journey import outcomes
from migrate.migration.journey.models import group
from migrate.migration.journey.revisions import UNKNOWN, revisions
from migrate.migration.run.units import Unit, packed_id
from migrate.migration.run.workspace import Workspace, open_workspace
from migrate.ovhcloud.session import Cloud

HOSTILE = '../../x"\nRUN nowhere'


def record(name: str, **more: str) -> ModelRecord:
    return ModelRecord(id=name, source="models@GRA", **more)


def test_ten_sources_are_ten_folders(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    folders = {
        workspace.source(endpoint, project, source).path
        for endpoint in ("ovh-eu", "ovh-ca")
        for project in ("p1", "p2")
        for source in ("ns", "models@GRA", "models@gra", HOSTILE)
    }
    assert len(folders) == 16
    assert all(folder.is_relative_to(tmp_path) and ".." not in folder.parts for folder in folders)


def test_a_workspace_is_private_and_one_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    made = open_workspace(tmp_path / "a" / "b")
    assert stat.S_IMODE(made.root.stat().st_mode) == 0o700
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalError) as caught:
        open_workspace(tmp_path / "file" / "below")
    assert "--workspace" in caught.value.next_step


def test_the_default_workspace_is_the_platforms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert open_workspace(None).root.is_relative_to(tmp_path)


def test_a_unit_keeps_its_key_and_no_two_units_share_one() -> None:
    units = [
        Unit(id=name, records=(record(name),), packed=False) for name in ("a", "b", HOSTILE, packed_id("onnx", ()))
    ]
    units.append(Unit(id=packed_id("onnx", ()), records=(record("a"), record("b")), packed=True))
    units.append(Unit(id=packed_id("onnx", ("a",)), records=(record("a"),), packed=True))
    keys = {unit.key("project") for unit in units}
    assert len(keys) == len(units)
    assert all(len(key) == 40 for key in keys)
    assert len({unit.subject for unit in units}) == len(units)
    repaired = Unit(id=packed_id("onnx", ()), records=(record("a"),), packed=True)
    assert repaired.key("project") == units[4].key("project")
    assert all("/" not in unit.name and "\n" not in unit.name for unit in units)


def test_groups_are_models_or_all_of_them() -> None:
    records = (record("a"), record("b"))
    assert [item.records for item in group(records, "separate", ())] == [(records[0],), (records[1],)]
    (packed,) = group(records, "packed", ())
    assert packed.records == records
    assert group((), "packed", ()) == ()


@pytest.mark.parametrize(
    ("codes", "interrupted", "code"),
    [
        ((), False, ExitCode.DONE),
        ((0, 0), False, ExitCode.DONE),
        ((0, 4), False, ExitCode.NEEDS_YOU),
        ((5, 5, 0), False, ExitCode.REMOTE),
        ((7,), False, ExitCode.LOCAL),
        ((5, 7), False, ExitCode.NEEDS_YOU),
        ((4, 5), False, ExitCode.NEEDS_YOU),
        ((4, 1), False, ExitCode.BUG),
        ((4, 130), True, ExitCode.INTERRUPTED),
    ],
)
def test_several_causes_give_four(codes: tuple[int, ...], interrupted: bool, code: ExitCode) -> None:
    found = [Outcome(model=str(number), outcome="done", exit_code=number) for number in codes]
    assert outcomes.exit_code(found, interrupted=interrupted) is code


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (NeedsYouError("x", code="c", next_step="do"), "needs-you", 4),
        (RefusedError("x", code="c", next_step="do"), "needs-you", 8),
        (RemoteError("x", code="c", query_id="q"), "failed", 5),
        (ConfigurationError("x", code="c"), "failed", 3),
        (Interrupted(), "skipped", 130),
        (ZeroDivisionError(), "failed", 1),
    ],
)
def test_an_end_has_a_reason_a_task_and_a_code(error: Exception, kind: str, code: int) -> None:
    outcome = outcomes.ended(record("a", old_url="http://old"), error, again="migrate run x")
    assert (outcome.outcome, outcome.exit_code, outcome.old_url) == (kind, code, "http://old")
    assert outcome.reason
    assert outcome.task
    if isinstance(error, RemoteError):
        assert outcome.query_id == "q"


def test_a_folders_revision_changes_with_its_files(cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"one")
    model = record("m", location=FolderLocation(path=str(tmp_path)))  # type: ignore[arg-type]

    def now() -> str:
        return revisions(cloud, (model,), jobs=2)["m"]

    first = now()
    assert first == now() != UNKNOWN
    os.utime(tmp_path / "m.onnx", ns=(1, 1))
    second = now()
    (tmp_path / "other").write_bytes(b"")
    assert len({first, second, now()}) == 3
    gone = record("m", location=FolderLocation(path=str(tmp_path / "gone")))  # type: ignore[arg-type]
    assert revisions(cloud, (gone,), jobs=2) == {"m": UNKNOWN}

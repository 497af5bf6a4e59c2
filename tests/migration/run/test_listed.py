"""Files of a container that an earlier run has read are read again only where something there has changed."""

from pathlib import Path

import pytest

from migrate.core.options.sources import RunOptions
from migrate.migration.run.workspace import Workspace, open_workspace
from migrate.migration.run_source import plan_source, run_source
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from tests.clouds import logged
from tests.migration.runs import NO_ENGINE, agree
from tests.sources.storing import put

(BROKEN,) = Path("examples/models/broken").glob("*.onnx")
TEXT = b"no model at all"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "workspace")


def run(cloud: Cloud, workspace: Workspace, source: str = "box@GRA") -> list[str]:
    options = RunOptions(source=source)
    result = run_source(
        options, cloud=cloud, workspace=workspace, environ=NO_ENGINE, emit=lambda _: None, confirm=agree
    )
    return [outcome.model for outcome in result.models]


def asked(sandbox: Path, since: int) -> list[str]:
    """What was asked of the API and the storage, in order: the last part of the API's templates."""
    return [line.operation.rpartition("/")[2] or line.service for line in logged(sandbox)[since:]]


def test_what_has_not_changed_is_not_read_again(
    sandbox: Path, cloud: Cloud, tmp_path: Path, workspace: Workspace
) -> None:
    names = [f"{name}/model.onnx" for name in ("one", "two", "three")]
    put(sandbox, tmp_path, {**dict.fromkeys(names, BROKEN.read_bytes()), "notes/readme.rst": TEXT})
    assert run(cloud, workspace) == ["one", "three", "two"]
    for source in ("box@GRA", "box@gra"):
        before = len(logged(sandbox))
        assert run(cloud, workspace, source) == ["one", "three", "two"]
        assert asked(sandbox, before) == ["storage", "{containerId}"]


def test_a_file_that_is_new_or_uploaded_again_is_noticed(
    sandbox: Path, cloud: Cloud, tmp_path: Path, workspace: Workspace
) -> None:
    put(sandbox, tmp_path, {"one/model.onnx": BROKEN.read_bytes(), "two/file": TEXT})
    assert run(cloud, workspace) == ["one"]
    put(sandbox, tmp_path, {"three/model.onnx": BROKEN.read_bytes()})
    assert run(cloud, workspace) == ["one", "three"]
    put(sandbox, tmp_path, {"two/file": BROKEN.read_bytes()})
    assert run(cloud, workspace) == ["one", "three", "two"]
    put(sandbox, tmp_path, {"one/model.onnx": TEXT})
    assert run(cloud, workspace) == ["three", "two"]


def test_a_listing_with_a_failed_read_is_not_kept(
    sandbox: Path, cloud: Cloud, tmp_path: Path, workspace: Workspace
) -> None:
    put(sandbox, tmp_path, {"one/model.onnx": BROKEN.read_bytes(), "two/model.onnx": BROKEN.read_bytes()})
    control.fail(sandbox, "5xx", service="storage", path_regex="two/model.onnx", status=404)
    kept = run(cloud, workspace)
    control.release(sandbox)
    assert kept == ["one"]
    assert run(cloud, workspace) == ["one", "two"]


def test_a_plan_recalls_what_a_run_has_read_and_keeps_nothing(
    sandbox: Path, cloud: Cloud, tmp_path: Path, workspace: Workspace
) -> None:
    put(sandbox, tmp_path, {"one/model.onnx": BROKEN.read_bytes()})

    def plan() -> list[str]:
        before = len(logged(sandbox))
        options = RunOptions(source="box@GRA")
        plan_source(options, cloud=cloud, workspace=workspace, environ=NO_ENGINE, emit=lambda _: None)
        return asked(sandbox, before)

    assert "publicUrl" in plan()
    assert not list(workspace.root.rglob("journal.sqlite"))
    run(cloud, workspace)
    assert "publicUrl" not in plan()

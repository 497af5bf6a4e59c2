"""One container is one source, whatever it is called: a second name must not give its models a second app."""

from pathlib import Path

import pytest

from migrate.core.errors import UsageError
from migrate.core.options.sources import RunOptions, Typed
from migrate.core.values import ContainerLocation
from migrate.migration.run.journals import find_journal
from migrate.migration.run.workspace import Workspace, open_workspace
from migrate.migration.run_source import plan_source, run_source
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from tests.migration.runs import NO_ENGINE, agree
from tests.sources.storing import put

(BROKEN,) = Path("examples/models/broken").glob("*.onnx")


def run(source: str, cloud: Cloud, workspace: Workspace) -> list[str]:
    options = RunOptions(source=source)
    result = run_source(
        options, cloud=cloud, workspace=workspace, environ=NO_ENGINE, emit=lambda _: None, confirm=agree
    )
    return [outcome.model for outcome in result.models]


def refusal(source: str, cloud: Cloud, workspace: Workspace) -> UsageError:
    with pytest.raises(UsageError) as caught:
        run(source, cloud, workspace)
    assert caught.value.code == "ambiguous-source"
    return caught.value


def test_a_container_keeps_its_name_when_a_bucket_gets_it_too(sandbox: Path, cloud: Cloud, tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "workspace")
    put(sandbox, tmp_path, {"first.onnx": BROKEN.read_bytes()}, "both")
    assert run("both@GRA", cloud, workspace) == ["first"]

    put(sandbox, tmp_path, {"second.onnx": BROKEN.read_bytes()}, "both", s3=True)
    assert run("both@GRA", cloud, workspace) == ["first"]
    environ = {"HOME": "/nonexistent", **control.env(sandbox)}
    found = find_journal(workspace, Typed("both@GRA"), environ=environ)
    try:
        (record,) = (state.record for state in found.journal.models().values())
    finally:
        found.journal.close()
    assert record.source == "both@GRA"
    assert isinstance(record.location, ContainerLocation)

    assert "Type both@GRA in its place" in refusal("swift:both@GRA", cloud, workspace).next_step
    with pytest.raises(UsageError):
        plan_source(
            RunOptions(source="swift:both@GRA"),
            cloud=cloud,
            workspace=workspace,
            environ=NO_ENGINE,
            emit=lambda _: None,
        )
    assert run("s3:both@GRA", cloud, workspace) == ["second"]
    elsewhere = open_workspace(tmp_path / "elsewhere")
    assert "swift:both@GRA or s3:both@GRA" in refusal("both@GRA", cloud, elsewhere).next_step


def test_what_was_begun_under_a_longer_name_goes_on_under_it(sandbox: Path, cloud: Cloud, tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "workspace")
    put(sandbox, tmp_path, {"m.onnx": BROKEN.read_bytes()}, "long")
    assert run("swift:long@GRA", cloud, workspace) == ["m"]
    environ = {"HOME": "/nonexistent", **control.env(sandbox)}
    with pytest.raises(UsageError) as caught:
        find_journal(workspace, Typed("long@GRA"), environ=environ)
    assert caught.value.code == "no-journal"
    assert "swift:long@GRA" in caught.value.next_step
    assert "nothing is billed" not in caught.value.what
    assert "Type swift:long@GRA in its place" in refusal("long@GRA", cloud, workspace).next_step

"""Commands obey the project and the endpoint that were named: what belongs to another is neither shown nor deleted."""

import shutil
from pathlib import Path
from typing import Final

import pytest

from migrate.core.errors import LocalError, UsageError
from migrate.core.options.sources import Typed
from migrate.migration.journal.journal import Journal
from migrate.migration.run.journals import find_journal
from migrate.migration.run.workspace import Workspace
from tests.clouds import cloud, sandbox, started
from tests.migration.kept import left
from tests.migration.worlds import World, world

__all__ = ["cloud", "sandbox", "started", "world"]

OTHER: Final = "0" * 29 + "bbb"
SOURCE: Final = "models@GRA"


def made(workspace: Workspace, endpoint: str, project: str, source: str = SOURCE) -> Path:
    """A journal in which something was begun."""
    path = workspace.source(endpoint, project, source).journal
    path.parent.mkdir(parents=True)
    journal = Journal.create(path, source=source, endpoint=endpoint, project=project)
    journal.begin("run")
    journal.close()
    return path


def found(workspace: Workspace, project: str | None = None, **environ: str) -> tuple[str, str]:
    """The endpoint and the project of the journal that a command takes."""
    opened = find_journal(workspace, Typed(SOURCE, project), environ={"HOME": "/nonexistent", **environ})
    opened.journal.close()
    return opened.folder.path.parent.parent.name, opened.folder.path.parent.name


def ids(world: World) -> list[object]:
    """The ids of everything in the project that costs or opens something."""
    return [getattr(thing, "id", thing) for thing in left(world.cloud)]


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def test_the_project_that_was_named_selects(place: Workspace) -> None:
    made(place, "ovh-eu", "a")
    made(place, "ovh-eu", "b")
    for name in ("a", "b"):
        assert found(place, name) == ("ovh-eu", name)
        assert found(place, OVH_CLOUD_PROJECT_SERVICE=name) == ("ovh-eu", name)
        assert found(place, name, OVH_CLOUD_PROJECT_SERVICE="a") == ("ovh-eu", name)


def test_another_project_is_not_taken_in_its_place(place: Workspace) -> None:
    made(place, "ovh-eu", "a")
    for project, environ in (
        (OTHER, {}),
        (None, {"OVH_CLOUD_PROJECT_SERVICE": OTHER}),
        (None, {"MIGRATE_PROJECT": OTHER}),
    ):
        with pytest.raises(UsageError) as caught:
            found(place, project, **environ)
        error = caught.value
        assert (error.code, error.exit_code) == ("no-journal", 2)
        assert f"in the project {OTHER}" in error.what
        assert "it is known in the project a behind ovh-eu" in error.what
        assert ("which the environment names" in error.what) == (project is None)
        assert error.next_step.endswith("with --project a.")


def test_another_endpoint_is_not_taken_in_its_place(place: Workspace, tmp_path: Path) -> None:
    made(place, "ovh-eu", "a")
    assert found(place) == ("ovh-eu", "a")
    assert found(place, OVH_ENDPOINT="ovh-eu") == ("ovh-eu", "a")
    with pytest.raises(
        UsageError, match="behind the endpoint ovh-ca; it is known in the project a behind ovh-eu"
    ) as no:
        found(place, "a", OVH_ENDPOINT="ovh-ca")
    assert "OVH_ENDPOINT" in no.value.next_step
    made(place, "ovh-ca", "a")
    assert found(place, "a", OVH_ENDPOINT="ovh-ca") == ("ovh-ca", "a")
    (tmp_path / ".ovh.conf").write_text("[default]\nendpoint=ovh-ca\n")
    assert found(place, HOME=str(tmp_path)) == ("ovh-ca", "a")


def test_where_several_may_be_meant_none_is_taken(place: Workspace) -> None:
    made(place, "ovh-eu", "a")
    made(place, "ovh-eu", "b")
    with pytest.raises(UsageError) as caught:
        found(place)
    assert caught.value.code == "several-journals"
    assert "the project a behind ovh-eu, the project b behind ovh-eu" in caught.value.what
    assert "--project" in caught.value.next_step


def test_what_was_never_run_is_not_sent_to_a_run(place: Workspace) -> None:
    made(place, "ovh-eu", "a", source="other@GRA")
    with pytest.raises(UsageError) as caught:
        found(place, "a")
    assert caught.value.code == "no-journal"
    assert "nothing is billed" in caught.value.what
    assert "migrate run" not in caught.value.next_step


def test_a_journal_in_the_folder_of_another_project_is_refused(place: Workspace) -> None:
    path = made(place, "ovh-eu", "a")
    copied = place.source("ovh-eu", "b", SOURCE).path
    shutil.copytree(path.parent, copied)
    with pytest.raises(LocalError, match="is of the project a, and lies in the folder of another"):
        found(place, "b")


def test_nothing_of_another_project_is_deleted_told_or_shown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.journal.revive(world.cloud)
    source, ours = world.journal.source, world.cloud.project
    there = ids(world)
    assert there
    monkeypatch.delenv("OVH_CLOUD_PROJECT_SERVICE")
    for words in (("undo", source, "--yes"), ("undo", source), ("why", source, "iris"), ("status", source)):
        result = world(*words, "--project", OTHER)
        assert (result["exit_code"], result["error"]["code"]) == (2, "no-journal"), words
        assert ours in result["error"]["what"]
        monkeypatch.setenv("OVH_CLOUD_PROJECT_SERVICE", OTHER)
        assert world(*words)["error"]["code"] == "no-journal", words
        monkeypatch.delenv("OVH_CLOUD_PROJECT_SERVICE")
    every = world("status", "--project", OTHER)
    assert every["data"]["sources"] == []
    assert ours in every["data"]["elsewhere"]
    assert [one["project"] for one in world("status", "--project", ours)["data"]["sources"]] == [ours]
    assert ids(world) == there

    undone = world("undo", source, "--yes", "--project", ours)
    assert (undone["exit_code"], undone["data"]["project"], undone["data"]["source"]) == (0, ours, source)
    assert left(world.cloud) == []

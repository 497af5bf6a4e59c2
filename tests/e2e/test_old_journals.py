"""A journal of an earlier release goes on: its run is finished with an app that answers, and undone."""

import pytest

from migrate.migration.run.workspace import Workspace
from migrate.ovhcloud.config import read_credentials
from migrate.sandbox import control
from tests.e2e.harness import Tool
from tests.migration.kept import JOURNALS, Kept


@pytest.mark.slow
def test_a_run_goes_on_where_an_earlier_release_stopped(tool: Tool) -> None:
    journal = Kept(
        JOURNALS / "0.1.0" / "interrupted.sqlite",
        Workspace(tool.workspace),
        endpoint=read_credentials(tool.environment).endpoint_name,
        project=tool.environment["OVH_CLOUD_PROJECT_SERVICE"],
    )
    _at_registry(journal, tool)
    ended = tool.run(journal.source, "--model", "titanic")

    assert ended.code == 0, ended.err + ended.out
    assert ended.result["data"]["run"] == journal.id
    assert ended.outcomes["titanic"]["outcome"] == "done"
    status = tool("status", journal.source, "--json")
    assert status.code == 0, status.err
    (state,) = status.result["data"]["sources"]
    assert {app["models"][0]: app["state"] for app in state["apps"]} == {"titanic": "RUNNING", "iris": "gone"}
    assert {outcome["model"] for outcome in state["models"]} == {"iris", "titanic"}

    undone = tool("undo", journal.source, "--yes", "--json")
    assert undone.code == 0, undone.err + undone.out
    assert tool.sandbox.left() == {"apps": [], "tokens": [], "registrations": [], "users": []}


def _at_registry(journal: Kept, tool: Tool) -> None:
    """The journal as if its images had been pushed to this sandbox's registry, which has lost them."""
    running = control.status(tool.sandbox.folder)
    assert running is not None
    before = journal.effects("pushed-image")[0][1].partition("/")[0]
    for column in (
        "value SET json = CAST(replace(CAST(json AS TEXT), ?, ?) AS BLOB)",
        "effect SET name = replace(name, ?, ?)",
    ):
        journal.sql(f"UPDATE {column}", before, running.registry_address)

"""Runs without a container engine: the command finds none, and the apps run where the sandbox has one."""

import hashlib
import sys
from pathlib import Path

import pytest

from migrate.boxes import bubblewrap
from migrate.images.base.archive import bootstrap
from migrate.sandbox import control
from tests.e2e.conftest import IRIS
from tests.e2e.harness import BROKEN, GOOD, NAMESPACE, ROOT, Tool

NO_ENGINE = "unix:///nonexistent.sock"
PICKLE = ROOT / "examples/formats/species-module"
NO_PROGRAMS = str(Path(sys.executable).parent)  # and so without bubblewrap

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def unaided() -> tuple[str, ...]:
    return "--builder", "none", "--base-image", f"oci:{bootstrap(print)}"


@pytest.fixture
def boxes() -> None:
    if why := bubblewrap.why_not():
        pytest.skip(f"no boxes here: {why}")


@pytest.mark.usefixtures("boxes")
def test_a_namespace_ends_as_with_an_engine(tool: Tool, unaided: tuple[str, ...]) -> None:
    first = tool.run(NAMESPACE, *unaided, DOCKER_HOST=NO_ENGINE)
    found = first.outcomes
    assert {name: found[name]["proof"] for name in GOOD} == dict.fromkeys(GOOD, "live"), first
    assert [name for name, outcome in found.items() if outcome["outcome"] != "done"] == [BROKEN]
    assert any("in a box" in str(event.get("detail")) for event in first.events)
    documents = sorted(path.name for path in tool.workspace.glob("*/*/*/documents/iris/*"))
    assert documents == ["provenance.intoto.json", "sbom.cdx.json"]

    again = tool.run(NAMESPACE, *unaided, DOCKER_HOST=NO_ENGINE)
    assert {name: again.outcomes[name]["app_id"] for name in GOOD} == {name: found[name]["app_id"] for name in GOOD}
    made = [event for event in again.events if event["event"] == "step_finished" and not event.get("reused")]
    assert not [event for event in made if event["step"] in {"runtime", "build", "push", "deploy"}], again

    undone = tool("undo", NAMESPACE, "--yes", "--json", DOCKER_HOST=NO_ENGINE)
    assert undone.code == 0, undone
    assert not tool.sandbox.left()["apps"]


def test_what_cannot_be_tried_here_says_so(tool: Tool, unaided: tuple[str, ...]) -> None:
    refused = tool.run(str(IRIS), *unaided, DOCKER_HOST=NO_ENGINE, PATH=NO_PROGRAMS)
    assert refused.outcomes["iris"]["reason"] == "no-box", refused
    assert "--samples" in refused.outcomes["iris"]["task"]
    assert not tool.sandbox.left()["apps"]

    moved = tool.run(str(IRIS), *unaided, "--proof", "self", DOCKER_HOST=NO_ENGINE, PATH=NO_PROGRAMS)
    outcome = moved.outcomes["iris"]
    assert (moved.code, outcome["outcome"], outcome["proof"]) == (0, "done", "self"), moved
    assert "bubblewrap" in outcome["not_rehearsed"]
    assert "cold_start" not in outcome


@pytest.mark.usefixtures("boxes")
def test_a_plan_is_applied_to_one_app_for_all(tool: Tool, unaided: tuple[str, ...]) -> None:
    file = tool.workspace.parent / "plan.json"
    planned = tool("plan", NAMESPACE, "--layout", "packed", "--out", str(file), "--json")
    assert planned.code == 0, planned
    words = (str(file), *unaided[:2], "--yes", "--authorize", "--json")
    applied = tool("apply", *words, DOCKER_HOST=NO_ENGINE)
    assert {name for name, outcome in applied.outcomes.items() if outcome["outcome"] == "done"} == set(GOOD), applied
    assert len(tool.sandbox.left()["apps"]) == 1
    undone = tool("undo", NAMESPACE, "--yes", "--json", DOCKER_HOST=NO_ENGINE)
    assert undone.code == 0, undone


@pytest.mark.usefixtures("boxes")
def test_a_container_is_moved_after_ml_serving(tool: Tool, unaided: tuple[str, ...]) -> None:
    control.fail(tool.sandbox.folder, "serving-gone")
    tool.environment.pop("MIGRATE_OLD_TOKEN", None)
    ended = tool.run("models@GRA", *unaided, "--model", "iris", DOCKER_HOST=NO_ENGINE)
    (outcome,) = ended.outcomes.values()
    assert (ended.code, outcome["outcome"], outcome["proof"]) == (0, "done", "engine"), ended
    assert not outcome.get("not_rehearsed")


@pytest.mark.usefixtures("boxes")
def test_files_that_run_code_are_loaded_in_boxes_and_go_nowhere_without(tool: Tool, unaided: tuple[str, ...]) -> None:
    digest = hashlib.sha256((PICKLE / "species.pt").read_bytes()).hexdigest()
    words = (str(PICKLE), *unaided, "--allow-unsafe", f"sha256:{digest}", "--proof", "self")
    refused = tool.run(*words, DOCKER_HOST=NO_ENGINE, PATH=NO_PROGRAMS)
    (outcome,) = refused.outcomes.values()
    assert outcome["reason"] == "no-box", refused
    assert not tool.sandbox.left()["apps"]

    moved = tool.run(*words, DOCKER_HOST=NO_ENGINE)
    (outcome,) = moved.outcomes.values()
    assert (moved.code, outcome["outcome"], outcome["proof"]) == (0, "done", "engine"), moved
    assert not outcome.get("not_rehearsed")

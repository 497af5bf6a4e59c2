"""Whole runs over the sandbox's API with no engine: what can be done is done, the rest is told, nothing is repeated."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from migrate.console.plan import plan_sentence
from migrate.core.errors import ConfigurationError, ExitCode, Interrupted, LocalError, RefusedError, UsageError
from migrate.core.events import Event, ModelFinished, Result, RunStarted, StepStarted
from migrate.core.options.sources import RunOptions, Typed
from migrate.core.plan import Plan
from migrate.migration.journal.lock import WriterLock
from migrate.migration.run.workspace import Workspace, open_workspace
from migrate.migration.run_source import Confirm, plan_source, run_source
from migrate.migration.telling.status import status_of, status_of_all
from migrate.migration.telling.why import why
from migrate.ovhcloud import calls
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from migrate.sandbox.base.requestlog import Line
from tests.clouds import logged
from tests.migration.runs import NAMESPACE, NO_ENGINE, agree

GOOD = ("iris", "titanic", "digits", "housing")


class World:
    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.cloud = cloud
        self.workspace: Workspace = open_workspace(folder / "workspace")
        self.events: list[Event] = []

    def run(self, *models: str, source: str = NAMESPACE, confirm: Confirm = agree, layout: str = "separate") -> Result:
        self.events.clear()
        return run_source(
            options(source, *models, layout=layout),
            cloud=self.cloud,
            workspace=self.workspace,
            environ=NO_ENGINE,
            emit=self.events.append,
            confirm=confirm,
        )

    def plan(self, *models: str, size: Mapping[str, int] | None = None) -> Plan:
        return plan_source(
            replace(options(NAMESPACE, *models), **(size or {})),
            cloud=self.cloud,
            workspace=self.workspace,
            environ=NO_ENGINE,
            emit=self.events.append,
        )


def written(sandbox: Path) -> list[Line]:
    """The calls that change something; an URL to read an object by changes nothing."""
    return [
        line
        for line in logged(sandbox)
        if line.service == "api" and line.method != "GET" and not line.operation.endswith("/publicUrl")
    ]


def options(source: str, *models: str, layout: str = "separate") -> RunOptions:
    return RunOptions(source=source, models=models, layout="packed" if layout == "packed" else "separate")


@pytest.fixture
def world(cloud: Cloud, tmp_path: Path) -> World:
    return World(cloud, tmp_path)


@pytest.mark.parametrize("layout", ["separate", "packed"])
def test_a_failing_model_never_stops_the_others(world: World, layout: str) -> None:
    result = world.run(layout=layout)
    found = {outcome.model: outcome for outcome in result.models}
    assert result.exit_code == ExitCode.LOCAL  # whatever the broken one needs, there is no engine
    assert {found[name].reason for name in GOOD} == {"engine-not-running"}
    assert {found[name].outcome for name in GOOD} == {"failed"}
    assert (found["broken"].outcome, found["broken"].exit_code) == ("needs-you", 4)
    assert found["broken"].task
    ends = [event.outcome.model for event in world.events if isinstance(event, ModelFinished)]
    assert sorted(ends) == sorted(found)
    (begun,) = (event for event in world.events if isinstance(event, RunStarted))
    assert begun.models == (*GOOD, "broken")


def test_one_cause_gives_its_own_exit_code(world: World) -> None:
    assert world.run("iris").exit_code == ExitCode.LOCAL
    assert world.run("broken").exit_code == ExitCode.NEEDS_YOU


def test_a_token_of_a_model_that_is_left_out_is_not_silently_kept(world: World) -> None:
    wanted = replace(options(NAMESPACE, "iris"), renew=("titanic",))
    with pytest.raises(UsageError) as caught:
        plan_source(wanted, cloud=world.cloud, workspace=world.workspace, environ=NO_ENGINE, emit=world.events.append)
    assert caught.value.code == "usage"
    assert "--model titanic" in caught.value.next_step


def test_a_second_run_fetches_nothing_and_a_settled_model_is_not_begun(sandbox: Path, world: World) -> None:
    world.run()
    before = len(logged(sandbox))
    result = world.run()
    since = logged(sandbox)[before:]
    assert not [line for line in since if line.service == "storage" or line.path.endswith("/publicUrl")]
    begun = {event.model for event in world.events if isinstance(event, StepStarted) and event.model}
    assert "broken" not in begun
    assert {outcome.model: outcome.outcome for outcome in result.models}["broken"] == "needs-you"


def test_a_file_that_was_uploaded_again_is_fetched_again(sandbox: Path, world: World, tmp_path: Path) -> None:
    world.run("broken")
    assert world.run("broken").models[0].reason == "truncated"
    repaired = next((Path(__file__).parents[2] / "examples" / "models" / "iris").glob("*.onnx"))
    listed = next(event for event in world.cloud.call(calls.CONTAINERS) if event["name"] == "models")
    objects = world.cloud.call(calls.CONTAINER, params={"containerId": listed["id"]})["objects"]
    name = next(item["name"] for item in objects if item["name"].startswith("broken/"))
    control.put_object(sandbox, "models", name, repaired)
    assert world.run("broken").models[0].reason == "engine-not-running"  # it got past the inspection


def test_the_plan_is_shown_before_anything_is_made_and_no_is_no(sandbox: Path, world: World) -> None:
    shown: list[Plan] = []

    def refuse(plan: Plan) -> None:
        shown.append(plan)
        raise RefusedError("Nothing was made.", code="declined")

    with pytest.raises(RefusedError):
        world.run(confirm=refuse)
    (plan,) = shown
    assert {app.action for app in plan.apps} == {"create"}
    assert [app.models for app in plan.apps] == [(name,) for name in GOOD]
    assert [outcome.model for outcome in plan.settled] == ["broken"], "its files were looked into"
    assert all(app.cpu >= 1 and 1 <= app.replicas_min <= app.replicas_max for app in plan.apps)
    assert plan.cpu_quota == 64
    assert plan.cpu_used == 0
    assert not plan.authorized
    assert not written(sandbox)


def test_the_plan_has_the_size_that_is_typed(world: World) -> None:
    plan = world.plan("iris", size={"cpus": 2, "scale_min": 1, "scale_max": 3})
    assert [(app.cpu, app.replicas_min, app.replicas_max) for app in plan.apps] == [(2, 1, 3)]
    assert plan_sentence(plan).startswith("2 CPUs (up to 6 when they scale) in 1 replica, billed by the minute")
    assert "A month costs 43.80 to 131.40 EUR (prices of 2024, check them)." in plan_sentence(plan)
    plan = world.plan("iris", size={"replicas": 3})
    assert [(app.replicas_min, app.replicas_max) for app in plan.apps] == [(3, 3)]
    with pytest.raises(UsageError, match="--cpus 64 is more than a replica can have"):
        world.plan("iris", size={"cpus": 64})


def test_a_dry_run_changes_nothing_here_or_there(sandbox: Path, world: World) -> None:
    plan = world.plan()
    assert [app.models for app in plan.created] == [(name,) for name in GOOD]
    assert list(world.workspace.root.rglob("journal.sqlite")) == []
    assert not written(sandbox)
    world.run("broken")
    settled = world.plan().settled
    assert [outcome.model for outcome in settled] == ["broken"]
    assert len(world.plan("iris").apps) == 1


def test_a_stopped_run_tells_each_model_and_goes_on_afterwards(world: World) -> None:
    def stop(_: Plan) -> None:
        world.cloud.session.stop.set()

    try:
        result = world.run(confirm=stop)
    except Interrupted:
        pass
    else:
        assert result.exit_code == ExitCode.INTERRUPTED
        stopped = [outcome for outcome in result.models if outcome.model != "broken"]
        assert {outcome.reason for outcome in stopped} == {"interrupted"}
        assert all("migrate run" in outcome.task for outcome in stopped)
    world.cloud.session.stop.clear()
    assert {outcome.reason for outcome in world.run("iris").models} == {"engine-not-running"}


def test_a_model_that_is_not_there_is_named_with_the_nearest(world: World) -> None:
    with pytest.raises(UsageError) as caught:
        world.run("irsi")
    assert caught.value.code == "unknown-model"
    assert "iris" in caught.value.next_step


def test_ml_serving_gone_says_what_to_type(sandbox: Path, world: World) -> None:
    control.fail(sandbox, "serving-gone")
    with pytest.raises(ConfigurationError) as caught:
        world.run()
    assert caught.value.code == "ml-serving-gone"
    assert "migrate list models@GRA" in caught.value.next_step
    assert [outcome.model for outcome in world.run(source="models@GRA").models] == sorted((*GOOD, "broken"))


def test_a_folder_is_a_source_as_any_other(world: World) -> None:
    folder = Path(__file__).parents[2] / "examples" / "models"
    result = world.run("iris", "broken", source=str(folder))
    assert {outcome.model: outcome.reason for outcome in result.models} == {
        "iris": "engine-not-running",
        "broken": "truncated",
    }


def test_another_run_on_the_source_is_told_and_one_on_another_source_is_not_hindered(world: World) -> None:
    world.run("broken")
    (lock,) = world.workspace.root.rglob("journal.lock")
    with WriterLock(lock, doing="run"):
        with pytest.raises(LocalError) as caught:
            world.run("broken")
        assert caught.value.code == "journal-locked"
        assert world.run("broken", source="models@GRA").exit_code == ExitCode.NEEDS_YOU


def environ(sandbox: Path) -> Mapping[str, str]:
    return {"HOME": "/nonexistent", **control.env(sandbox)}


def test_status_tells_what_is_known_and_asks_only_when_it_may(sandbox: Path, world: World) -> None:
    world.run()
    known = status_of(Typed(NAMESPACE), world.workspace, environ=environ(sandbox), offline=False)
    (state,) = known.sources
    assert state.asked
    assert {outcome.model for outcome in state.models} == {*GOOD, "broken"}
    assert state.apps == ()
    before = len(logged(sandbox))
    (offline,) = status_of(Typed(NAMESPACE), world.workspace, environ={}, offline=True).sources
    assert not offline.asked
    assert status_of_all(world.workspace, project=None, environ={}, offline=True).sources == (offline,)
    assert len(logged(sandbox)) == before
    (unasked,) = status_of(Typed(NAMESPACE), world.workspace, environ={}, offline=False).sources
    assert "credentials" in unasked.problem


def test_why_tells_the_story_without_asking(sandbox: Path, world: World) -> None:
    world.run()
    before = len(logged(sandbox))
    story = why(Typed(NAMESPACE), "broken", world.workspace, environ={})
    assert story.files.startswith("models@GRA/broken")
    assert story.outcome is not None
    assert story.outcome.reason == "truncated"
    assert [step.step for step in story.steps] == ["fetch", "inspect"]
    assert any("truncated" in event for event in story.events)
    assert story.next_step == story.outcome.task
    assert len(logged(sandbox)) == before
    with pytest.raises(UsageError, match="iirs"):
        why(Typed(NAMESPACE), "iirs", world.workspace, environ={})
    with pytest.raises(UsageError) as caught:
        why(Typed("never-run"), "iris", world.workspace, environ={})
    assert caught.value.code == "no-journal"
    assert "migrate run" not in caught.value.next_step

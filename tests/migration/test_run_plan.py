"""Plans over the sandbox's API: made without a download, applied on an empty workspace, refused where stale."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

import migrate
from migrate.apps.prices import read_prices
from migrate.core.errors import ExitCode, MigrateError, StaleError, UsageError
from migrate.core.events import Event, Notice, Result
from migrate.core.options.plans import ApplyOptions, PlanOptions
from migrate.core.options.sources import RunOptions
from migrate.core.planfile.content import PlanContent, PlanFile
from migrate.core.planfile.text import encode, plan_file
from migrate.migration.run.workspace import Workspace, open_workspace
from migrate.migration.run_plan import applied_options, applying, as_applied, plan_models, read_plan
from migrate.migration.run_source import Confirm, run_source
from migrate.sandbox import control
from tests.clouds import logged, open_cloud
from tests.migration.runs import NAMESPACE, NO_ENGINE, agree
from tests.sources.storing import put

GOOD = ("iris", "titanic", "digits", "housing")
MODELS = Path(__file__).parents[2] / "examples" / "models"


class World:
    """One person's machine; each command has a session of its own, as a process has."""

    def __init__(self, sandbox: Path, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self._sessions = 0
        self.events: list[Event] = []
        self.workspace: Workspace = open_workspace(folder / "workspace")

    def _cloud(self) -> open_cloud:
        self._sessions += 1  # with a rate of its own, so that no command waits for the one before
        return open_cloud(self.sandbox, self.folder / f"session-{self._sessions}")

    def plan(self, source: str = NAMESPACE, **more: Any) -> PlanFile:
        with self._cloud() as cloud:
            return plan_models(
                PlanOptions(source=source, **more),
                cloud=cloud,
                workspace=self.workspace,
                environ=NO_ENGINE,
                emit=self.events.append,
            )

    def apply(self, file: PlanFile, *, confirm: Confirm = agree, **more: Any) -> Result:
        path = self.folder / "plan.json"
        path.write_bytes(encode(file))
        file = read_plan(path)
        chosen = applied_options(file.plan, ApplyOptions(plan=path, **more), project=None)
        with self._cloud() as cloud:
            result = run_source(
                chosen,
                cloud=cloud,
                workspace=open_workspace(self.folder / "empty"),
                environ=NO_ENGINE,
                emit=self.events.append,
                confirm=confirm,
                applying=applying(file, chosen),
            )
        return as_applied(result, file, chosen)


@pytest.fixture
def world(sandbox: Path, tmp_path: Path) -> World:
    return World(sandbox, tmp_path)


def changed(file: PlanFile, **more: Any) -> PlanFile:
    """The plan of an earlier day: other facts, and the digest that belongs to them."""
    content: PlanContent = replace(file.plan, **more)
    return plan_file(content, file.forecast)


def reasons(result: Result) -> dict[str, str]:
    return {outcome.model: outcome.reason for outcome in result.models}


def made(sandbox: Path) -> list[str]:
    return [
        line.operation
        for line in logged(sandbox)
        if line.service == "api" and line.method != "GET" and not line.operation.endswith(("/publicUrl", "/access"))
    ]


def test_a_plan_tells_all_and_makes_nothing(sandbox: Path, world: World) -> None:
    file = world.plan()
    models = {model.id: model for model in file.plan.models}
    assert {name: model.verdict for name, model in models.items()} == {
        **dict.fromkeys(GOOD, "ready"),
        "broken": "unreadable",
    }
    assert models["broken"].reason == "truncated"
    assert models["iris"].objects[0].name == "iris/iris.onnx"
    assert models["iris"].objects[0].size == 670
    assert len(models["iris"].objects[0].etag) == 32
    assert models["iris"].objects[0].changed.endswith("Z")
    assert models["iris"].signature[0].name == "input float_input"
    assert [app.models for app in file.plan.apps] == [(name,) for name in GOOD]
    assert file.plan.summary.month.least == "131.40"
    assert file.plan.summary.twice.least == "219.00"
    assert file.plan.summary.before.least is None
    assert file.left == GOOD
    assert all(0 < one.read <= 2_000_000 for one in file.forecast.models)
    assert not made(sandbox)
    assert not world.workspace.store.exists(), "nothing was downloaded"
    assert list(world.workspace.root.rglob("journal.sqlite")) == []


def test_what_cannot_be_carried_over_is_a_task_with_its_owner(world: World) -> None:
    tasks = {(task.owner, task.models): task.text for task in world.plan().plan.tasks}
    assert "Upload the complete file" in tasks["model owner", ("broken",)]
    assert "--label-selector mls-namespace=" in tasks["project administrator", GOOD]
    assert "begins with 'iris'" in tasks["project administrator", ("iris",)]
    assert "--role operator" in tasks["project administrator", ("titanic",)]
    assert "metrics token" in tasks["monitoring", GOOD]
    assert ("client developer", GOOD) in tasks


@pytest.mark.slow
def test_the_same_plan_comes_from_another_machine(world: World, tmp_path: Path) -> None:
    first = world.plan(layout="cheapest")
    world.workspace = open_workspace(tmp_path / "another")
    assert world.plan(layout="cheapest").digest == first.digest


def test_a_plan_is_applied_on_an_empty_workspace_and_moves_what_it_has_an_app_for(world: World) -> None:
    file = world.plan()
    result = world.apply(file, ticket="CHG7")
    assert (result.command, result.exit_code) == ("apply", ExitCode.LOCAL)  # there is no engine
    assert reasons(result) == {**dict.fromkeys(GOOD, "engine-not-running"), "broken": "not-planned"}
    assert (result.data["plan"], result.data["ticket"]) == (file.digest, "CHG7")
    assert "migrate apply" in str(result.data["again"])
    told = [event.text for event in world.events if isinstance(event, Notice)]
    assert f"The plan {file.digest} fits what is there; the ticket is CHG7." in told
    assert "--ticket CHG7" in str(result.data["again"])
    fetched = {event.model for event in world.events if getattr(event, "step", "") == "fetch"}
    assert fetched == set(GOOD), "of a model without an app nothing is downloaded"


def test_the_apps_of_a_plan_are_those_that_are_asked_for(world: World) -> None:
    file = world.plan(layout="cheapest", models=("iris", "digits"))
    (app,) = file.plan.apps
    assert app.packed
    assert file.plan.layout.chosen == "packed"
    shown: list[Any] = []
    world.apply(file, confirm=shown.append)
    (asked,) = shown[0].apps
    assert (asked.name, asked.models, asked.cpu, asked.flavor) == (app.name, app.models, app.cpu, app.flavor)
    assert (asked.replicas_min, asked.replicas_max) == app.replicas


def test_apps_for_which_the_quota_is_too_small_are_told_before_the_plan_is_applied(world: World) -> None:
    world.plan(models=("iris",))
    assert not [event for event in world.events if isinstance(event, Notice)], "there is room"
    world.plan(models=("iris", "titanic"), cpus=12, replicas=4)
    (told,) = (event for event in world.events if isinstance(event, Notice))
    assert told.level == "warning"
    assert told.text.startswith("The new apps need 96 CPUs, and the project's quota has 64 of 64 left.")


def stale(world: World, file: PlanFile, **more: Any) -> str:
    world.events.clear()
    with pytest.raises(StaleError) as caught:
        world.apply(file, **more)
    error = caught.value
    assert (error.code, error.exit_code) == ("stale-plan", ExitCode.STALE)
    assert "migrate plan" in error.next_step
    return error.what


def test_a_stale_plan_is_refused_with_what_changed_from_what_to_what(sandbox: Path, world: World) -> None:
    file = world.plan()
    control.put_object(sandbox, "models", "iris/iris.onnx", MODELS / "titanic" / "pipeline_titanic.onnx")
    told = stale(world, file)
    assert "size of object iris/iris.onnx of iris from 670 to 1568" in told
    assert f"ETag of object iris/iris.onnx of iris from {file.plan.models[0].objects[0].etag} to " in told
    assert "time of change of object iris/iris.onnx of iris from" in told
    assert "titanic" not in told, "nothing else changed"
    control.put_object(sandbox, "models", "titanic/more.json", MODELS / "index.json")
    assert "model titanic from 1 object to 2 objects" in stale(world, file)
    assert not made(sandbox)


def test_everything_that_a_plan_rests_on_makes_it_stale_and_nothing_else(world: World) -> None:
    file = world.plan(models=("iris",))
    plan, (lock,), (flavor,) = file.plan, file.plan.runtimes, file.plan.flavors
    was = {"version": "0.0.9", "project": "other", "runtimes": (replace(lock, lock="sha256:" + "0" * 64),)}
    told = stale(world, changed(file, flavors=(replace(flavor, most=99),), **was))
    assert f"version from 0.0.9 to {migrate.__version__}" in told
    assert "project from other to" in told
    assert f"runtime onnx from sha256:{'0' * 64} to {lock.lock}" in told
    assert "flavor ai1-1-cpu from 1 CPU, 4294967296 bytes, at most 99 to 1 CPU, 4294967296 bytes, at most 12" in told
    gone = changed(file, decisions=replace(plan.decisions, models=()))
    assert "model titanic from nothing to 1 object" in stale(world, gone), "a model that is new in the source"
    later = plan_file(plan, replace(file.forecast, seconds=1.0))
    assert reasons(world.apply(later)) == {"iris": "engine-not-running"}, "a forecast makes nothing stale"


@pytest.mark.slow
def test_other_prices_make_a_plan_stale_where_they_are_given_again(world: World, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('date = "2026-11"\n[flavors.ai1-1-cpu]\nhour = 0.05\n[before.models]\niris = 40\n')
    file = world.plan(models=("iris", "titanic"), prices=mine)
    assert (file.plan.prices.origin, file.plan.prices.date) == ("yours", "2026-11")
    assert file.plan.summary.before == msgspec.convert({"least": "40.00", "most": "40.00", "known": False}, type(
        file.plan.summary.before
    ))  # fmt: skip
    assert set(reasons(world.apply(file)).values()) == {"engine-not-running"}, "the plan holds them"
    mine.write_text('date = "2026-12"\n[flavors.ai1-1-cpu]\nhour = 0.06\n')
    told = stale(world, file, prices=mine)
    assert "price of ai1-1-cpu from 0.05 to 0.06" in told
    assert "prices from 2026-11, 730 hours a month to 2026-12" in told


@pytest.mark.slow
def test_a_model_that_is_gone_makes_a_plan_stale(world: World, shelf: Path) -> None:
    file = world.plan(str(shelf), models=("iris", "titanic"))
    shutil.rmtree(shelf / "iris")
    told = stale(world, file, source=shelf)
    assert told.endswith("these have changed: model iris from 1 object to nothing."), "its files need no line each"


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    folder = tmp_path / "shelf"
    for name in ("iris", "titanic"):
        shutil.copytree(MODELS / name, folder / name)
    return folder


def test_a_plan_of_a_folder_holds_no_path_and_fits_the_same_folder_elsewhere(
    world: World, shelf: Path, tmp_path: Path
) -> None:
    file = world.plan(str(shelf))
    assert str(tmp_path) not in encode(file).decode()
    with pytest.raises(UsageError, match="a plan holds no path"):
        world.apply(file)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(shelf, elsewhere)
    assert set(reasons(world.apply(file, source=elsewhere)).values()) == {"engine-not-running"}
    (elsewhere / "iris" / "note.txt").write_text("x")
    told = stale(world, file, source=elsewhere)
    assert "model iris from 1 object to 2 objects; size of object note.txt of iris from nothing to 1; " in told
    assert "time" not in told, "times of files mean nothing elsewhere, and are not compared"


def test_the_samples_of_a_plan_are_given_again(world: World, tmp_path: Path) -> None:
    samples = tmp_path / "samples" / "iris"
    samples.mkdir(parents=True)
    (samples / "a.json").write_text('{"request": {"x": 1}}')
    file = world.plan(models=("iris",), samples=samples.parent)
    with pytest.raises(UsageError, match="made with samples"):
        world.apply(file)
    (samples / "a.json").write_text('{"request": {"x": 2}}')
    assert "samples from sha256:" in stale(world, file, samples=samples.parent)


def test_what_a_download_cannot_check_is_said(sandbox: Path, world: World) -> None:
    (iris,) = (MODELS / "iris").glob("*.onnx")
    half = iris.stat().st_size // 2
    data = iris.read_bytes()
    put(sandbox, world.folder, {"p/1": data[:half], "p/2": data[half:]}, "pieces")
    put(sandbox, world.folder, {"dynamic.onnx": b""}, "large", kind={"prefix": "pieces/p/"})
    put(sandbox, world.folder, {"plain.onnx": data}, "large")
    put(sandbox, world.folder, {"static.onnx": b""}, "large", kind={"segments": ["pieces/p/1", "pieces/p/2"]})
    notes = {model.id: " ".join(model.notes) for model in world.plan("large@GRA").plan.models}
    assert {name for name, text in notes.items() if "does not check them" in text} == {"dynamic"}


def test_the_source_of_a_plan_is_never_a_path(world: World) -> None:
    file = world.plan(models=("iris",))
    for name in ("/etc", "../secrets", "~root", "models@GRA", "s3://bucket"):
        hostile = changed(file, source=replace(file.plan.source, name=name))
        with pytest.raises(MigrateError) as caught:
            world.apply(hostile)
        assert caught.value.code == "bad-plan"


@pytest.mark.slow
def test_a_folder_of_the_name_of_a_container_is_not_taken_for_it(
    world: World, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = world.plan("models@GRA", models=("iris",))
    (world.folder / "models@GRA").mkdir()
    monkeypatch.chdir(world.folder)
    with pytest.raises(UsageError) as caught:
        world.apply(file)
    assert caught.value.code == "ambiguous-source"


@pytest.mark.slow
def test_what_is_decided_otherwise_is_planned_anew(world: World) -> None:
    file = world.plan(models=("iris",), region="GRA", replicas=2)
    typed = ApplyOptions(plan=Path("/p.json"))
    chosen = applied_options(file.plan, typed, project=None)
    assert chosen.command() == "migrate apply /p.json"
    assert isinstance(chosen, RunOptions)
    other = replace(chosen, allow_unsafe=("sha256:" + "0" * 64,))
    assert other.again("iris").startswith("migrate plan ")
    assert "--allow-unsafe" in other.again("iris")
    assert "--replicas 2" in other.again("iris")


def test_the_list_of_prices_of_the_project_holds_only_what_has_a_source() -> None:
    prices = read_prices(None).prices
    assert prices.flavors
    assert all(price.source and price.hour for price in prices.flavors)

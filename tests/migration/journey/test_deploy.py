"""Apps on the sandbox's API: one for each unit, found again after every kind of loss, another run's left alone."""

from pathlib import Path

import pytest

from migrate.apps import deploy as platform
from migrate.core.errors import NeedsYouError, RemoteError
from migrate.core.events import Notice
from migrate.migration.journal.bill import billed_app
from migrate.migration.journey.models import Group
from migrate.migration.journey.planner import make_plan
from migrate.migration.journey.steps import deploy
from migrate.ovhcloud.apps import Automatic, Fixed, ScalingStrategy, apps
from migrate.ovhcloud.projects import authorize
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from tests.clouds import logged
from tests.migration.runs import IMAGE, deployed, record, run_of, unit


@pytest.fixture(autouse=True)
def authorized(sandbox: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_POLL_SECONDS", "0.2")
    authorize(cloud)
    control.fail(sandbox, "app-stuck")  # without an engine they would fail, sooner or later


def test_the_id_is_journalled_before_the_app_is_waited_for(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        deployed(run)
        (app,) = platform.listing(cloud)
        effect = run.journal.effects.find("app", unit().subject)
        assert effect is not None
        assert effect.external_id == app.id
        assert app.labels["mls-run"] == run.journal.id
        assert app.labels["mls-key"] == unit().key(cloud.project)
        assert len(app.labels["mls-artifact"]) <= 40
        assert app.image == IMAGE.reference


@pytest.mark.parametrize("lost", ["the id", "the intent"])
def test_a_lost_app_is_found_by_its_label(cloud: Cloud, tmp_path: Path, lost: str) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        plan = run.plan(unit(), "sha256:0")
        app = platform.create(cloud, plan, IMAGE)
        if lost == "the id":
            run.journal.effects.intend("app", unit().subject, {"key": "k"}, unit=unit().subject)
    with run_of(cloud, tmp_path) as (run, _):
        deployed(run)
        assert [found.id for found in platform.listing(cloud)] == [app.id]
        effect = run.journal.effects.find("app", unit().subject)
        assert effect is not None
        assert effect.external_id == app.id


def test_an_intent_whose_request_never_arrived_makes_one_app(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        run.journal.effects.intend("app", unit().subject, {"key": "k"}, unit=unit().subject)
        deployed(run)
        assert len(platform.listing(cloud)) == 1


@pytest.mark.parametrize("answer", [{"status": 503}, {"status": 200, "html": True}], ids=["lost", "unreadable"])
def test_an_app_that_may_have_been_made_is_looked_for(
    sandbox: Path, cloud: Cloud, tmp_path: Path, answer: dict[str, object]
) -> None:
    control.fail(sandbox, "5xx", method="POST", path_regex="/ai/app$", done=True, times=1, **answer)
    with run_of(cloud, tmp_path) as (run, _):
        deployed(run)
        (app,) = platform.listing(cloud)
        effect = run.journal.effects.find("app", unit().subject)
        assert effect is not None
        assert effect.external_id == app.id
    posts = [line for line in logged(sandbox) if line.method == "POST" and line.path.endswith("/ai/app")]
    assert len(posts) == 1


def test_an_app_that_the_platform_refused_leaves_no_effect(sandbox: Path, cloud: Cloud, tmp_path: Path) -> None:
    control.fail(sandbox, "not-granted", method="POST", path_regex="/ai/app$")
    with run_of(cloud, tmp_path) as (run, _):
        assert deployed(run).code == "not-granted"
        assert run.journal.effects.existing("app") == ()


def test_an_app_that_somebody_deleted_is_made_again(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        deployed(run)
        (first,) = platform.listing(cloud)
        assert platform.delete(cloud, first.id)
    with run_of(cloud, tmp_path) as (run, _):
        deployed(run)
        (second,) = platform.listing(cloud)
        assert second.id != first.id


def test_an_app_of_another_run_is_left(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path, journal_name="other.sqlite") as (run, _):
        theirs = platform.create(cloud, run.plan(unit(), "sha256:0"), IMAGE)
    with run_of(cloud, tmp_path) as (run, _):
        assert deployed(run).code == "app-of-another-run"
        assert run.journal.effects.existing("app") == ()
        (app,) = platform.listing(cloud)
        assert app == theirs or app.labels["mls-run"] != run.journal.id


def test_an_app_of_another_run_is_taken_over_with_adopt(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path, journal_name="other.sqlite") as (run, _):
        theirs = platform.create(cloud, run.plan(unit(), "sha256:0"), IMAGE)
    with run_of(cloud, tmp_path, adopt=True) as (run, _):
        deployed(run)
        (app,) = platform.listing(cloud)
        assert app.id == theirs.id
        assert app.labels["mls-run"] == run.journal.id
        effect = run.journal.effects.find("app", unit().subject)
        assert effect is not None
        assert effect.external_id == theirs.id


def test_errors_of_waiting_are_of_their_kind(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        plan = run.plan(unit(), "sha256:0")
        app = platform.create(cloud, plan, IMAGE)
        with pytest.raises((RemoteError, NeedsYouError)):
            deploy.wait(run, unit(), app.id, IMAGE.reference)


def test_an_app_is_made_in_the_size_that_was_typed(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path, cpus=3, scale_max=4) as (run, _):
        deployed(run)
        (app,) = apps(cloud)
        assert (app.spec.resources.flavor, app.spec.resources.units) == ("ai1-1-cpu", 3)
        assert app.spec.scaling_strategy == ScalingStrategy(automatic=Automatic(replicas_min=1, replicas_max=4))


def test_an_app_that_exists_gets_the_size_that_is_typed_later(sandbox: Path, cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        deployed(run)
        (made,) = apps(cloud)
    with run_of(cloud, tmp_path, replicas=2) as (run, events):
        deployed(run)
        (app,) = apps(cloud)
        assert (app.id, app.spec.resources.units) == (made.id, made.spec.resources.units)
        assert app.spec.scaling_strategy == ScalingStrategy(fixed=Fixed(replicas=2))
        assert not [event for event in events if isinstance(event, Notice)]
        assert not [line for line in logged(sandbox) if line.path.endswith("/stop")]
    with run_of(cloud, tmp_path, cpus=2) as (run, events):
        assert "its app" in "".join(make_plan(run, (Group((record(),), packed=False),), (), {}).apps[0].notes)
        deployed(run)
        (app,) = apps(cloud)
        assert (app.id, app.spec.resources.units) == (made.id, 2)
        assert app.spec.scaling_strategy == ScalingStrategy(fixed=Fixed(replicas=2))
        effect = run.journal.effects.find("app", unit().subject)
        assert effect is not None
        billed = billed_app(effect, None)
        assert (billed.cpu, billed.replicas) == (2, 2)
        told = [event.text for event in events if isinstance(event, Notice)]
        assert told == [f"The app {app.id} is stopped and started again with 2 CPUs."]
    with run_of(cloud, tmp_path, cpus=2) as (run, _):
        assert "its app" not in "".join(make_plan(run, (Group((record(),), packed=False),), (), {}).apps[0].notes)

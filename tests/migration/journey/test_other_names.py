"""A source that is called otherwise than before: its apps are found, and none gets a second one."""

from pathlib import Path

import pytest

from migrate.apps import deploy as platform
from migrate.apps import tokens as api
from migrate.core.errors import MigrateError
from migrate.core.values import App, ContainerLocation, ModelRecord
from migrate.migration.journey.steps import deploy
from migrate.migration.journey.steps.tokens import hand_over
from migrate.migration.run.cloud_run import Run
from migrate.migration.run.step_engine import Performer
from migrate.migration.run.units import Unit, unit_of
from migrate.ovhcloud.projects import authorize
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from tests.migration.runs import IMAGE, prepared, run_of
from tests.sources.storing import put

PLACE = ContainerLocation(region="GRA", container="shelf", container_id="c1", path="iris")
NAMES = ("shelf@GRA", "swift:shelf@GRA")


@pytest.fixture(autouse=True)
def authorized(sandbox: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_POLL_SECONDS", "0.2")
    authorize(cloud)
    control.fail(sandbox, "app-stuck")  # without an engine they would fail, sooner or later


def called(source: str) -> Unit:
    return unit_of(ModelRecord(id="iris", source=source, location=PLACE))


def other_app(cloud: Cloud, folder: Path, source: str) -> App:
    """The app that another machine made when the source was called so."""
    with run_of(cloud, folder, journal_name="other.sqlite") as (run, _):
        return platform.create(run.cloud, run.plan(called(source), "sha256:0"), IMAGE)


def deployed(run: Run, source: str) -> str:
    """The code of what ends the deployment: without an engine no app gets to RUNNING."""
    models, pushed = prepared(run)
    with pytest.raises(MigrateError) as caught:
        deploy.deploy(run, Performer(run.journal, run.emit, run.stop), called(source), models, pushed)
    return caught.value.code


@pytest.mark.parametrize("names", [NAMES, pytest.param(NAMES[::-1], marks=pytest.mark.slow)])
def test_an_app_that_was_made_under_the_other_name_is_the_models(
    cloud: Cloud, tmp_path: Path, names: tuple[str, str]
) -> None:
    theirs = other_app(cloud, tmp_path, names[0])
    with run_of(cloud, tmp_path) as (run, _):
        assert deployed(run, names[1]) == "app-of-another-run"
    with run_of(cloud, tmp_path, adopt=True) as (run, _):
        assert deployed(run, names[1]) == "app-timeout"
        (app,) = platform.listing(cloud)
        assert app.id == theirs.id
        hand_over(run, called(names[1]), app)
        (token,) = api.list_tokens(cloud)
        assert token.label_selector == f"mls-key={theirs.labels['mls-key']}"


def test_of_two_machines_that_call_it_differently_one_app_stays(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        run.apps()  # both began before either had made anything
        theirs = other_app(cloud, tmp_path, NAMES[0])
        assert deployed(run, NAMES[1]) == "app-timeout"
        (app,) = platform.listing(cloud)
        effect = run.journal.effects.find("app", called(NAMES[1]).subject)
        assert effect is not None
        assert (app.id, effect.shared, effect.text("key")) == (theirs.id, True, theirs.labels["mls-key"])


@pytest.mark.slow
def test_where_a_bucket_has_the_name_too_an_app_of_the_bare_name_may_be_the_buckets(
    sandbox: Path, cloud: Cloud, tmp_path: Path
) -> None:
    put(sandbox, tmp_path, {"iris.onnx": b"?"}, "shelf")
    put(sandbox, tmp_path, {"iris.onnx": b"?"}, "shelf", s3=True)
    other_app(cloud, tmp_path, NAMES[0])
    with run_of(cloud, tmp_path) as (run, _):
        assert deployed(run, NAMES[1]) == "app-timeout"
    assert len(platform.listing(cloud)) == 2

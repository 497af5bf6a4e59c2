"""What is billed is what exists: every app that was made, or may have been, whatever became of its model."""

from pathlib import Path

import pytest
from rich.console import Console

from migrate.apps import deploy as platform
from migrate.console.state import show_sources
from migrate.core.errors import ConfigurationError, ExitCode, Interrupted
from migrate.core.looking import Sources
from migrate.core.options.sources import Typed
from migrate.core.values import Outcome
from migrate.migration.journal.bill import billed_app, models_of
from migrate.migration.journey.outcomes import ended
from migrate.migration.journey.result import make_result
from migrate.migration.run.cloud_run import Run
from migrate.migration.run.workspace import Workspace
from migrate.migration.telling.status import status_of, status_of_all
from migrate.ovhcloud.projects import authorize
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from tests.migration.journey.test_deploy import deployed
from tests.migration.runs import app, record, run_of, unit


@pytest.fixture(autouse=True)
def authorized(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_POLL_SECONDS", "0.2")
    authorize(cloud)


def stopped(name: str, app_id: str | None = None) -> Outcome:
    return ended(record(name), Interrupted(), again="migrate run ns", app_id=app_id)


def billed(run: Run, *outcomes: Outcome) -> str:
    return str(make_result(run, outcomes, ExitCode.INTERRUPTED).data.get("billed_text", ""))


def test_an_app_whose_model_is_not_done_is_on_the_bill(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        assert billed(run, stopped("iris")) == ""
        deployed(run)  # gives up waiting: the app is there and has never answered
        (effect,) = run.journal.effects.existing("app")
        assert models_of(effect) == ("iris",)
        result = make_result(run, (stopped("iris"),), ExitCode.INTERRUPTED)
        (told,) = platform.listing(cloud)
        assert result.data["apps"] == [
            {"id": told.id, "url": effect.text("url"), "cpu": 1, "replicas": 1, "models": ("iris",)}
        ]
        assert result.data["billed_text"] == (
            "1 app with 1 CPU in all, by the minute, also without calls, until undone; "
            "that includes what is not migrated yet: iris"
        )


def test_an_app_that_may_have_been_made_is_told(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        wanted = {"key": "k", "name": "iris", "wanted": ["iris"], "cpu": 2, "replicas": 1}
        run.journal.effects.intend("app", unit().subject, wanted, unit=unit().subject)
        text = "an app of iris may exist besides, for the answer to the request was lost"
        assert billed(run, stopped("iris")) == text


def test_many_models_are_not_all_named(cloud: Cloud, tmp_path: Path) -> None:
    names = [f"m{number}" for number in range(8)]
    with run_of(cloud, tmp_path) as (run, _):
        effects = run.journal.effects
        for name in names:
            effect = effects.intend("app", f"unit:{name}", {"wanted": [name], "cpu": 1}, unit=f"unit:{name}")
            effects.done(effect, f"id-{name}")
        text = billed(run, *(stopped(name) for name in names))
        assert text.startswith("8 apps with 8 CPUs in all")
        assert text.endswith("m0, m1, m2, m3, m4 and 3 more")


def test_an_effect_of_an_earlier_release_says_what_it_can(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        effect = run.journal.effects.intend("app", "unit:old", {"key": "k"}, unit="unit:old")
        found = billed_app(effect, None)
        assert (found.id, found.models, found.cpus) == (None, ("old",), 0)
        assert billed_app(effect, app(run)).cpus == 1


def test_an_app_is_not_told_as_the_one_it_took_the_place_of(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        run.journal.put(unit().subject, "deploy", "k", app(run))  # it answered at http://x, and somebody deleted it
        effects = run.journal.effects
        wanted = effects.intend("app", unit().subject, {"wanted": ["iris"], "cpu": 4}, unit=unit().subject)
        (lost,) = make_result(run, (), ExitCode.INTERRUPTED).data["apps"]  # type: ignore[misc]
        assert (lost["id"], lost["url"], lost["cpu"]) == (None, "", 4)
        effects.done(wanted, "y", url="http://y", replicas=2)
        (made,) = make_result(run, (), ExitCode.INTERRUPTED).data["apps"]  # type: ignore[misc]
        assert (made["id"], made["url"], made["cpu"], made["replicas"]) == ("y", "http://y", 4, 2)


def test_what_was_stopped_says_whether_it_is_billed() -> None:
    assert stopped("a").text == "The run was stopped before it had an app."
    with_app = stopped("a", "id")
    assert (with_app.app_id, with_app.text.endswith("the app exists and is billed.")) == ("id", True)
    error = ConfigurationError("The key is no longer valid.", code="bad-credentials")
    assert ended(record("a"), error, again="", app_id="id").app_id == "id"


def shown(sources: Sources) -> str:
    console = Console(width=200, highlight=False)
    with console.capture() as captured:
        show_sources(console, sources)
    return captured.get()


def test_status_counts_the_same_and_no_app_that_is_gone(sandbox: Path, cloud: Cloud, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    folder = workspace.source(cloud.session.endpoint_name, cloud.project, "ns").path
    folder.mkdir(parents=True)
    with run_of(cloud, folder) as (run, _):
        deployed(run)
        run.journal.list_models((record(),))
        run.journal.finish(Outcome(model="iris", outcome="done", proof="self", app_id="x"))
        (made,) = platform.listing(cloud)
    environ = {"HOME": "/nonexistent", **control.env(sandbox)}
    offline = status_of(Typed("ns"), workspace, environ=environ, offline=True)
    assert "1 app with 1 CPU in all, by what is known here, exists and is billed while it runs." in shown(offline)
    asked = shown(status_of_all(workspace, project=None, environ=environ, offline=False))
    assert "1 app with 1 CPU in all exists and is billed" in asked

    assert platform.delete(cloud, made.id)
    gone = status_of(Typed("ns"), workspace, environ=environ, offline=False)
    (state,) = gone.sources
    assert [(one.outcome, one.reason) for one in state.models] == [("needs-you", "app-gone")]
    text = shown(gone)
    assert "billed" not in text
    assert "0 of 1 migrated, 1 needs you" in text
    assert "! iris" in text
    assert "Type: migrate run ns" in text

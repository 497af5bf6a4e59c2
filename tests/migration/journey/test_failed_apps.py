"""Apps that AI Deploy could not run: deleted, or kept where that is said; one that has served is never deleted."""

from pathlib import Path

import pytest

from migrate.apps import deploy as platform
from migrate.core.values import Outcome
from migrate.migration.journey.result import make_result
from migrate.migration.undo.undo import plan_undo, undo
from migrate.ovhcloud.projects import authorize
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from tests.migration.runs import deployed, run_of, unit

WAITS = 60.0


@pytest.fixture(autouse=True)
def authorized(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_POLL_SECONDS", "0.2")
    authorize(cloud)


@pytest.mark.parametrize("cause", ["probe", "platform"])
def test_a_failed_app_is_deleted_and_the_next_run_makes_another(
    sandbox: Path, cloud: Cloud, tmp_path: Path, cause: str
) -> None:
    control.fail(sandbox, "app-failed", cause=cause, log=["last words"])
    with run_of(cloud, tmp_path, timeout=WAITS) as (run, _):
        error = deployed(run)
        assert "  last words" in error.what.splitlines()
        assert error.what.endswith("It was deleted; with --keep-failed the next one is kept, to be looked at.")
        assert platform.listing(cloud) == ()
        assert run.journal.effects.existing("app") == ()
    control.release(sandbox)
    control.fail(sandbox, "app-stuck")
    with run_of(cloud, tmp_path) as (run, _):
        assert deployed(run).code == "app-timeout"
        assert len(platform.listing(cloud)) == 1


def test_a_failed_app_is_kept_where_that_is_said_and_is_on_the_bill(
    sandbox: Path, cloud: Cloud, tmp_path: Path
) -> None:
    control.fail(sandbox, "app-failed", cause="image")
    with run_of(cloud, tmp_path, timeout=WAITS, keep_failed=True) as (run, _):
        error = deployed(run)
        (kept,) = platform.listing(cloud)
        assert "It is kept, as --keep-failed says." in error.what
        assert "migrate undo ns --model iris" in error.next_step
        outcome = Outcome(model="iris", outcome="needs-you", reason=error.code, app_id=kept.id)
        bill = make_result(run, (outcome,), error.exit_code).data["billed_text"]
        assert f"(--keep-failed): {kept.id} of iris" in str(bill)
        undone = undo(
            run.journal,
            plan_undo(run.journal, run.options.typed, ()),
            cloud=cloud,
            remove_image=lambda _: "",
            emit=run.emit,
        )
        assert undone.deleted == (f"app {kept.id}",)
        assert platform.listing(cloud) == ()


def test_a_kept_app_gets_another_try(sandbox: Path, cloud: Cloud, tmp_path: Path) -> None:
    control.fail(sandbox, "app-failed", cause="probe")
    with run_of(cloud, tmp_path, timeout=WAITS, keep_failed=True) as (run, _):
        deployed(run)
        (kept,) = platform.listing(cloud)
    control.release(sandbox)
    control.fail(sandbox, "app-stuck")
    with run_of(cloud, tmp_path) as (run, _):
        assert deployed(run).code == "app-timeout"
        assert [app.id for app in platform.listing(cloud)] == [kept.id]
        effect = run.journal.effects.find("app", unit().subject)
        assert effect is not None
        assert not effect.text("failed")


def test_one_that_has_served_is_not_deleted(sandbox: Path, cloud: Cloud, tmp_path: Path) -> None:
    control.fail(sandbox, "app-stuck")
    with run_of(cloud, tmp_path) as (run, _):
        deployed(run)
        effect = run.journal.effects.find("app", unit().subject)
        assert effect is not None
        run.journal.effects.learn(effect, models=["iris"])  # as when it was up
    control.release(sandbox)
    control.fail(sandbox, "app-failed", cause="memory")
    with run_of(cloud, tmp_path, timeout=WAITS) as (run, _):
        assert deployed(run).code in {"app-memory", "app-failed"}
        assert len(platform.listing(cloud)) == 1


def test_one_that_cannot_be_deleted_stays_in_the_journal(sandbox: Path, cloud: Cloud, tmp_path: Path) -> None:
    control.fail(sandbox, "app-failed", cause="probe")
    control.fail(sandbox, "5xx", method="DELETE", path_regex="/ai/app/")
    with run_of(cloud, tmp_path, timeout=WAITS) as (run, _):
        error = deployed(run)
        assert error.code == "app-probe"
        assert "It could not be deleted" in error.what
        (effect,) = run.journal.effects.existing("app")
        assert [app.id for app in platform.listing(cloud)] == [effect.external_id]

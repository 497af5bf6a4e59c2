"""Undo on the sandbox's API: what the journal made goes, by id; what it did not make stays."""

from pathlib import Path

import pytest

from migrate.apps import deploy as platform
from migrate.apps import tokens as api
from migrate.apps.registries import create_ai_user, find_registration, find_user, register
from migrate.core.errors import ExitCode, UsageError
from migrate.core.options.sources import Typed
from migrate.core.secret import Secret
from migrate.core.values import ModelRecord, Outcome
from migrate.migration.journal.ledger import NAMED_HERE
from migrate.migration.journey.steps.tokens import hand_over
from migrate.migration.run.cloud_run import Run
from migrate.migration.undo.undo import Undone, name_of, plan_undo, undo
from migrate.ovhcloud.projects import authorize
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from tests.migration.runs import IMAGE, app, record, run_of, unit

TYPED = Typed("ns")
GONE = "00000000-0000-0000-0000-000000000000"  # an app that somebody deleted


@pytest.fixture(autouse=True)
def quick(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_POLL_SECONDS", "0.2")
    authorize(cloud)


def made(run: Run, name: str) -> str:
    """An app with a token, as deploy and hand_over make them."""
    effects, one = run.journal.effects, unit(name)
    run.journal.list_models([ModelRecord(id=name, source="ns")])
    found = platform.create(run.cloud, run.plan(one, "sha256:0"), IMAGE)
    effect = effects.intend("app", one.subject, {"key": one.key(run.cloud.project)}, unit=one.subject)
    effects.done(effect, found.id, models=[name])
    hand_over(run, one, app(run, name))
    return found.id


def undone(run: Run, *models: str) -> Undone:
    journal = run.journal
    return undo(journal, plan_undo(journal, TYPED, models), cloud=run.cloud, remove_image=lambda _: "", emit=run.emit)


def test_it_deletes_everything_that_was_made_and_the_second_time_nothing(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        made(run, "iris")
        made(run, "titanic")
        user, _, _ = create_ai_user(cloud, "migrate-registry-test")
        run.journal.effects.done(
            run.journal.effects.intend("user", "migrate-registry-test", {}, unit="unit:iris"), user
        )
        first = undone(run)
        assert len(first.deleted) == 5
        assert first.failed == ()
        assert platform.listing(cloud) == ()
        assert api.list_tokens(cloud) == ()
        assert find_user(cloud, "migrate-registry-test") is None
        assert list((tmp_path / "tokens").iterdir()) == []
        assert undone(run) == Undone(source="ns", project=cloud.project, deleted=(), stay=(), failed=())


def test_what_others_made_stays(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path, journal_name="other.sqlite") as (run, _):
        theirs = platform.create(cloud, run.plan(unit("housing"), "sha256:0"), IMAGE)
    registered = register(cloud, "GRA", "registry.test", "u", Secret("theirs"))
    with run_of(cloud, tmp_path) as (run, _):
        made(run, "iris")
        undone(run)
    assert [found.id for found in platform.listing(cloud)] == [theirs.id]
    assert find_registration(cloud, "GRA", "registry.test") == registered


def test_one_model_leaves_what_another_uses(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        made(run, "iris")
        titanic = made(run, "titanic")
        effects = run.journal.effects
        registered = register(cloud, "GRA", "registry.test", "u", Secret("ours"))
        effect = effects.done(
            effects.intend(
                "registration", "GRA registry.test", {"region": "GRA", "url": "registry.test"}, unit="unit:iris"
            ),
            registered,
        )
        effects.use(effect, "unit:titanic")
        undone(run, "iris")
        assert [found.id for found in platform.listing(cloud)] == [titanic]
        assert find_registration(cloud, "GRA", "registry.test") == registered
        undone(run, "titanic")
        assert find_registration(cloud, "GRA", "registry.test") is None
        assert platform.listing(cloud) == ()


def test_what_a_kill_left_without_an_id_is_found_and_deleted(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        one, effects = unit(), run.journal.effects
        run.journal.list_models([record()])
        effects.intend("app", one.subject, {"key": one.key(cloud.project)}, unit=one.subject)
        platform.create(cloud, run.plan(one, "sha256:0"), IMAGE)
        effects.intend("token", one.subject, {"name": "lost"}, unit=one.subject)
        api.create_token(cloud, name="lost", region="GRA", role="ai_training_read", label_selector=None)
        effects.intend("user", "migrate-registry-lost", {}, unit=one.subject)
        create_ai_user(cloud, "migrate-registry-lost")
        intent: dict[str, object] = {"region": "GRA", "url": "registry.test"}
        effects.intend("registration", "GRA registry.test", intent, unit=one.subject)
        register(cloud, "GRA", "registry.test", "u", Secret("ours"))
        undone(run)
        assert platform.listing(cloud) == ()
        assert api.list_tokens(cloud) == ()
        assert find_user(cloud, "migrate-registry-lost") is None
        assert find_registration(cloud, "GRA", "registry.test") is None


def test_what_was_gone_already_counts_as_gone(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        platform.delete(cloud, made(run, "iris"))
        for token in api.list_tokens(cloud):
            api.delete_token(cloud, token.id)
        assert undone(run).failed == ()


def test_a_failure_is_told_and_the_next_undo_goes_on(sandbox: Path, cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        made(run, "iris")
        control.fail(sandbox, "5xx", method="DELETE", path_regex="/ai/app/", times=50)
        first = undone(run)
        assert len(first.failed) == 1
        assert len(platform.listing(cloud)) == 1
        control.release(sandbox)
        assert len(undone(run).deleted) == 1
        assert platform.listing(cloud) == ()


def test_a_packed_app_is_not_torn_from_the_others(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        run.journal.list_models([record("iris"), record("titanic")])
        effect = run.journal.effects.intend("app", "packed:p", {"models": ["iris", "titanic"]}, unit="packed:p")
        run.journal.effects.done(effect, "id")
        with pytest.raises(UsageError, match="titanic"):
            plan_undo(run.journal, TYPED, ("iris",))
        assert [found.kind for found in plan_undo(run.journal, TYPED, ("iris", "titanic")).delete] == ["app"]


def test_a_model_that_keeps_its_app_is_not_said_to_be_undone(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        iris = made(run, "iris")
        run.journal.list_models([record("iris"), record("titanic")])
        effect = run.journal.effects.intend("app", "packed:p", {"models": ["titanic"]}, unit="packed:p")
        run.journal.effects.done(effect, GONE)
        for name, app_id in (("iris", iris), ("titanic", GONE)):
            run.journal.finish(Outcome(model=name, outcome="done", app_id=app_id))
        assert undone(run, "titanic").failed == ()
        told = {name: state.outcome.outcome for name, state in run.journal.models().items() if state.outcome}
        assert told == {"iris": "done", "titanic": "skipped"}


def test_an_unknown_model_is_named(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _), pytest.raises(UsageError, match="nobody"):
        plan_undo(run.journal, TYPED, ("nobody",))


def test_it_stops_between_two_deletions(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        made(run, "iris")
        cloud.session.stop.set()
        stopped = undone(run)
        assert stopped.deleted == ()
        assert stopped.to_do == tuple(name_of(effect) for effect in plan_undo(run.journal, TYPED, ()).delete)
        assert stopped.exit_code == ExitCode.INTERRUPTED
        cloud.session.stop.clear()
        assert len(undone(run).deleted) == 2


def test_the_name_that_a_killed_push_left_on_the_engine_goes(cloud: Cloud, tmp_path: Path) -> None:
    removed: list[str] = []

    def remove(reference: str) -> str:
        removed.append(reference)
        return ""

    with run_of(cloud, tmp_path) as (run, _):
        effects = run.journal.effects
        effects.intend("pushed-image", "registry.test/left:1", {NAMED_HERE: True}, unit="unit:iris")
        clean = effects.intend("pushed-image", "registry.test/clean:1", {NAMED_HERE: True}, unit="unit:iris")
        effects.done(clean, "sha256:1", **{NAMED_HERE: False})
        for _ in range(2):
            plan = plan_undo(run.journal, TYPED, ())
            told = undo(run.journal, plan, cloud=cloud, remove_image=remove, emit=run.emit)
            assert len(told.stay) == 2, "in the registry both stay"
    assert removed == ["registry.test/left:1"]

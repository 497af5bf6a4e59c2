"""Two machines that move one source at a time: one app in the end, and both journals say what it is."""

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from msgspec.structs import replace

from migrate.apps import deploy as platform
from migrate.core.errors import MigrateError
from migrate.core.events import Notice
from migrate.core.values import App
from migrate.migration.journal.journal import Journal, Stored
from migrate.migration.journey.steps import deploy
from migrate.migration.journey.steps.one_app import yield_to_oldest
from migrate.migration.run.cloud_run import Run
from migrate.migration.run.step_engine import Performer, Progress, Task, Unsettled
from migrate.ovhcloud import apps
from migrate.ovhcloud.projects import authorize
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from tests.clouds import calls, open_cloud
from tests.migration.runs import IMAGE, deployed, prepared, run_of, unit
from tests.migration.runs import app as an_app

T = TypeVar("T")


@pytest.fixture(autouse=True)
def authorized(sandbox: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_POLL_SECONDS", "0.2")
    authorize(cloud)
    control.fail(sandbox, "app-stuck")  # without an engine they would fail, sooner or later


def machine(sandbox: Path, folder: Path, start: threading.Barrier, delay: float, ends: dict[str, str]) -> None:
    """Begins a run as the other machine does, and deploys: each has a key, a journal and a listing of its own."""
    with open_cloud(sandbox, folder) as cloud, run_of(cloud, folder) as (run, _):
        found, pushed = prepared(run)
        run.apps()  # both began before either had made anything
        run.flavors()
        start.wait()
        time.sleep(delay)
        try:
            deploy.deploy(run, Performer(run.journal, run.emit, run.stop), unit(), found, pushed)
        except MigrateError as error:
            ends[folder.name] = error.code


def race(sandbox: Path, tmp_path: Path, seed: int) -> None:
    """Two machines begin within a second; afterwards one app is there, and each journal has it."""
    control.reset(sandbox)
    control.fail(sandbox, "app-stuck")
    chance = random.Random(seed)  # noqa: S311 - no secret
    folders = [tmp_path / f"{seed}-{name}" for name in ("one", "other")]
    start, ends = threading.Barrier(2), dict[str, str]()
    late = chance.choice([0.0, 0.0, 0.01, 0.05, 0.2, 0.8])
    threads = []
    for folder, delay in zip(folders, chance.sample([0.0, late], 2), strict=True):
        folder.mkdir()
        threads.append(threading.Thread(target=machine, args=(sandbox, folder, start, delay, ends)))
    with open_cloud(sandbox, tmp_path / f"{seed}") as cloud:  # a rate of its own
        authorize(cloud)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(ends.values()) == {"app-timeout"}, (seed, ends)
        (app,) = platform.listing(cloud)
    shared = []
    for folder in folders:
        journal = Journal.read(folder / "journal.sqlite")
        assert journal is not None
        (effect,) = journal.effects.existing("app")
        made = [one for one in journal.effects.all() if one.kind == "app" and not one.shared]
        assert effect.external_id == app.id, seed
        assert effect.shared is (journal.id != app.labels["mls-run"]), seed
        if effect.shared:
            assert effect.text("made_by") == app.labels["mls-run"]
            (own,) = made
            assert own.gone_at is not None
            assert own.external_id not in {None, app.id}
        shared.append(effect.shared)
        journal.close()
    assert sorted(shared) == [False, True], seed


@pytest.mark.parametrize("seed", [1, 2])
def test_two_machines_make_one_app(sandbox: Path, tmp_path: Path, seed: int) -> None:
    race(sandbox, tmp_path, seed)


@pytest.mark.slow
def test_two_machines_make_one_app_fifty_times(sandbox: Path, tmp_path: Path) -> None:
    for seed in range(100, 150):
        race(sandbox, tmp_path, seed)


def other_app(cloud: Cloud, folder: Path) -> App:
    """An app that another machine makes for the same model."""
    with run_of(cloud, folder, journal_name="other.sqlite") as (run, _):
        return platform.create(run.cloud, run.plan(unit(), "sha256:0"), IMAGE)


def shared_run(run: Run, folder: Path) -> App:
    """A run that yielded to the app of another machine."""
    run.apps()
    theirs = other_app(run.cloud, folder)
    assert deployed(run).code == "app-timeout"
    return theirs


def test_the_next_run_goes_on_with_the_same_app_and_leaves_it_as_it_is(
    sandbox: Path, cloud: Cloud, tmp_path: Path
) -> None:
    with run_of(cloud, tmp_path) as (run, events):
        theirs = shared_run(run, tmp_path)
        (told,) = [event.text for event in events if isinstance(event, Notice)]
        assert theirs.id in told
    before = calls(sandbox, "PUT", "")
    with run_of(cloud, tmp_path, cpus=3, replicas=2) as (run, events):
        assert deployed(run).code == "app-timeout"
        (found,) = platform.listing(cloud)
        assert found.id == theirs.id
        assert found.labels == theirs.labels | {name: found.labels[name] for name in ("ovh/id", "ovh/type")}
        assert [event for event in events if isinstance(event, Notice)] == []
    assert calls(sandbox, "PUT", "") == before
    assert calls(sandbox, "POST", "/ai/app") == 2


def test_an_app_of_another_machine_that_rests_is_not_started(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        theirs = shared_run(run, tmp_path)
        apps.stop(cloud, theirs.id)
    with run_of(cloud, tmp_path) as (run, _):
        assert deployed(run).code == "app-of-another-run"


def test_it_is_taken_over_where_that_is_said(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        theirs = shared_run(run, tmp_path)
    with run_of(cloud, tmp_path, adopt=True) as (run, _):
        assert deployed(run).code == "app-timeout"
        effect = run.journal.effects.find("app", unit().subject)
        assert effect is not None
        assert (effect.external_id, effect.shared) == (theirs.id, False)
        (found,) = platform.listing(cloud)
        assert found.labels["mls-run"] == run.journal.id


def test_one_that_the_other_machine_deleted_is_made_anew(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        theirs = shared_run(run, tmp_path)
        platform.delete(cloud, theirs.id)
    with run_of(cloud, tmp_path) as (run, _):
        assert deployed(run).code == "app-timeout"
        (found,) = platform.listing(cloud)
        effect = run.journal.effects.find("app", unit().subject)
        assert effect is not None
        assert (effect.external_id, effect.shared) == (found.id, False)


def test_what_a_kill_left_of_the_younger_one_goes_with_the_next_run(
    sandbox: Path, cloud: Cloud, tmp_path: Path
) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        run.apps()
        theirs = other_app(cloud, tmp_path)
        control.fail(sandbox, "5xx", method="DELETE", path_regex="/ai/app/", times=50)
        assert deployed(run).code == "remote-unavailable"  # as after a kill: written down, and not deleted
        assert len(platform.listing(cloud)) == 2
        assert {one.external_id for one in run.journal.effects.existing("app")} == {
            one.id for one in platform.listing(cloud)
        }
    control.release(sandbox)
    control.fail(sandbox, "app-stuck")
    with run_of(cloud, tmp_path) as (run, _):
        deployed(run)
        assert [one.id for one in platform.listing(cloud)] == [theirs.id]
        (effect,) = run.journal.effects.existing("app")
        assert effect.external_id == theirs.id


def test_an_older_one_that_is_listed_late_is_found_when_the_own_one_is_up(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        theirs = other_app(cloud, tmp_path)
        effect = run.journal.effects.intend("app", unit().subject, {"key": "k"}, unit=unit().subject)
        key = unit().key(cloud.project)
        run.journal.effects.learn(effect, key=key)
        own = platform.create(cloud, run.plan(unit(), "sha256:0"), IMAGE)
        effect = run.journal.effects.done(effect, own.id)
        run.watcher().state(own.id)
        oldest, shared = yield_to_oldest(run, unit(), own, effect, since=0.0)
        assert (oldest.id, shared.shared) == (theirs.id, True)


def test_one_that_has_been_up_is_never_given_up(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        other_app(cloud, tmp_path)
        own = platform.create(cloud, run.plan(unit(), "sha256:0"), IMAGE)
        effect = run.journal.effects.intend("app", unit().subject, {"models": ["iris"]}, unit=unit().subject)
        effect = run.journal.effects.done(effect, own.id)
        kept, same = yield_to_oldest(run, unit(), own, effect)
        assert (kept.id, same.id) == (own.id, effect.id)
        assert len(platform.listing(cloud)) == 2


def test_a_kill_before_the_other_app_was_written_down_leaves_one(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        effects, one = run.journal.effects, unit()
        theirs = other_app(cloud, tmp_path)
        own = platform.create(cloud, run.plan(one, "sha256:0"), IMAGE)
        key = one.key(cloud.project)
        effects.done(effects.intend("app", one.subject, {"key": key}, unit=one.subject), own.id)
        effects.intend("app", one.subject, {"key": key, "shared": True}, unit=one.subject)  # and no id
    with run_of(cloud, tmp_path) as (run, _):
        assert deployed(run).code == "app-timeout"
        assert [app.id for app in platform.listing(cloud)] == [theirs.id]
        (effect,) = run.journal.effects.existing("app")
        assert (effect.external_id, effect.shared) == (theirs.id, True)


class Asking:
    """Asks of a step whether its value stands, and does nothing."""

    def __init__(self, value: App) -> None:
        self._value = value
        self.stands = False

    def do(
        self,
        task: Task,  # noqa: ARG002 - whatever the step is
        kind: type[T],
        make: Callable[[Progress], T],  # noqa: ARG002
        *,
        stands: Callable[[T], bool],
        outside: bool = False,  # noqa: ARG002
        say: Callable[[T], str] = lambda _: "",  # noqa: ARG002
    ) -> Stored[T]:
        assert isinstance(self._value, kind)
        self.stands = stands(self._value)
        raise Unsettled


def test_an_own_app_that_did_not_go_at_once_is_looked_at_again(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        theirs = replace(shared_run(run, tmp_path), state="RUNNING")
    with run_of(cloud, tmp_path) as (run, _):
        found, pushed = prepared(run)
        run.apps()[theirs.id] = theirs
        shared = run.journal.effects.find("app", unit().subject)
        assert shared is not None
        own = run.journal.effects.intend("app", unit().subject, {}, unit=unit().subject)
        run.journal.effects.done(own, "still-being-deleted")
        again = run.journal.effects.intend("app", unit().subject, dict(shared.intent), unit=unit().subject)
        run.journal.effects.done(again, theirs.id)
        for left in (True, False):
            asking = Asking(theirs)
            with pytest.raises(Unsettled):
                deploy.deploy(run, asking, unit(), found, pushed)
            assert asking.stands is not left
            run.journal.effects.gone(own)


def test_an_address_that_ai_deploy_does_not_list_gets_no_token(cloud: Cloud, tmp_path: Path) -> None:
    """A journal that was taken over from another machine may have any."""
    with run_of(cloud, tmp_path) as (run, _):
        found, pushed = prepared(run)
        listed = replace(an_app(run), image=pushed.value.reference)
        run.apps()[listed.id] = listed
        for stored, stands in ((listed, True), (replace(listed, url="http://elsewhere"), False)):
            asking = Asking(stored)
            with pytest.raises(Unsettled):
                deploy.deploy(run, asking, unit(), found, pushed)
            assert asking.stands is stands

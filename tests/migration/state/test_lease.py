"""One machine at a time: a second is told, a dead one is followed, and one that slept stops before its next effect."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from migrate.apps import deploy as platform
from migrate.core.errors import ExitCode, Interrupted, LocalError, RemoteError
from migrate.migration.run.leased import leased
from migrate.migration.state.lease import Lease, Times
from migrate.migration.state.store import open_store
from migrate.ovhcloud.projects import authorize
from migrate.ovhcloud.session import Cloud
from migrate.sources.listing import known_models
from migrate.sources.reference import parse_source
from tests.clouds import calls, open_cloud
from tests.migration.runs import IMAGE, deployed, run_of, unit

QUICK = Times(lifetime=0.6, renewal=0.1, watched=0.3)
SLEEPS = Times(lifetime=0.2, renewal=3600.0, watched=0.2)  # a holder whose thread does not get to renew


def lease(
    folder: Path, times: Times = QUICK, on_lost: Callable[[], None] = lambda: None, name: str = "eu/project/ns"
) -> Lease:
    return Lease(
        open_store(str(folder)),
        name,
        doing="run ns",
        on_lost=on_lost,
        stop=threading.Event(),
        tell=lambda _: None,
        times=times,
    )


@contextlib.contextmanager
def slept(folder: Path, on_lost: Callable[[], None] = lambda: None) -> Iterator[Lease]:
    """A holder that was asleep until its lease looked dead."""
    with lease(folder, SLEEPS, on_lost) as held:
        time.sleep(2 * SLEEPS.lifetime)
        yield held


def test_a_second_machine_is_told_who_holds_it_since_when_and_what_to_do(tmp_path: Path) -> None:
    with lease(tmp_path) as first:
        first.check()
        time.sleep(1.5 * QUICK.lifetime)  # it is renewed all the while
        with pytest.raises(RemoteError) as caught, lease(tmp_path):
            pass
        first.check()
    error = caught.value
    assert error.code == "lease-held"
    assert error.exit_code is ExitCode.REMOTE
    assert "process " in error.what
    assert "migrate run ns" in error.what
    assert ", since 2" in error.what
    assert "type the same command again" in error.next_step


def test_the_fencing_number_goes_up_with_every_holder(tmp_path: Path) -> None:
    seen = []
    for _ in range(3):
        with lease(tmp_path) as held:
            seen.append(held.fence)
    assert seen == [1, 2, 3]


def test_a_dead_holder_is_followed_and_notices_when_it_wakes(tmp_path: Path) -> None:
    told = []
    with slept(tmp_path, lambda: told.append("lost")) as first:
        with lease(tmp_path, SLEEPS) as second:
            assert second.fence == first.fence + 1
            with pytest.raises(RemoteError) as caught:
                first.check()
            second.check()
        assert caught.value.code == "lease-lost"
        assert told == ["lost"]
        with pytest.raises(RemoteError):
            first.check()
        assert told == ["lost"]
    with lease(tmp_path) as third:  # the one that lost it gave nothing back
        assert third.fence == 3


def test_one_that_slept_and_that_nobody_followed_goes_on(tmp_path: Path) -> None:
    with slept(tmp_path) as first:
        first.check()
        assert first.lost is None


def test_a_living_holder_whose_clock_is_wrong_is_left_alone(tmp_path: Path) -> None:
    with lease(tmp_path, Times(lifetime=60.0, renewal=0.05, watched=0.4)) as first:
        # What it writes looks an hour old to another machine, whose clock is an hour ahead.
        with pytest.raises(RemoteError) as caught, lease(tmp_path, Times(lifetime=0.0, renewal=0.05, watched=0.4)):
            pass
        assert caught.value.code == "lease-held"
        first.check()


def test_watching_a_dead_lease_can_be_stopped(tmp_path: Path) -> None:
    with slept(tmp_path):
        second = lease(tmp_path, Times(lifetime=0.1, renewal=1.0, watched=60.0))
        second._stop.set()
        with pytest.raises(Interrupted), second:
            pass


def test_a_lease_that_is_no_lease_is_not_followed(tmp_path: Path) -> None:
    open_store(str(tmp_path)).create("eu/project/ns/lease", b"{")
    with pytest.raises(LocalError) as caught, lease(tmp_path):
        pass
    assert caught.value.code == "state-unusable"


def test_without_the_store_nothing_is_changed_outside(tmp_path: Path) -> None:
    folder = tmp_path / "share"
    folder.mkdir()
    with lease(folder) as held:
        folder.rename(tmp_path / "gone")
        with pytest.raises(LocalError):
            held.check()
        (tmp_path / "gone").rename(folder)
        held.check()


def test_no_app_is_made_by_a_machine_that_lost_its_lease(sandbox: Path, cloud: Cloud, tmp_path: Path) -> None:
    authorize(cloud)
    share = tmp_path / "share"
    share.mkdir()

    def held(by: Cloud) -> contextlib.AbstractContextManager[Lease | None]:
        return leased(str(share), cloud=by, source="ns", models=tuple, doing="run ns", times=SLEEPS)

    with run_of(cloud, tmp_path) as (run, _):
        plan = run.plan(unit(), "sha256:0")
        with held(cloud), open_cloud(sandbox, tmp_path / "other") as other:
            time.sleep(2 * SLEEPS.lifetime)
            with held(other):
                platform.create(other, plan, IMAGE)
                with pytest.raises(RemoteError) as caught:
                    platform.create(cloud, plan, IMAGE)
        assert caught.value.code == "lease-lost"
        assert cloud.session.stop.is_set()
        cloud.session.stop.clear()
        assert calls(sandbox, "POST", "/ai/app") == 1
        platform.create(cloud, plan, IMAGE)  # out of the lease nothing holds it back


def stop_in_the_middle(place: Path, cloud: Cloud) -> None:
    """A command that another machine's taking over stops."""
    with leased(str(place), cloud=cloud, source="ns", models=tuple, doing="run ns", times=SLEEPS) as held:
        assert held is not None
        time.sleep(2 * SLEEPS.lifetime)
        with lease(place, SLEEPS, name=held.name), pytest.raises(RemoteError):
            held.check()
        raise Interrupted


def test_a_command_that_it_stopped_says_so_and_not_ctrl_c(cloud: Cloud, tmp_path: Path) -> None:
    with pytest.raises(RemoteError) as caught:
        stop_in_the_middle(tmp_path, cloud)
    assert caught.value.code == "lease-lost"
    cloud.session.stop.clear()


def test_an_app_that_was_never_asked_for_is_not_on_the_bill(cloud: Cloud, tmp_path: Path) -> None:
    authorize(cloud)
    with run_of(cloud, tmp_path) as (run, _), slept(tmp_path / "state") as first:
        with lease(tmp_path / "state", SLEEPS):
            run.cloud.session.before_effect = first.check
            assert deployed(run).code == "lease-lost"
        assert run.journal.effects.existing() == ()


@pytest.mark.parametrize(
    "names",
    [
        ("models@GRA", "swift:models@GRA", "s3:models@gra"),
        ("models@GRA/iris", "swift:models@gra/iris/"),
        ("ns-1", "here/ns-1.json", "there/copy.json"),
        ("folder", "./folder/", "link"),
    ],
)
def test_one_source_has_one_lease_whatever_it_is_called(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    for name in ("here/ns-1.json", "there/copy.json"):
        (tmp_path / name).parent.mkdir()
        inventory = {"namespace": {"id": "ns-1", "container": "models", "region": "GRA"}, "models": [{"id": "iris"}]}
        (tmp_path / name).write_text(json.dumps(inventory))
    share = tmp_path / "share"
    share.mkdir()

    def take(name: str) -> contextlib.AbstractContextManager[Lease | None]:
        ref = parse_source(name)
        return leased(str(share), cloud=cloud, source=ref.canonical, models=lambda: known_models(ref), doing=name)

    first, *others = names
    with take(first):
        for name in others:
            with pytest.raises(RemoteError) as caught, take(name):
                pass
            assert caught.value.code == "lease-held"
        with take("other@GRA"), take("ns-2"), take(str(tmp_path)):
            pass

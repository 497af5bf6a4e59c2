"""Slots: at most so many at work, the furthest along first, and none for a model that waits for its app."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from migrate.apps import deploy as platform
from migrate.core.errors import Interrupted, NeedsYouError
from migrate.migration.journey.steps import deploy
from migrate.migration.run.slots import Rank, Slots
from migrate.ovhcloud.projects import authorize
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from tests.migration.runs import IMAGE, run_of, unit
from tests.waiting import wait_until


def queued(slots: Slots, number: int) -> bool:
    return len(slots._queue) == number


def test_never_more_at_work_than_there_are_slots() -> None:
    slots, turn = Slots(3), threading.Lock()
    at_work, most = 0, 0

    def work(_: int) -> None:
        nonlocal at_work, most
        with slots.taken(Rank.PREPARES):
            with turn:
                at_work += 1
                most = max(most, at_work)
            with turn:
                at_work -= 1
            with slots.given_up():
                pass

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(200)))
    assert at_work == 0
    assert 1 <= most <= 3


def test_who_is_furthest_along_is_next() -> None:
    slots = Slots(1)
    order: list[str] = []

    def work(name: str, rank: Rank) -> None:
        with slots.taken(rank):
            order.append(name)

    asked = (("a", Rank.PREPARES), ("b", Rank.MOVES), ("c", Rank.PREPARES), ("d", Rank.GOES_ON))
    with ThreadPoolExecutor(8) as pool, slots.taken(Rank.MOVES):
        for number, (name, rank) in enumerate(asked, 1):
            pool.submit(work, name, rank)
            wait_until(partial(queued, slots, number), f"{name} is not in the queue")
    assert order == ["d", "b", "a", "c"]


def test_an_error_while_the_slot_is_given_up_leaves_the_number_of_slots() -> None:
    slots = Slots(1)
    for _ in range(3):
        with pytest.raises(Interrupted), slots.taken(Rank.MOVES), slots.given_up():
            raise Interrupted
    with slots.taken(Rank.MOVES):
        free = threading.Event()

        def another() -> None:
            with slots.taken(Rank.GOES_ON):
                free.set()

        thread = threading.Thread(target=another)
        thread.start()
        assert not free.is_set()
    thread.join()
    assert free.is_set()


def test_a_model_that_waits_for_its_app_holds_no_slot(
    sandbox: Path, cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_POLL_SECONDS", "0.2")
    authorize(cloud)
    with run_of(cloud, tmp_path, timeout=600.0, jobs=1) as (run, _), ThreadPoolExecutor(1) as pool:
        app = platform.create(cloud, run.plan(unit(), "sha256:0"), IMAGE)
        looks = tmp_path / "looks"
        fault = control.fail(
            sandbox, "hold", method="GET", path_regex="/ai/app$", point="before", nth=1, touch=str(looks)
        )

        def move() -> None:
            with run.slots.taken(Rank.MOVES):
                deploy.wait(run, unit(), app.id, IMAGE.reference)

        waiting = pool.submit(move)
        wait_until(looks.exists, "the app is not looked at")
        with run.slots.taken(Rank.PREPARES):  # the only one there is
            assert not waiting.done()
        control.release(sandbox, fault)
        with pytest.raises(NeedsYouError, match="FAILED"):  # no image can be run here
            waiting.result()
        with run.slots.taken(Rank.PREPARES):
            pass

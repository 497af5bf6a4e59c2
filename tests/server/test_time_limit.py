"""A computation that does not come to an end keeps neither who asked nor who asks later."""

import threading

import pytest

from migrate.server.engines.time_limit import TimeLimit
from migrate.server.errors import HttpError
from tests.waiting import wait_until


def test_steps_and_errors_come_through_and_threads_are_used_again() -> None:
    limit = TimeLimit()
    threads: list[int] = []
    limit.run(lambda: threads.append(threading.get_ident()), 3)
    limit.run(lambda: threads.append(threading.get_ident()))
    assert len(threads) == 4
    assert len({*threads}) == 1
    with pytest.raises(ZeroDivisionError):
        limit.run(lambda: 1 // 0)
    limit.run(lambda: None, 0)


def test_what_does_not_end_is_answered_and_the_next_ones_are_refused_until_it_ends() -> None:
    limit, end, ended = TimeLimit(0.05), threading.Event(), []
    try:
        for _ in range(2):
            with pytest.raises(HttpError, match="does not end") as error:
                limit.run(lambda: ended.append(end.wait()), 10)
            assert error.value.status == 503
        with pytest.raises(HttpError, match="computations that do not end"):
            limit.run(lambda: None)
    finally:
        end.set()

    def is_free() -> bool:
        try:
            limit.run(lambda: None)
        except HttpError:
            return False
        return True

    wait_until(is_free, "the model refuses requests though nothing is computed")
    assert len(ended) == 2, "nobody waits for the steps that were to come"


def test_the_limit_is_for_a_step() -> None:
    limit = TimeLimit(0.5)
    steps: list[bool] = []
    limit.run(lambda: steps.append(threading.Event().wait(0.1)), 10)
    assert len(steps) == 10

"""A computation that does not come to an end keeps neither who asked nor who asks later."""

import threading

import pytest

from migrate.server.engines.time_limit import TimeLimit
from migrate.server.errors import HttpError


def test_results_and_errors_come_through_and_threads_are_used_again() -> None:
    limit = TimeLimit()
    assert {limit.run(threading.get_ident) for _ in range(5)} == {limit.run(threading.get_ident)}
    with pytest.raises(ZeroDivisionError):
        limit.run(lambda: 1 // 0)
    assert limit.run(lambda: 3) == 3


def test_what_does_not_end_is_answered_and_the_next_ones_are_refused_at_once() -> None:
    limit, end = TimeLimit(0.05), threading.Event()
    try:
        for _ in range(2):
            with pytest.raises(HttpError, match="does not end") as error:
                limit.run(end.wait)
            assert error.value.status == 503
        with pytest.raises(HttpError, match="computations that do not end"):
            limit.run(lambda: 3)
    finally:
        end.set()


def test_the_limit_is_for_a_part_without_progress() -> None:
    limit = TimeLimit(0.2)
    rows: list[int] = []

    def compute() -> int:
        for row in range(6):
            threading.Event().wait(0.1)
            rows.append(row)
        return len(rows)

    assert limit.run(compute, lambda: len(rows)) == 6

"""Values that threads share, and the first who goes alone."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from migrate.core.errors import Interrupted, LocalError
from migrate.migration.run.once import FirstAlone, Lent, Once, OnceEach
from tests.waiting import wait_until


def test_one_makes_it_and_the_others_wait() -> None:
    once: Once[int] = Once()
    came: list[int] = []
    made: list[int] = []

    def make() -> int:
        wait_until(lambda: len(came) == 8, "the others do not come")
        made.append(1)
        return 7

    def come(number: int) -> int:
        came.append(number)
        return once.get(make)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(come, range(8))) == [7] * 8
    assert made == [1]


def test_a_failure_is_everybodys() -> None:
    once: Once[int] = Once()
    calls: list[int] = []

    def fail() -> int:
        calls.append(1)
        raise LocalError("no engine", code="engine-not-running")

    for _ in range(3):
        with pytest.raises(LocalError):
            once.get(fail)
    assert calls == [1]


def test_an_interruption_is_not_kept() -> None:
    once: Once[int] = Once()

    def interrupted() -> int:
        raise Interrupted

    with pytest.raises(Interrupted):
        once.get(interrupted)
    assert once.get(lambda: 1) == 1


def test_each_key_has_a_value_and_a_failure_of_its_own() -> None:
    each: OnceEach[str, int] = OnceEach()
    made: list[str] = []

    def make(key: str) -> int:
        made.append(key)
        if key == "bad":
            raise LocalError("no engine", code="engine-not-running")
        return len(key)

    assert each.get("one", lambda: make("one")) == 3
    assert each.get("three", lambda: make("three")) == 5
    assert each.get("one", lambda: make("one")) == 3
    for _ in range(2):
        with pytest.raises(LocalError):
            each.get("bad", lambda: make("bad"))
    assert made == ["one", "three", "bad"]


def test_the_first_goes_alone_then_all_together() -> None:
    gate, inside, most = FirstAlone(), 0, 0
    turn = threading.Lock()
    first_done = threading.Event()
    together = threading.Barrier(3, timeout=120)

    came: list[int] = []

    def go(number: int) -> None:
        nonlocal inside, most
        came.append(number)
        with gate.enter():
            with turn:
                inside += 1
                most = max(most, inside)
                alone = not first_done.is_set()
            if alone:
                wait_until(lambda: len(came) == 4, "the others do not come")
                assert inside == 1
                first_done.set()
            else:
                together.wait()
            with turn:
                inside -= 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(go, range(4)))
    assert most == 3


def test_when_the_first_fails_the_next_is_the_first() -> None:
    gate = FirstAlone()
    with pytest.raises(LocalError), gate.enter():
        raise LocalError("push failed", code="push-failed")
    with gate.enter():
        pass


def test_what_one_made_is_lent_to_all_who_ask_for_the_same() -> None:
    lent: Lent[str, object] = Lent()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: lent.get("even" if number % 2 == 0 else "odd", object), range(40)))
    assert len(set(map(id, found))) == 2
    assert found[0] is found[2] is not found[1]


def test_a_failure_is_not_lent_and_what_a_later_one_makes_is_its_own() -> None:
    lent: Lent[str, int] = Lent()

    def fail() -> int:
        raise LocalError("too slow", code="reference-timeout")

    with pytest.raises(LocalError):
        lent.get("a", fail)
    assert lent.get("a", lambda: 1) == 1
    assert lent.get("a", lambda: 2) == 2
    assert lent.get("b", lambda: 3) == 3

import pytest

from migrate.machine import patience
from migrate.machine.patience import Patience, poll_seconds, wait_until


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(patience.time, "monotonic", clock.monotonic)
    return clock


def test_pauses_double_and_the_last_look_is_at_the_end(clock: Clock) -> None:
    looks: list[float] = []

    def look() -> int:
        looks.append(clock.now - 100.0)
        return len(looks)

    asked = Patience(seconds=10.0, first=1.0, longest=3.0)
    assert wait_until(look, lambda _: False, asked, pause=clock.sleep) == len(looks)
    assert looks == [0.0, 1.0, 3.0, 6.0, 9.0, 10.0]


def test_what_is_enough_at_once_is_not_waited_for(clock: Clock) -> None:
    assert wait_until(lambda: "there", bool, Patience(seconds=-1.0, first=1.0), pause=clock.sleep) == "there"
    assert wait_until(lambda: "", bool, Patience(seconds=-1.0, first=1.0), pause=clock.sleep) == ""
    assert clock.slept == []


def test_the_longest_pause_of_the_cloud_is_a_setting(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_POLL_SECONDS", "0.7")
    wait_until(lambda: None, lambda _: False, Patience(seconds=2.0, first=5.0), pause=clock.sleep)
    assert clock.slept[:2] == [0.7, 0.7]


@pytest.mark.parametrize(
    ("text", "seconds"), [(None, 10.0), ("0.5", 0.5), ("0", 0.2), ("1e9", 300.0), ("x", 10.0), ("-3", 0.2)]
)
def test_the_interval_of_polls(monkeypatch: pytest.MonkeyPatch, text: str | None, seconds: float) -> None:
    monkeypatch.delenv("MIGRATE_POLL_SECONDS", raising=False)
    if text is not None:
        monkeypatch.setenv("MIGRATE_POLL_SECONDS", text)
    assert poll_seconds() == seconds

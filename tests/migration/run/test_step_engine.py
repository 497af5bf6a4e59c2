"""A step is skipped when its key is recorded and its value stands, and made otherwise."""

import errno
import threading
from collections.abc import Callable

import pytest

from migrate.core.errors import Interrupted, LocalError, NeedsYouError
from migrate.core.events import Event, StepFinished, StepProgress, StepStarted
from migrate.core.values import Rehearsal
from migrate.migration.journal.journal import Journal
from migrate.migration.run.step_engine import Performer, Progress, Recaller, Task, Unsettled

VALUE = Rehearsal(image_id="sha256:1", cold_start=0.5, calls=3, worst_difference=0.0)


class Walk:
    def __init__(self, journal: Journal) -> None:
        self.events: list[Event] = []
        self.stop = threading.Event()
        self.made = 0
        self.performer = Performer(journal, self.events.append, self.stop)

    def task(self, *inputs: str) -> Task:
        return Task(step="rehearse", version=1, subject="unit:a", models=("a", "b"), inputs=inputs)

    def make(self, progress: Progress) -> Rehearsal:
        self.made += 1
        progress(1, 3)
        return VALUE

    def do(self, *inputs: str, stands: bool = True, make: Callable[[Progress], Rehearsal] | None = None) -> Rehearsal:
        return self.performer.do(
            self.task(*inputs), Rehearsal, make or self.make, stands=lambda _: stands, say=lambda value: value.image_id
        ).value


@pytest.fixture
def walk(journal: Journal) -> Walk:
    return Walk(journal)


def test_it_is_made_once_and_told_to_each_model(walk: Walk) -> None:
    assert walk.do("x") == walk.do("x") == VALUE
    assert walk.made == 1
    assert [type(event) for event in walk.events[:6]] == [StepStarted] * 2 + [StepProgress] * 2 + [StepFinished] * 2
    first, last = walk.events[4], walk.events[-1]
    assert isinstance(first, StepFinished)
    assert (first.model, first.detail, first.reused) == ("a", "sha256:1", False)
    assert isinstance(last, StepFinished)
    assert last.reused


def test_it_is_made_again_when_an_input_changed_or_the_value_is_gone(walk: Walk) -> None:
    walk.do("x")
    walk.do("y")
    walk.do("y", stands=False)
    assert walk.made == 3


def test_nothing_is_begun_after_the_stop_and_progress_ends_what_has(walk: Walk, journal: Journal) -> None:
    def stopped_inside(progress: Progress) -> Rehearsal:
        walk.stop.set()
        progress(1, None)
        return VALUE

    with pytest.raises(Interrupted):
        walk.do("x", make=stopped_inside)
    with pytest.raises(Interrupted):
        walk.do("x")
    assert walk.made == 0
    assert journal.get("unit:a", "rehearse", Rehearsal) is None


def test_a_failure_writes_nothing(walk: Walk, journal: Journal) -> None:
    def fail(_: Progress) -> Rehearsal:
        raise NeedsYouError("it differs", code="differs")

    with pytest.raises(NeedsYouError):
        walk.do("x", make=fail)
    assert journal.get("unit:a", "rehearse", Rehearsal) is None


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk-full"),
        (OSError(errno.EACCES, "Permission denied", "/store/x"), "disk"),
    ],
)
def test_a_disk_that_refuses_is_said_in_words(walk: Walk, error: OSError, code: str) -> None:
    def fail(_: Progress) -> Rehearsal:
        raise error

    with pytest.raises(LocalError) as caught:
        walk.do("x", make=fail)
    assert caught.value.code == code


def test_other_errors_of_the_system_are_bugs_and_stay_what_they_are(walk: Walk) -> None:
    def fail(_: Progress) -> Rehearsal:
        raise OSError(errno.ECONNRESET, "Connection reset by peer")

    with pytest.raises(ConnectionResetError):
        walk.do("x", make=fail)


def test_the_recaller_makes_nothing(walk: Walk, journal: Journal) -> None:
    recaller = Recaller(journal)

    def recall(*inputs: str, stands: bool, outside: bool) -> Rehearsal:
        return recaller.do(walk.task(*inputs), Rehearsal, walk.make, stands=lambda _: stands, outside=outside).value

    with pytest.raises(Unsettled):
        recall("x", stands=True, outside=False)
    walk.do("x")
    assert recall("x", stands=False, outside=False) == VALUE
    with pytest.raises(Unsettled):
        recall("x", stands=False, outside=True)
    with pytest.raises(Unsettled):
        recall("y", stands=True, outside=False)
    assert walk.made == 1

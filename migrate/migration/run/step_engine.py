"""How a step is done: skipped when its value stands, otherwise made, timed, shown and journalled.

Two performers walk the same journey. ``Performer`` does what is missing. ``Recaller`` does nothing: it says whether
the journal has a value for every step under its present key, so that a run in which nothing changed asks nobody but
AI Deploy, once.
"""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec
from msgspec import Struct

from migrate.core.errors import Interrupted, MigrateError
from migrate.core.events import Emit, Step, StepFinished, StepProgress, StepStarted
from migrate.core.names import digest_of
from migrate.machine.disk import disk_errors
from migrate.migration.journal.journal import Journal, Stored
from migrate.ovhcloud.call_log import doing

if TYPE_CHECKING:
    import threading

T = TypeVar("T")
Progress = Callable[[int, int | None], None]


def step_key(step: str, version: int, inputs: tuple[str, ...], options: Mapping[str, object] | None = None) -> str:
    """The key of a step's value, 64 hex digits: it is made again when what it was made from, or how, has changed.

    Args:
        step: The step's name.
        version: The version of the step's own code; raised when it makes another value from the same inputs.
        inputs: The digests of the values it reads, in order.
        options: The options it reads, by name. A secret is never one: its presence may be.
    """
    text = msgspec.json.encode(dict(options or {}), order="sorted").decode()
    return digest_of(step, str(version), text, *inputs)


class Task(Struct, frozen=True, kw_only=True):
    """One step of one subject (``model:ID``, ``unit:ID``, ``runtime:NAME``), before it is done.

    ``inputs`` are the digests of the values it reads, ``options`` what it reads besides. ``models`` are those that
    wait for it; none means that all do.
    """

    step: Step
    version: int
    subject: str
    models: tuple[str, ...]
    inputs: tuple[str, ...]
    options: Mapping[str, object] = {}

    @property
    def key(self) -> str:
        """The key of the value."""
        return step_key(self.step, self.version, self.inputs, self.options)


class Steps(Protocol):
    """What walks the journey."""

    def do(
        self,
        task: Task,
        kind: type[T],
        make: Callable[[Progress], T],
        *,
        stands: Callable[[T], bool],
        outside: bool = False,
        say: Callable[[T], str] = ...,
    ) -> Stored[T]:
        """The value of a step.

        Args:
            task: What is to be done, and from what.
            kind: The value's type.
            make: Makes the value.
            stands: Whether the journal's value still exists; cheap.
            outside: Whether the recaller asks ``stands`` too (it is about the end of the journey).
            say: The value in a few words.
        """


class Unsettled(Exception):  # noqa: N818 - an answer, not an error
    """Something of the journey has to be done."""


class Recaller:
    """Walks the journey through the journal alone."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def do(
        self,
        task: Task,
        kind: type[T],
        make: Callable[[Progress], T],  # noqa: ARG002 - nothing is made here
        *,
        stands: Callable[[T], bool],
        outside: bool = False,
        say: Callable[[T], str] = lambda _: "",  # noqa: ARG002
    ) -> Stored[T]:
        """The journal's value.

        Raises:
            Unsettled: There is none under this key that can be read, or it is gone outside.
            UnreadableError: A newer release wrote it.
        """
        stored = self._journal.usable(task.subject, task.step, kind, key=task.key)
        if stored is None or (outside and not stands(stored.value)):
            raise Unsettled
        return stored


class Performer:
    """Does what is missing."""

    def __init__(self, journal: Journal, emit: Emit, stop: "threading.Event") -> None:
        self._journal = journal
        self._emit = emit
        self._stop = stop

    def do(
        self,
        task: Task,
        kind: type[T],
        make: Callable[[Progress], T],
        *,
        stands: Callable[[T], bool],
        outside: bool = False,  # noqa: ARG002 - here it is always asked
        say: Callable[[T], str] = lambda _: "",
    ) -> Stored[T]:
        """The value, from the journal where it stands, else made.

        Raises:
            Interrupted: The run was asked to stop; nothing was written.
            MigrateError: What the step raised.
        """
        if self._stop.is_set():
            raise Interrupted
        names: tuple[str | None, ...] = task.models or (None,)
        stored = self._journal.usable(task.subject, task.step, kind, key=task.key)
        if stored is not None and stands(stored.value):
            for model in names:
                self._emit(StepFinished(step=task.step, model=model, seconds=0.0, reused=True))
            return stored

        def progress(done: int, total: int | None) -> None:
            if self._stop.is_set():
                raise Interrupted
            for model in names:
                self._emit(StepProgress(step=task.step, model=model, done=done, total=total))

        for model in names:
            self._emit(StepStarted(step=task.step, model=model))
        start = time.monotonic()
        try:
            with disk_errors(refusals_only=True), doing(task.step, task.subject):
                value = make(progress)
        except MigrateError as error:
            error.step = error.step or task.step
            raise
        seconds = time.monotonic() - start
        stored = self._journal.put(task.subject, task.step, task.key, value, seconds=seconds)
        for model in names:
            self._emit(StepFinished(step=task.step, model=model, seconds=seconds, detail=say(value)))
        return stored

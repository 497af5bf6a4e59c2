"""Models side by side: a model that fails never stops the others, and an interruption stops all of them cleanly."""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import ParamSpec

from msgspec.structs import replace

from migrate.core.errors import Interrupted, MigrateError
from migrate.core.events import ModelFinished
from migrate.core.values import ModelRecord, Outcome
from migrate.machine.patience import SIGNAL_LOOK
from migrate.migration.journal.bill import billed_app
from migrate.migration.journey import order, outcomes
from migrate.migration.journey.models import Group, Prepared
from migrate.migration.run.cloud_run import Run
from migrate.migration.run.slots import WAITING_MOST, Rank
from migrate.migration.run.step_engine import Performer, Recaller, Unsettled
from migrate.migration.run.units import BlamedError, Unit

P = ParamSpec("P")


class Runner:
    """Walks groups of models through their journeys.

    Attributes:
        bugs: Programming errors of single models: told, and raised to the caller's attention at the end.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._outcomes: dict[str, Outcome] = {}
        self._steps = Performer(run.journal, run.emit, run.stop)
        self.bugs: list[BaseException] = []

    def recall(self, group: Group) -> tuple[Outcome, ...] | None:
        """The outcomes of a group for which nothing is left to do, or None."""
        steps, found, prepared = Recaller(self._run.journal), [], []
        try:
            for record in group.records:
                try:
                    prepared.append(order.prepare(self._run, steps, record))
                except MigrateError as error:
                    found.append(self.ended(record, error))
            for unit, models in group.units(tuple(prepared)):
                moved = order.recall(self._run, steps, unit, models)
                found += self._of(moved, unit)
        except Unsettled:
            return None
        return tuple(found)

    def execute(self, groups: tuple[Group, ...]) -> dict[str, Outcome]:
        """The outcome of each model, by id."""
        # Work takes a slot; the threads beyond their number are for models that wait for their apps.
        pool = ThreadPoolExecutor(self._run.options.jobs + WAITING_MOST, thread_name_prefix="model")
        progress = [_Progress(group, len(group.records)) for group in groups]
        waiting: dict[Future[None], _Progress | None] = {}
        try:
            for state in progress:
                for record in state.group.records:
                    waiting[pool.submit(self._at, Rank.PREPARES, self._prepare, state, record)] = state
            while waiting:
                finished, _ = wait(waiting, timeout=SIGNAL_LOOK, return_when=FIRST_COMPLETED)
                for future in finished:
                    state_of = waiting.pop(future)
                    future.result()
                    for unit, models in state_of.one_less() if state_of else ():
                        waiting[pool.submit(self._at, Rank.MOVES, self._move, unit, models)] = None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return self._outcomes

    def _at(self, rank: Rank, work: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        with self._run.slots.taken(rank):
            work(*args, **kwargs)

    def _prepare(self, state: "_Progress", record: ModelRecord) -> None:
        try:
            state.prepared[record.id] = order.prepare(self._run, self._steps, record)
        except BaseException as error:  # noqa: BLE001 - told as the model's outcome; a bug is shown at the end
            self._fail(record, error)

    def _move(self, unit: Unit, models: tuple[Prepared, ...]) -> None:
        try:
            moved = order.move(self._run, self._steps, unit, models)
        except BlamedError as blamed:
            for record in unit.records:
                if record.id in blamed.errors:
                    self._fail(record, blamed.errors[record.id])
            rest = tuple(model for model in models if model.record.id not in blamed.errors)
            if rest:
                self._move(replace(unit, records=tuple(model.record for model in rest)), rest)
        except BaseException as error:  # noqa: BLE001 - as above
            for record in unit.records:
                self._fail(record, error)
        else:
            for outcome in self._of(moved, unit):
                self._finish(outcome)

    def _fail(self, record: ModelRecord, error: BaseException) -> None:
        if isinstance(error, MigrateError):
            outcomes.keep_evidence(self._run.journal, record.id, error.evidence)
        self._finish(self.ended(record, error))

    def _of(self, moved: order.Moved, unit: Unit) -> list[Outcome]:
        records = {record.id: record for record in unit.records}
        good = [
            self._told(outcomes.done(records[name], moved.app, moved.rehearsal, proof, moved.slim[name]))
            for name, proof in moved.proofs.items()
        ]
        return good + [self.ended(records[name], error, moved) for name, error in moved.errors.items()]

    def ended(self, record: ModelRecord, error: BaseException, moved: order.Moved | None = None) -> Outcome:
        """The outcome of a model whose journey ends early, by the error that ends it."""
        if not isinstance(error, MigrateError | Interrupted) and error not in self.bugs:
            self.bugs.append(error)
        again = self._run.options.again(record.id)
        app = moved.app if moved else None
        outcome = outcomes.ended(record, error, again=again, app=app, app_id=self._app_of(record))
        return self._told(replace(outcome, task=self._run.options.advice(outcome.task)))

    def _app_of(self, record: ModelRecord) -> str | None:
        """The id of the app that was made for a model, whatever became of its journey."""
        for effect in self._run.journal.effects.existing("app"):
            if effect.external_id is not None and record.id in billed_app(effect, None).models:
                return effect.external_id
        return None

    def _told(self, outcome: Outcome) -> Outcome:
        """The outcome with what the files of its model said."""
        found = self._run.found.get(outcome.model)
        return outcome if found is None else replace(outcome, notes=found.notes, hazards=found.hazards)

    def _finish(self, outcome: Outcome) -> None:
        if outcome.outcome == "done":
            outcomes.keep_evidence(self._run.journal, outcome.model, ())
        self._outcomes[outcome.model] = outcome
        self._run.journal.finish(outcome)
        self._run.emit(ModelFinished(outcome=outcome))


class _Progress:
    """A group whose models are being prepared."""

    def __init__(self, group: Group, missing: int) -> None:
        self.group = group
        self.prepared: dict[str, Prepared] = {}
        self._missing = missing

    def one_less(self) -> tuple[tuple[Unit, tuple[Prepared, ...]], ...]:
        """Notes that one more model is at its end; the units when all are."""
        self._missing -= 1
        if self._missing:
            return ()
        good = [self.prepared[record.id] for record in self.group.records if record.id in self.prepared]
        return self.group.units(tuple(good))

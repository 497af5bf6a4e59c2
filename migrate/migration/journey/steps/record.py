"""Record: sample requests with the answers to hold the new app against, before anything of the model is built.

Later there may be nobody to ask, so a recording of a higher level is never replaced by one of a lower level
(decisions: Record first).
"""

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from migrate.core.errors import LocalError, RemoteError
from migrate.core.names import digest_of
from migrate.core.options.shared import SAMPLES
from migrate.core.options.sources import PROOF
from migrate.core.values import ModelRecord, ProofLevel, Recording, RuntimeImage, Sample, to_json
from migrate.images.trial.box.boxes import no_box
from migrate.images.trial.oracle_run import run_reference
from migrate.machine.patience import OLD_ANSWER
from migrate.migration.journal.journal import Stored
from migrate.migration.journal.subjects import model_subject
from migrate.migration.journey.models import Inspected
from migrate.migration.run.licences import naming_the_other
from migrate.migration.run.run_context import RunContext
from migrate.migration.run.step_engine import Recaller, Steps, Task, Unsettled
from migrate.migration.run.units import unit_of
from migrate.migration.run.verification import stated_rows
from migrate.parity.generate import SEED, generate
from migrate.parity.http import describe_at, http_caller
from migrate.parity.recording import (
    REFERENCE_PROGRAM,
    at_least,
    has_reference,
    record_customer,
    record_live,
    record_reference,
    record_self,
)
from migrate.parity.samples import read_samples
from migrate.parity.stated import NO_ROWS, Rows

VERSION: Final = 1
PROVING: Final = f"give your own requests and answers with {SAMPLES.name} FOLDER, or be content with {PROOF.name} self"


class Wish(Struct, frozen=True):
    """The best level that the options and the record allow, and the customer's samples."""

    level: ProofLevel
    customer: tuple[Sample, ...]
    mark: str  # in the origin of a recording that was made from these samples

    def met_by(self, recording: Recording) -> bool:
        """Whether a recording is as good as the one that would be made now."""
        if self.level == "recorded" and recording.level == "recorded":
            return self.mark in recording.origin
        return at_least(recording.level, self.level)


def wish(run: RunContext, record: ModelRecord, rows: Rows = NO_ROWS) -> Wish:
    """What can be asked for one model, whose file may state rows with their results.

    Raises:
        UsageError: The samples of the customer cannot be read.
    """
    customer: tuple[Sample, ...] = ()
    if run.options.samples is not None:
        customer = read_samples(run.options.samples, record.id)
    mark = f"samples {digest_of(to_json(customer).decode())[:12]}" if customer else ""
    if run.old_token is not None and record.old_url is not None:
        return Wish("live", customer, mark)
    return Wish("recorded" if customer else "verified" if rows.expected else "engine", customer, mark)


def record_answers(run: RunContext, steps: Steps, model: Inspected, runtime: Stored[RuntimeImage]) -> Stored[Recording]:
    """The recording of a model.

    Raises:
        Unsettled: From the recaller, also where the rows that a file states cannot be read: it is fetched anew.
        MigrateError: What asking raised.
    """
    try:
        rows = stated_rows(model.artifact.value, model.inspection.value.settings)
    except LocalError:
        if isinstance(steps, Recaller):
            raise Unsettled from None
        raise
    wanted = wish(run, model.record, rows)
    return _record(run, steps, model, wanted, lambda: _best(run, model, wanted, runtime.value, rows))


def record_given(run: RunContext, steps: Steps, model: Inspected) -> Stored[Recording] | None:
    """The recording of a model from the customer's samples alone, for which no engine is needed; None without any."""
    wanted = wish(run, model.record)
    if not wanted.customer:
        return None
    return _record(run, steps, model, wanted, lambda: _of_customer(run, wanted))


def _record(
    run: RunContext, steps: Steps, model: Inspected, wanted: Wish, ask: Callable[[], Recording]
) -> Stored[Recording]:
    record = model.record
    task = Task(
        step="record",
        version=VERSION,
        subject=model_subject(record.id),
        models=(record.id,),
        inputs=model.form,
        options={"seed": SEED},
    )
    former = run.journal.usable(task.subject, task.step, Recording, key=task.key)
    kept = former.value if former is not None else None

    def make(_: object) -> Recording:
        new = ask()
        return kept if kept is not None and not at_least(new.level, kept.level) else new

    return steps.do(
        task,
        Recording,
        make,
        stands=wanted.met_by,
        outside=True,  # a level that became possible is worth a run
        say=lambda recording: f"{recording.level}, {len(recording.samples)} samples",
    )


def _best(run: RunContext, model: Inspected, wanted: Wish, runtime: RuntimeImage, rows: Rows) -> Recording:
    record, settings = model.record, model.inspection.value.settings
    if wanted.level == "live":
        try:
            return _ask_old(run, record, (*generate(settings, seed=SEED), *wanted.customer))
        except RemoteError as error:
            run.notice(
                f"The old endpoint cannot be asked, so the next best proof is used: {error.what}",
                model=record.id,
                warning=True,
            )
    if wanted.customer:
        return _of_customer(run, wanted)
    if not has_reference(settings):
        return record_self(generate(settings, seed=SEED), seed=SEED)
    if why := run.unable():
        if not at_least("self", run.least_proof):
            raise no_box(f"{why}, so its engine cannot be asked for answers", PROVING)
        return record_self(generate(settings, seed=SEED), seed=SEED)
    memory = run.memory_of(unit_of(record))
    alike = (*model.form, runtime.image_id, memory)
    return run.references.get(alike, lambda: _ask_reference(run, model, runtime, memory, rows))


def _ask_reference(run: RunContext, model: Inspected, runtime: RuntimeImage, memory: int, rows: Rows) -> Recording:
    settings, timeout = model.inspection.value.settings, run.options.rehearsal_timeout
    origin = f"{settings.engine} in {runtime.reference}, called directly"
    with (
        naming_the_other(runtime.runtime),
        run_reference(
            run.builder().runner(),
            runtime,
            model.artifact.value,
            REFERENCE_PROGRAM,
            memory=memory,
            timeout=timeout,
            stop=run.stop,
        ) as ask,
    ):
        return record_reference(settings, ask, origin, seed=SEED, rows=rows)


def _of_customer(run: RunContext, wanted: Wish) -> Recording:
    return record_customer(wanted.customer, f"the customer's {wanted.mark} in {run.options.samples}")


def _ask_old(run: RunContext, record: ModelRecord, samples: Sequence[Sample]) -> Recording:
    url, token = record.old_url or "", run.old_token
    describe = describe_at(url, token, timeout=OLD_ANSWER)
    return record_live(samples, http_caller(url, token, timeout=OLD_ANSWER), url, describe, seed=SEED)

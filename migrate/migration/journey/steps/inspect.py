"""Inspect: what the files are, read from their structure."""

from typing import Final

from migrate.core.codes.catalogue import stored_code
from migrate.core.errors import NeedsYouError
from migrate.core.values import Artifact, Inspection, ModelRecord
from migrate.formats.inspect import inspect as inspect_files
from migrate.migration.journal.journal import Stored
from migrate.migration.run import permissions
from migrate.migration.run.licences import under_licences
from migrate.migration.run.run_context import Run
from migrate.migration.run.step_engine import Steps, Task
from migrate.migration.run.units import model_subject

VERSION: Final = 2

_TOLD: Final = 5  # notes of one model on the screen; all of them are in the result and in the journal


def inspect(run: Run, steps: Steps, record: ModelRecord, artifact: Stored[Artifact]) -> Stored[Inspection]:
    """The inspection of an artifact, under the user's word for files of it; nothing outside it can go away."""
    allowed = permissions.of_artifact(run.options.allow_unsafe, artifact.value)

    def make(_: object) -> Inspection:
        found = inspect_files(artifact.value, framework=record.framework, allow_unsafe=allowed)
        found = under_licences(found, accept_agpl=run.options.accept_agpl)
        _tell(run, record, found)
        return found

    inspection = steps.do(
        Task(
            step="inspect",
            version=VERSION,
            subject=model_subject(record.id),
            models=(record.id,),
            inputs=(artifact.value.digest,),
            options={
                "framework": record.framework,
                "allow_unsafe": allowed,
                "accept_agpl": run.options.accept_agpl,
            },
        ),
        Inspection,
        make,
        stands=lambda _: True,
        say=lambda inspection: f"{inspection.format}, {inspection.verdict}",
    )
    run.found[record.id] = inspection.value
    return inspection


def demand_ready(inspection: Inspection, command: str = "") -> str:
    """The runtime of a model that can go on.

    Args:
        inspection: The model's.
        command: What to type next where its files are quarantined, with the options that allow them.

    Raises:
        NeedsYouError: The verdict is another one; the inspection's reason, text and task.
    """
    if inspection.verdict == "ready" and inspection.runtime is not None:
        return inspection.runtime
    quarantined = inspection.verdict == "quarantined" and command
    raise NeedsYouError(
        inspection.text or f"The files are {inspection.verdict}.",
        code=stored_code(inspection.reason),
        next_step=f"{inspection.task} Type: {command}" if quarantined else inspection.task,
    )


def said(inspection: Inspection) -> list[str]:
    """Everything that a person should know of a model's files, a sentence a line."""
    return [*inspection.notes, *(f"{hazard.code}: {hazard.text}" for hazard in inspection.hazards)]


def _tell(run: Run, record: ModelRecord, inspection: Inspection) -> None:
    lines, warning = said(inspection), bool(inspection.unsafe)
    for line in lines[:_TOLD]:
        run.notice(line, model=record.id, warning=warning)
    if len(lines) > _TOLD:
        look = run.options.typed.why(record.id)
        run.notice(f"and {len(lines) - _TOLD} more: {look}", model=record.id, warning=warning)

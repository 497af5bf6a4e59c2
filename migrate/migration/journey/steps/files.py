"""Fetch and inspect: a model's files on this machine, and what they are by their structure."""

from typing import Final

from migrate.core.names import digest_of
from migrate.core.text import counted
from migrate.core.values import Artifact, Inspection, ModelRecord, to_json
from migrate.formats.inspect import inspect as inspect_files
from migrate.formats.inspect import said
from migrate.machine.room import Space
from migrate.migration.journal.journal import Stored
from migrate.migration.journal.subjects import model_subject
from migrate.migration.journey.steps.unpack import is_settled, unpacked
from migrate.migration.run import permissions
from migrate.migration.run.licences import under_licences
from migrate.migration.run.run_context import RunContext
from migrate.migration.run.step_engine import Progress, Steps, Task
from migrate.sources.fetch import artifact_exists, check_location
from migrate.sources.fetch import fetch as fetch_files

FETCH_VERSION: Final = 1
INSPECT_VERSION: Final = 3

_TOLD: Final = 5  # notes of one model on the screen, where all of them are kept for later


def fetch(run: RunContext, steps: Steps, record: ModelRecord) -> Stored[Artifact]:
    """The artifact of a model; it stands while its files are there with their sizes.

    Raises:
        NeedsYouError: ML Serving knew no files of it: nothing has to be done to know that.
    """
    check_location(record)

    def make(progress: Progress) -> Artifact:
        fetched = fetch_files(
            record,
            run.workspace.store,
            run.storage,
            progress,
            stop=run.stop,
            tell=lambda text: run.notice(text, model=record.id, warning=True),
            space=Space(run.room, run.needs),
            environ=run.environ,
        )
        return unpacked(run, record.id, fetched)

    return steps.do(
        Task(
            step="fetch",
            version=FETCH_VERSION,
            subject=model_subject(record.id),
            models=(record.id,),
            inputs=(digest_of(to_json(record.location).decode(), str(record.version)), run.revision(record.id)),
        ),
        Artifact,
        make,
        stands=lambda artifact: artifact_exists(artifact) and is_settled(artifact),
        say=lambda artifact: f"{counted(len(artifact.files), 'file')}, {artifact.size:,} bytes",
    )


def inspect(run: RunContext, steps: Steps, record: ModelRecord, artifact: Stored[Artifact]) -> Stored[Inspection]:
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
            version=INSPECT_VERSION,
            subject=model_subject(record.id),
            models=(record.id,),
            inputs=(artifact.value.digest, *([artifact.value.archive] if artifact.value.archive else [])),
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


def _tell(run: RunContext, record: ModelRecord, inspection: Inspection) -> None:
    lines, warning = said(inspection), bool(inspection.unsafe)
    look = run.look(record.id)
    shown = lines[:_TOLD] if look else lines
    for line in shown:
        run.notice(line, model=record.id, warning=warning)
    if len(lines) > len(shown):
        run.notice(f"and {len(lines) - len(shown)} more: {look}", model=record.id, warning=warning)

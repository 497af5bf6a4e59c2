"""Fetch: the model's files, on this machine."""

from typing import Final

from migrate.core.names import digest_of
from migrate.core.values import Artifact, ModelRecord, to_json
from migrate.migration.journal.journal import Stored
from migrate.migration.journal.subjects import model_subject
from migrate.migration.run.run_context import Run
from migrate.migration.run.step_engine import Steps, Task
from migrate.sources.fetch import artifact_exists, check_location
from migrate.sources.fetch import fetch as fetch_files

VERSION: Final = 1


def fetch(run: Run, steps: Steps, record: ModelRecord) -> Stored[Artifact]:
    """The artifact of a model; it stands while its files are there with their sizes.

    Raises:
        NeedsYouError: ML Serving knew no files of it: nothing has to be done to know that.
    """
    check_location(record)
    return steps.do(
        Task(
            step="fetch",
            version=VERSION,
            subject=model_subject(record.id),
            models=(record.id,),
            inputs=(digest_of(to_json(record.location).decode(), str(record.version)), run.revision(record.id)),
        ),
        Artifact,
        lambda progress: fetch_files(record, run.workspace.store, run.cloud, progress, stop=run.stop),
        stands=artifact_exists,
        say=lambda artifact: f"{len(artifact.files)} files, {artifact.size:,} bytes",
    )

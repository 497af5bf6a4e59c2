"""Inspect: what the files are, read from their structure."""

from typing import Final

from migrate.core.errors import NeedsYouError
from migrate.core.values import Artifact, Inspection, ModelRecord
from migrate.formats.inspect import inspect as inspect_files
from migrate.migration.journal import Stored
from migrate.migration.perform import Steps, Task
from migrate.migration.subjects import model_subject

VERSION: Final = 1


def inspect(steps: Steps, record: ModelRecord, artifact: Stored[Artifact]) -> Stored[Inspection]:
    """The inspection of an artifact; nothing outside it can go away."""
    return steps.do(
        Task(
            step="inspect",
            version=VERSION,
            subject=model_subject(record.id),
            models=(record.id,),
            inputs=(artifact.value.digest,),
            options={"framework": record.framework},
        ),
        Inspection,
        lambda _: inspect_files(artifact.value, framework=record.framework),
        stands=lambda _: True,
        say=lambda inspection: f"{inspection.format}, {inspection.verdict}",
    )


def demand_ready(inspection: Inspection) -> str:
    """The runtime of a model that can go on.

    Raises:
        NeedsYouError: The verdict is another one; the inspection's reason, text and task.
    """
    if inspection.verdict == "ready" and inspection.runtime is not None:
        return inspection.runtime
    raise NeedsYouError(
        inspection.text or f"The files are {inspection.verdict}.",
        code=inspection.reason or inspection.verdict,
        next_step=inspection.task,
    )

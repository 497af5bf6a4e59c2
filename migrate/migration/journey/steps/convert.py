"""Convert: with ``--slim``, a model as ONNX, where that gives the answers recorded of the original."""

from typing import Final

from msgspec.structs import replace

from migrate.core.names import digest_of
from migrate.core.values import Conversion
from migrate.images.runtime.server_code import server_digest
from migrate.images.runtime.templates import template_of
from migrate.migration.journal.journal import part_of
from migrate.migration.journal.subjects import model_subject
from migrate.migration.journey import slim
from migrate.migration.journey.models import Prepared
from migrate.migration.journey.steps.runtime import runtime
from migrate.migration.run.run_context import RunContext
from migrate.migration.run.step_engine import Steps, Task
from migrate.migration.run.units import unit_of
from migrate.sources.fetch import artifact_exists

VERSION: Final = 1


def convert(run: RunContext, steps: Steps, model: Prepared) -> Prepared:
    """The model as it will be served: as ONNX, or, with a word on why, as it was."""
    if model.runtime.value.runtime in slim.SMALL:
        return model
    original = slim.Original(
        model.record, model.artifact.value, model.inspection.value, model.runtime.value, model.recording.value
    )
    name = model.record.id
    conversion = steps.do(
        Task(
            step="convert",
            version=VERSION,
            subject=model_subject(name),
            models=(name,),
            inputs=(
                model.artifact.value.digest,
                model.inspection.digest,
                model.recording.digest,
                model.runtime.value.key,
                template_of(slim.RUNTIME).digest,
                server_digest(),
                slim.code_digest(original),
            ),
            options={"base": run.options.base_image, "timeout": run.options.rehearsal_timeout},
        ),
        Conversion,
        lambda _: _convert(run, steps, original),
        stands=lambda found: found.artifact is None or artifact_exists(found.artifact),
        say=lambda found: "to ONNX" if found.artifact else "kept as it was",
    )
    found = conversion.value
    if found.artifact is None or found.inspection is None:
        return replace(model, slim=f"refused: {found.reason}")
    return Prepared(
        model.record,
        part_of(conversion, found.artifact),
        part_of(conversion, found.inspection),
        runtime(run, steps, slim.RUNTIME),
        part_of(model.recording, slim.by_another_engine(model.recording.value)),
        slim="kept",
    )


def _convert(run: RunContext, steps: Steps, original: slim.Original) -> Conversion:
    record = original.record
    unit = unit_of(record)
    place = slim.Place(
        engine=run.engine(),
        store=run.workspace.store,
        context=run.contexts / f"{unit.name}.slim",
        tag=f"migrate/slim-{unit.repository}:{digest_of(run.journal.id)[:12]}",
        memory=run.memory_of(unit),
        timeout=run.options.rehearsal_timeout,
        say=lambda text: run.say(text, step="convert", model=record.id),
        stop=run.stop,
    )
    found = slim.slim(original, lambda: runtime(run, steps, slim.RUNTIME).value, place)
    if found.artifact is None:
        run.notice(f"Its original runtime serves it: {found.reason}", model=record.id, warning=True)
    return found

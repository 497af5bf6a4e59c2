"""Render and build: from a unit's models to a local image."""

from pathlib import Path
from typing import Final

from msgspec import Struct

from migrate.core.values import Artifact, BuildContext, Image, Inspection, ModelRecord, Recording, RuntimeImage
from migrate.images.engine.build import build as build_image
from migrate.images.engine.build import image_exists
from migrate.images.model.context import ModelToRender
from migrate.images.model.context import render as write_context
from migrate.migration.journal.journal import Stored
from migrate.migration.journey.steps.runtime import count_user
from migrate.migration.run.run_context import Run
from migrate.migration.run.step_engine import Progress, Steps, Task
from migrate.migration.run.units import Unit
from migrate.parity.comparison import recorded_json

RENDER_VERSION: Final = 1
BUILD_VERSION: Final = 1


class Prepared(Struct, frozen=True):
    """A model of which everything is known that its image needs."""

    record: ModelRecord
    artifact: Stored[Artifact]
    inspection: Stored[Inspection]
    runtime: Stored[RuntimeImage]
    recording: Stored[Recording]
    slim: str = ""  # see ``Outcome``


def render(run: Run, steps: Steps, unit: Unit, models: tuple[Prepared, ...]) -> Stored[BuildContext]:
    """The build context of a unit; it stands while its folder is there."""

    def make(_: object) -> BuildContext:
        return write_context(
            [
                ModelToRender(
                    record=model.record,
                    artifact=model.artifact.value,
                    inspection=model.inspection.value,
                    recorded=recorded_json(model.recording.value, model.inspection.value.settings),
                )
                for model in models
            ],
            models[0].runtime.value,
            run.folder.contexts / unit.name,
        )

    return steps.do(
        Task(
            step="render",
            version=RENDER_VERSION,
            subject=unit.subject,
            models=unit.models,
            inputs=(
                models[0].runtime.digest,
                *(
                    part
                    for model in models
                    for part in (
                        model.record.id,
                        model.artifact.value.digest,
                        model.inspection.digest,
                        model.recording.digest,
                    )
                ),
            ),
        ),
        BuildContext,
        make,
        stands=lambda context: Path(context.folder).is_dir(),
    )


def build(
    run: Run, steps: Steps, unit: Unit, context: Stored[BuildContext], runtime: Stored[RuntimeImage]
) -> Stored[Image]:
    """The local image of a unit; it stands while the engine has it."""
    tag = f"migrate/{unit.repository}:{context.value.digest.removeprefix('sha256:')[:12]}"

    def make(progress: Progress) -> Image:
        effects = run.journal.effects
        effect = effects.find("image", tag) or effects.intend("image", tag, {}, unit=unit.subject)
        effects.use(effect, unit.subject)
        count_user(run, runtime.value, unit.subject)
        image = build_image(run.engine(), context.value, runtime.value, tag=tag, progress=progress)
        effects.done(effect, image.image_id)
        return image

    return steps.do(
        Task(
            step="build",
            version=BUILD_VERSION,
            subject=unit.subject,
            models=unit.models,
            inputs=(context.value.digest, runtime.value.image_id),
            options={"tag": tag},
        ),
        Image,
        make,
        stands=lambda image: image_exists(run.engine(), image),
        say=lambda image: f"{image.size:,} bytes",
    )

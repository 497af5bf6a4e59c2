"""Render and build: from a unit's models to a local image."""

from pathlib import Path
from typing import Final

from migrate.core.values import BuildContext, Image, RuntimeImage
from migrate.images.engine.build import build as build_image
from migrate.images.engine.build import image_exists
from migrate.images.model.context import render as write_context
from migrate.migration.journal.journal import Stored
from migrate.migration.journey.models import Prepared
from migrate.migration.journey.steps.runtime import count_user
from migrate.migration.run.run_context import RunContext
from migrate.migration.run.step_engine import Progress, Steps, Task
from migrate.migration.run.units import Unit

RENDER_VERSION: Final = 1
BUILD_VERSION: Final = 1


def render(run: RunContext, steps: Steps, unit: Unit, models: tuple[Prepared, ...]) -> Stored[BuildContext]:
    """The build context of a unit; it stands while its folder is there."""

    def make(_: object) -> BuildContext:
        return write_context(
            [model.to_render(model.recording) for model in models],
            models[0].runtime.value,
            run.contexts / unit.name,
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
    run: RunContext, steps: Steps, unit: Unit, context: Stored[BuildContext], runtime: Stored[RuntimeImage]
) -> Stored[Image]:
    """The local image of a unit; it stands while the engine has it."""
    tag = run.image_tag(unit, context.value.digest)

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

"""Render and build: from a unit's models to a local image."""

from pathlib import Path
from typing import Final

from migrate.core.values import BuildContext, Image
from migrate.migration.journal.journal import Stored
from migrate.migration.journey.models import Prepared
from migrate.migration.journey.steps.runtime import count_user
from migrate.migration.run.run_context import RunContext
from migrate.migration.run.step_engine import Progress, Steps, Task
from migrate.migration.run.units import Unit

RENDER_VERSION: Final = 1
BUILD_VERSION: Final = 1


def render(run: RunContext, steps: Steps, unit: Unit, models: tuple[Prepared, ...]) -> Stored[BuildContext]:
    """The build context of a unit; it stands while its folder is there, where it has one."""

    def make(_: object) -> BuildContext:
        return run.builder().context(
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
        stands=lambda context: Path(context.folder).is_dir() if context.folder else not run.builder().names_images,
    )


def build(
    run: RunContext, steps: Steps, unit: Unit, context: Stored[BuildContext], models: tuple[Prepared, ...]
) -> Stored[Image]:
    """The image of a unit on this machine; it stands while its builder has it."""
    runtime = models[0].runtime
    tag = run.image_tag(unit, context.value.digest)

    def make(progress: Progress) -> Image:
        builder, effects = run.builder(), run.journal.effects
        rendered = [model.to_render(model.recording) for model in models]
        if not builder.names_images:  # blobs of the workspace, which nobody has to remove
            return builder.image(rendered, context.value, runtime.value, tag=tag, progress=progress)
        effect = effects.find("image", tag) or effects.intend("image", tag, {}, unit=unit.subject)
        effects.use(effect, unit.subject)
        count_user(run, runtime.value, unit.subject)
        image = builder.image(rendered, context.value, runtime.value, tag=tag, progress=progress)
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
        stands=lambda image: run.builder().has_image(image),
        say=lambda image: f"{image.size:,} bytes",
    )

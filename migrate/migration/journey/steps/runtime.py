"""Runtime: the image that the models of one runtime share, built once."""

from typing import Final

from migrate.core.values import RuntimeImage
from migrate.images.runtime.server_code import server_digest
from migrate.images.runtime.templates import template_of
from migrate.migration.journal.journal import Stored
from migrate.migration.journal.subjects import runtime_subject
from migrate.migration.run.run_context import RunContext
from migrate.migration.run.step_engine import Steps, Task

VERSION: Final = 1


def runtime(run: RunContext, steps: Steps, name: str) -> Stored[RuntimeImage]:
    """The image of a runtime; the first model that needs it makes it, the others wait.

    Raises:
        Unsettled: The recaller does not find it as this version of the tool would build it.
    """
    return run.runtimes.get((name, type(steps)), lambda: _runtime(run, steps, name))


def count_user(run: RunContext, image: RuntimeImage, unit: str) -> None:
    """Counts a unit that is built on a runtime's image, where this journal made that image."""
    effect = run.journal.effects.find("runtime-image", image.reference)
    if effect is not None:
        run.journal.effects.use(effect, unit)


def _runtime(run: RunContext, steps: Steps, name: str) -> Stored[RuntimeImage]:
    return steps.do(
        Task(
            step="runtime",
            version=VERSION,
            subject=runtime_subject(name),
            models=(),
            inputs=(template_of(name).digest, server_digest()),
            options={"base": run.options.base_image},
        ),
        RuntimeImage,
        lambda _: _make(run, name),
        stands=lambda image: run.builder().has_runtime(image),
        say=lambda image: image.reference,
    )


def _make(run: RunContext, name: str) -> RuntimeImage:
    effects, subject = run.journal.effects, runtime_subject(name)

    def write_down(reference: str) -> None:
        if effects.find("runtime-image", reference) is None:
            effects.intend("runtime-image", reference, {}, unit=subject)

    image = run.builder().runtime(name, base=run.options.base_image, on_missing=write_down)
    effect = effects.find("runtime-image", image.reference)
    if effect is not None and effect.external_id is None:  # made now, or by a run that was killed before it said so
        effects.done(effect, image.image_id)
        effects.release(effect, subject)
    return image

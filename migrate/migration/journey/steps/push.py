"""Push: the image in the registry, under a tag that never moves."""

from collections.abc import Callable
from typing import Final, TypeVar

from migrate.core.errors import MigrateError
from migrate.core.values import Image, PushedImage
from migrate.images.registry.push import immutable_tag, pushed_exists
from migrate.migration.journal.journal import Stored
from migrate.migration.journal.ledger import NAMED_HERE
from migrate.migration.journey.steps.registry import target
from migrate.migration.run.builder import Destination
from migrate.migration.run.cloud_run import Run, Target
from migrate.migration.run.step_engine import Progress, Steps, Task
from migrate.migration.run.units import Unit

VERSION: Final = 1
SHARED: Final = "shared"

T = TypeVar("T")


def push(run: Run, steps: Steps, unit: Unit, image: Stored[Image]) -> Stored[PushedImage]:
    """The pushed image of a unit; it stands while the registry has it."""

    def make(progress: Progress) -> PushedImage:
        where = target(run, unit)
        tag = immutable_tag(image.value)
        name = where.repository(unit.repository)
        builder, effects = run.builder(), run.journal.effects
        reference = f"{where.host}/{name}:{tag}"
        effect = effects.find("pushed-image", reference)
        ours = effect is not None and effect.intent.get(NAMED_HERE) is True  # by a run that was killed in its push
        ours = builder.names_images and (ours or not builder.has_name(reference))
        if effect is None:
            effect = effects.intend("pushed-image", reference, {NAMED_HERE: ours}, unit=unit.subject)
        elif builder.names_images:
            effect = effects.learn(effect, **{NAMED_HERE: ours})
        try:
            try:
                pushed = _sent(run, where, image.value, name, tag, progress, named_before=not ours)
            finally:
                if ours:  # also where nothing had to be sent any more, or could be
                    builder.forget_name(reference)
        except MigrateError:
            if effect.external_id is None:
                effects.gone(effect)  # a tag comes last: without it there is no image
            raise
        effects.done(effect, pushed.digest, **({NAMED_HERE: False} if builder.names_images else {}))
        return pushed

    def stands(pushed: PushedImage) -> bool:
        where = target(run, unit)
        return logged_in(where, lambda: pushed_exists(pushed, where.credentials))

    return steps.do(
        Task(
            step="push",
            version=VERSION,
            subject=unit.subject,
            models=unit.models,
            inputs=(image.value.image_id,),
            options={"registry": run.options.registry or SHARED, "region": run.region},
        ),
        PushedImage,
        make,
        stands=stands,
        say=lambda pushed: pushed.reference,
    )


def _sent(
    run: Run, where: Target, image: Image, repository: str, tag: str, progress: Progress, *, named_before: bool
) -> PushedImage:
    def send() -> PushedImage:
        # The layers of the runtime travel once: they are mounted for whoever pushes after the first.
        with run.first_push.enter():
            run.cloud.session.before_effect()
            to = Destination(registry=where.host, repository=repository, tag=tag, credentials=where.credentials)
            return run.builder().push(image, to, named_before=named_before, progress=progress)

    return logged_in(where, send)


def logged_in(where: Target, ask: Callable[[], T]) -> T:
    """What the registry is asked for; a login that it does not take any more is renewed, where that can be.

    Raises:
        MigrateError: What ``ask`` raised.
    """
    while True:
        generation = where.keys.generation
        try:
            answer = ask()
        except MigrateError as error:
            if error.code != "registry-login":
                raise
            where.keys.replace(error, generation)
        else:
            where.keys.took()
            return answer

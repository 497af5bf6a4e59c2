"""Rehearse: the image runs here as AI Deploy will run it, before anything is pushed or billed."""

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from migrate.core.errors import MigrateError, NeedsYouError
from migrate.core.text import printable
from migrate.core.values import Image, Parity, Rehearsal
from migrate.images.trial.rehearsal import RunningRehearsal
from migrate.images.trial.rehearsal import rehearse as start_rehearsal
from migrate.images.trial.runner import Runner
from migrate.migration.journal.journal import Stored
from migrate.migration.journal.subjects import model_subject
from migrate.migration.journey.models import Prepared
from migrate.migration.run.licences import naming_the_other
from migrate.migration.run.run_context import Rehearsed, RunContext
from migrate.migration.run.step_engine import Progress, Steps, Task
from migrate.migration.run.units import BlamedError, Unit
from migrate.parity.http import caller_through
from migrate.parity.replay import first_mismatch, replay

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

VERSION: Final = 1


def rehearse(
    run: RunContext, steps: Steps, unit: Unit, image: Stored[Image], models: tuple[Prepared, ...]
) -> Stored[Rehearsal]:
    """The rehearsal of an image.

    Raises:
        NeedsYouError: The image does not come up, or an answer differs from its reference here already.
        BlamedError: The same, of a unit of several models, where it is known by which.
    """
    alike: list[str] = []  # another model whose rehearsal counts for this one

    def make(progress: Progress) -> Rehearsal:
        if why := run.unable():
            return Rehearsal(
                image_id=image.value.image_id, cold_start=None, calls=0, worst_difference=None, not_here=why
            )
        if len(models) > 1:
            return _rehearse(run, unit, image.value, models, progress)[0]
        rehearsed = _once(run, unit, image.value, models[0], progress)
        alike.extend({rehearsed.model} - {models[0].record.id})
        return replace(rehearsed.rehearsal, image_id=image.value.image_id)

    return steps.do(
        Task(
            step="rehearse",
            version=VERSION,
            subject=unit.subject,
            models=unit.models,
            inputs=(image.value.image_id, *(model.recording.digest for model in models)),
        ),
        Rehearsal,
        make,
        stands=lambda rehearsal: not rehearsal.not_here or bool(run.unable()),
        say=lambda rehearsal: (
            _described(rehearsal) + (f", as {printable(alike[0])} with the same files" if alike else "")
        ),
    )


def _described(rehearsal: Rehearsal) -> str:
    if rehearsal.not_here:
        return f"not rehearsed here: {rehearsal.not_here}"
    held = f", in a box ({rehearsal.held})" if rehearsal.held else ""
    return f"ready after {rehearsal.cold_start or 0.0:.1f} s, {rehearsal.calls} calls{held}"


def _once(run: RunContext, unit: Unit, image: Image, model: Prepared, progress: Progress) -> Rehearsed:
    """The rehearsal of a model's image, or that of another which differs from it by the model's name alone."""
    name = model.record.id

    def make() -> Rehearsed:
        rehearsal, parities = _rehearse(run, unit, image, (model,), progress)
        return Rehearsed(name, rehearsal, parities[0])

    key = (*model.form, model.recording.digest, model.runtime.value.image_id, run.memory_of(unit))
    found = run.rehearsals.get(key, make)
    if found.model != name:
        run.journal.put(model_subject(name), "rehearsal-proof", image.image_id, found.parity)
    return found


def _rehearse(
    run: RunContext, unit: Unit, image: Image, models: tuple[Prepared, ...], progress: Progress
) -> tuple[Rehearsal, list[Parity]]:
    rendered = [model.to_render(model.recording) for model in models]
    with run.builder().trying(image, rendered, models[0].runtime.value) as runner:
        return _rehearsed(run, unit, image, models, runner, progress)


def _rehearsed(
    run: RunContext, unit: Unit, image: Image, models: tuple[Prepared, ...], runner: Runner, progress: Progress
) -> tuple[Rehearsal, list[Parity]]:
    memory = run.memory_of(unit)
    try:
        with naming_the_other(models[0].runtime.value.runtime), _start(run, runner, image, memory) as running:
            errors, parities = _unserved(running, models), list[Parity]()
            if not errors:
                errors, parities = _ask(run, image, running, models, progress)
            if not errors:
                rehearsal = Rehearsal(
                    image_id=image.image_id,
                    cold_start=running.cold_start,
                    calls=sum(parity.calls for parity in parities),
                    worst_difference=max((parity.worst_difference or 0.0 for parity in parities), default=0.0),
                    memory=running.memory(),
                    held=running.held,
                )
                return rehearsal, parities
    except NeedsYouError:
        errors = _culprits(run, runner, image, memory, models, progress) if len(models) > 1 else {}
        if not errors:
            raise
    raise BlamedError(errors) if len(models) > 1 else errors[models[0].record.id]


def _unserved(running: RunningRehearsal, models: tuple[Prepared, ...]) -> dict[str, MigrateError]:
    """The errors of the models that the server says it does not serve."""
    errors: dict[str, MigrateError] = {}
    for model in models:
        name = model.record.id
        try:
            with naming_the_other(model.runtime.value.runtime):
                if name in running.unserved:
                    raise running.unserved[name]
        except NeedsYouError as error:
            errors[name] = error
    return errors


def _ask(
    run: RunContext, image: Image, running: RunningRehearsal, models: tuple[Prepared, ...], progress: Progress
) -> tuple[dict[str, MigrateError], list[Parity]]:
    """What is wrong with each model, by id, and the proofs of those that answered."""
    errors: dict[str, MigrateError] = {}
    parities: list[Parity] = []
    for done, model in enumerate(models):
        progress(done, len(models))
        try:
            parity = _replay(run, image, running, model)
        except NeedsYouError as error:
            errors[model.record.id] = error
            break  # the server may be of no more use: the others are asked in the next image
        parities.append(parity)
        if not parity.passed:
            errors[model.record.id] = _differs(run, model, parity)
    return errors, parities


def _start(
    run: RunContext, runner: Runner, image: Image, memory: int, only: str | None = None
) -> "AbstractContextManager[RunningRehearsal]":
    timeout = run.options.rehearsal_timeout
    return start_rehearsal(runner, image, memory=memory, timeout=timeout, only=only, stop=run.stop)


def _replay(run: RunContext, image: Image, running: RunningRehearsal, model: Prepared) -> Parity:
    call = caller_through(running.call, model.record.id)
    parity = replay(model.recording.value, model.inspection.value.settings, call)
    run.journal.put(model_subject(model.record.id), "rehearsal-proof", image.image_id, parity)
    return parity


def _differs(run: RunContext, model: Prepared, parity: Parity) -> NeedsYouError:
    look = run.look(model.record.id)
    kept = f"Nothing was pushed or deployed. See every difference with `{look}` and report it."
    return NeedsYouError(
        f"The new image answers differently in its rehearsal: {first_mismatch(parity)}.",
        code="rehearsal-differs",
        next_step=kept if look else "Do not use the image; report it with the model's signature.",
    )


def _culprits(
    run: RunContext, runner: Runner, image: Image, memory: int, models: tuple[Prepared, ...], progress: Progress
) -> dict[str, MigrateError]:
    """Those of an image's models that a server cannot be started with, each tried by itself."""
    errors: dict[str, MigrateError] = {}
    for done, model in enumerate(models):
        progress(done, len(models))
        try:
            with _start(run, runner, image, memory, only=model.record.id):
                pass
        except NeedsYouError as error:
            errors[model.record.id] = error
    return errors

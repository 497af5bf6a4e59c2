"""The journey of the models: from a record to what its image needs, and from there to a proven app."""

from msgspec import Struct

from migrate.core.errors import ConfigurationError, LocalError, MigrateError, NeedsYouError
from migrate.core.text import type_again
from migrate.core.values import App, Image, ModelRecord, Parity, ProofLevel, Rehearsal, RuntimeImage
from migrate.formats.inspect import demand_ready
from migrate.images.trial.box.boxes import no_box
from migrate.migration.journal.journal import Stored
from migrate.migration.journey.models import Inspected, Prepared
from migrate.migration.journey.steps import deploy
from migrate.migration.journey.steps.attest import attest, keep_beside
from migrate.migration.journey.steps.convert import convert
from migrate.migration.journey.steps.files import fetch, inspect
from migrate.migration.journey.steps.image import build, render
from migrate.migration.journey.steps.prove import prove
from migrate.migration.journey.steps.push import push
from migrate.migration.journey.steps.record import record_answers
from migrate.migration.journey.steps.rehearse import rehearse
from migrate.migration.journey.steps.runtime import runtime
from migrate.migration.journey.steps.tokens import hand_over
from migrate.migration.run import permissions
from migrate.migration.run.cloud_run import Run
from migrate.migration.run.run_context import LIMITING, RunContext
from migrate.migration.run.step_engine import Performer, Recaller, Steps, Unsettled
from migrate.migration.run.units import Unit
from migrate.parity.recording import at_least
from migrate.parity.replay import first_mismatch


class Moved(Struct, frozen=True):
    """A unit on AI Deploy: its app, and the proof of each model or what stands against it.

    ``slim`` says what became of the wish for ONNX, by model.
    """

    app: App
    rehearsal: Rehearsal
    proofs: dict[str, Parity]
    errors: dict[str, MigrateError]
    slim: dict[str, str]


class Tried(Struct, frozen=True):
    """A unit's image on this machine, and how it did there."""

    image: Stored[Image]
    rehearsal: Stored[Rehearsal]


def read(run: RunContext, steps: Steps, record: ModelRecord) -> Inspected:
    """The model's files, and what they are.

    Raises:
        MigrateError: What a step raised.
        Unsettled: From the recaller.
    """
    artifact = fetch(run, steps, record)
    return Inspected(record, artifact, inspect(run, steps, record, artifact))


def ask(run: RunContext, steps: Steps, model: Inspected, name: str) -> Prepared:
    """The model with the image of its runtime, and the answers to hold its own image against.

    Raises:
        MigrateError: What a step raised.
        Unsettled: From the recaller.
    """
    image = runtime(run, steps, name)
    if isinstance(steps, Performer):
        _demand_limits(run, model, image.value)
    recording = record_answers(run, steps, model, image)
    return Prepared(model.record, model.artifact, model.inspection, image, recording)


def _demand_limits(run: RunContext, model: Inspected, image: RuntimeImage) -> None:
    """Keeps programs of the customer's from what does not limit them.

    Raises:
        LocalError: The model's files run code when they are loaded, and nothing can be run here to see what they do
            (``no-box``), or some limit is not applied (``engine-unlimited``).
    """
    allowed = permissions.allowed_files(model.inspection.value)
    if allowed and (why := run.unable()):
        raise no_box(f"{why}, and files that run code when they are loaded are tried out here before they go anywhere")
    missing = " and ".join(run.unlimited(image.image_id))
    if missing and allowed:
        who = "The container engine" if run.builder().names_images else "The kernel"
        raise LocalError(
            f"{who} applies no limit of {missing}, and the model's files run code when they are loaded.",
            code="engine-unlimited",
            next_step=type_again(LIMITING),
        )


def try_out(run: RunContext, steps: Steps, unit: Unit, models: tuple[Prepared, ...]) -> Tried:
    """Builds the image of a unit and rehearses it.

    Raises:
        BlamedError: Some of several models keep the image from being used.
        MigrateError: What a step raised.
        Unsettled: From the recaller.
    """
    context = render(run, steps, unit, models)
    image = build(run, steps, unit, context, models)
    return Tried(image, rehearse(run, steps, unit, image, models))


def prepare(run: Run, steps: Steps, record: ModelRecord) -> Prepared:
    """Everything about one model that its image needs; nothing of the model is built yet.

    Raises:
        NeedsYouError: The files cannot be served as they are; what a person must do.
        MigrateError: What a step raised.
        Unsettled: From the recaller.
    """
    model = read(run, steps, record)
    found = model.inspection.value
    prepared = ask(run, steps, model, demand_ready(found, permissions.allowing(run.options, found).again(record.id)))
    return convert(run, steps, prepared) if run.options.slim else prepared


def move(run: Run, steps: Steps, unit: Unit, models: tuple[Prepared, ...]) -> Moved:
    """Builds, rehearses, pushes, deploys and proves a unit; a change of image that fails is taken back.

    Raises:
        MigrateError: What a step raised before there was an app to prove.
    """
    try:
        moved = _walk(run, steps, unit, models)
    except NeedsYouError as error:
        raise _taken_back(run, unit, error) from error
    if not moved.errors:
        deploy.settle(run, unit)
    elif deploy.roll_back(run, unit):
        run.journal.forget(unit.subject, "deploy")
        back: dict[str, MigrateError] = {name: _dragged_back(moved.errors) for name in moved.proofs}
        back |= {name: _with_former_image(run, name, error) for name, error in moved.errors.items()}
        return Moved(moved.app, moved.rehearsal, {}, back, {})
    if moved.proofs:
        hand_over(run, unit, moved.app)
    return moved


def recall(run: Run, steps: Recaller, unit: Unit, models: tuple[Prepared, ...]) -> Moved:
    """The unit as the journal has it, if nothing of it is left to do.

    Raises:
        Unsettled: Something is.
    """
    moved = _walk(run, steps, unit, models)
    effects = run.journal.effects
    app, token = effects.find("app", unit.subject), effects.find("token", unit.subject)
    if app is None or app.text("former_image") or token is None or not token.intent.get("handed_over"):
        raise Unsettled
    if not set(unit.models).isdisjoint(run.options.renew):
        raise Unsettled
    return moved


def _walk(run: Run, steps: Steps, unit: Unit, models: tuple[Prepared, ...]) -> Moved:
    tried = try_out(run, steps, unit, models)
    pushed = push(run, steps, unit, tried.image)
    if isinstance(steps, Performer):  # nothing rests on it: where the rest stands, nobody is asked for it
        attest(run, steps, unit, models, pushed, lambda made: keep_beside(run, unit, pushed.value, made))
    app = deploy.deploy(run, steps, unit, models, pushed)
    proofs: dict[str, Parity] = {}
    errors: dict[str, MigrateError] = {}
    for model in models:
        name = model.record.id
        parity = prove(run, steps, unit, model, app, pushed.value.digest).value
        if parity.passed and at_least(parity.level, run.options.least_proof):
            proofs[name] = parity
        else:
            errors[name] = _unproven(run, unit, name, parity)
    return Moved(app.value, tried.rehearsal.value, proofs, errors, {model.record.id: model.slim for model in models})


def _unproven(run: Run, unit: Unit, model: str, parity: Parity) -> NeedsYouError:
    look = run.options.typed.why(model)
    if not parity.passed:
        effect = run.journal.effects.find("app", unit.subject)
        rest = f"and delete the app, which is billed until then: {run.options.typed.undo(model)}"
        if effect is not None and effect.shared:
            rest = "the app is another machine's, perhaps of other files: run there, or take it over with --adopt"
        return NeedsYouError(
            f"The app answers differently: {first_mismatch(parity)}.",
            code="answers-differ",
            next_step=f"Do not move clients to it. See every difference: {look} - {rest}",
            step="prove",
        )
    wanted: ProofLevel = run.options.least_proof
    return NeedsYouError(
        f"The app answers, but only with the proof {parity.level!r}, and {wanted!r} was asked for.",
        code="proof-too-weak",
        next_step="Give the customer's own requests and answers with --samples, or ask for less with --proof.",
        step="prove",
    )


def _taken_back(run: Run, unit: Unit, error: NeedsYouError) -> MigrateError:
    try:
        if not deploy.roll_back(run, unit):
            return error
    except (NeedsYouError, ConfigurationError) as second:
        return NeedsYouError(
            f"{error.what} The former image does not come up either: {second.what}",
            code=error.code,
            next_step=error.next_step,
            query_id=error.query_id or second.query_id,
            step=error.step,
        )
    run.journal.forget(unit.subject, "deploy")
    return _with_former_image(run, unit.models[0], error)


def _with_former_image(run: Run, model: str, error: MigrateError) -> NeedsYouError:
    return NeedsYouError(
        f"{error.what} The app has its former image back.",
        code=error.code,
        next_step=f"Clients are served as before. See what happened: {run.options.typed.why(model)}",
        query_id=error.query_id,
        step=error.step,
    )


def _dragged_back(errors: dict[str, MigrateError]) -> NeedsYouError:
    return NeedsYouError(
        f"It shares its app with {', '.join(errors)}, so the app has its former image back.",
        code="shares-app",
        next_step=type_again("Correct the others"),
    )

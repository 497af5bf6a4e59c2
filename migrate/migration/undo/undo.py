"""Undo: deletes what the journal says this tool made, by the recorded ids, and nothing else."""

import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from migrate.apps import deploy
from migrate.apps.registries import find_registration, unregister
from migrate.core.errors import ExitCode, Interrupted, LocalError, MigrateError, RemoteError, UsageError
from migrate.core.events import Emit, StepFinished, StepStarted
from migrate.core.names import KEY_LABEL, MODEL_LABEL, RUN_LABEL
from migrate.core.options.sources import Typed
from migrate.core.text import printable, type_again
from migrate.core.values import App, Outcome
from migrate.images.engine.build import remove_image
from migrate.images.engine.connection import Engine, connect
from migrate.images.engine.containers import sweep
from migrate.machine.disk import sweep_scratch
from migrate.migration.journal.bill import billed_app, models_of
from migrate.migration.journal.journal import Journal, ModelState
from migrate.migration.journal.ledger import NAMED_HERE, Effect, Kind
from migrate.migration.journal.schemas import UnreadableError
from migrate.migration.journal.subjects import is_packed, unit_subject
from migrate.migration.journey.steps.registry import delete_registry_user
from migrate.migration.journey.steps.tokens import delete_token
from migrate.migration.run.once import Once
from migrate.ovhcloud.session import Cloud

# What others lean on comes last.
ORDER: Final[tuple[Kind, ...]] = ("proof-token", "token", "app", "registration", "user", "image", "runtime-image")

_WORDS: Final = {
    "proof-token": "token of a proof",
    "token": "access token",
    "app": "app",
    "registration": "registration of a registry",
    "user": "registry user",
    "image": "local image",
    "runtime-image": "local runtime image",
    "pushed-image": "pushed image",
    "authorization": "authorization",
}
_WHY: Final[dict[Kind, str]] = {
    "pushed-image": "apps elsewhere may run it; delete it in the registry when none does",
    "authorization": "OVHcloud has no call that takes it back",
}
STAYS: Final[frozenset[Kind]] = frozenset(_WHY)

RemoveImage = Callable[[str], str]
"""Removes a local image by its reference; answers why it stays, or nothing where it is gone."""


class Undoing(Struct, frozen=True):
    """What an undo would do: ``delete`` in order, ``release`` only counted down, ``stay`` what is left on purpose."""

    units: tuple[str, ...]
    delete: tuple[Effect, ...]
    release: tuple[Effect, ...]
    stay: tuple[Effect, ...]


class Undone(Struct, frozen=True, kw_only=True):
    """What an undo did in a project, in words.

    ``stay`` is what is left on purpose, or of an engine that does not answer, with the reason; ``failed`` what the next
    undo tries again, such as an image that a container uses, and ``to_do`` what an interruption left. ``exit_code`` is
    that of what failed, 5 where several differ.
    """

    source: str
    project: str
    deleted: tuple[str, ...]
    stay: tuple[str, ...]
    failed: tuple[str, ...]
    to_do: tuple[str, ...] = ()
    exit_code: int = 0


def name_of(effect: Effect) -> str:
    """An effect in words: images by the names that people know, everything else by its id."""
    named = effect.kind.endswith("image") or effect.external_id is None
    return f"{_WORDS.get(effect.kind, printable(effect.kind))} {effect.name if named else effect.external_id}"


def _why(effect: Effect) -> str:
    """Why an effect stays."""
    if effect.shared:
        return f"another run ({printable(effect.text('made_by'), 40) or 'unknown'}) made it; undo it where it was made"
    return next((why for kind, why in _WHY.items() if kind == effect.kind), "")


def plan_undo(journal: Journal, typed: Typed, models: tuple[str, ...]) -> Undoing:
    """What undoing these models (all, where none is named) means.

    Raises:
        UsageError: The journal does not know a model, or one shares its app with another that is not named.
        LocalError: Some models were named, and which ones an app serves cannot be read.
    """
    known = journal.models()
    for name in models:
        if name not in known:
            raise UsageError(
                f"The journal of {typed.source} has no model {name!r}.",
                code="unknown-model",
                next_step=f"Type: {typed.status()}",
            )
    existing = journal.effects.existing()
    every = {unit for effect in existing for unit in effect.units}
    units = _units(existing, models, typed) if models else every
    delete: list[Effect] = []
    release: list[Effect] = []
    for effect in existing:
        if _stays(effect):
            continue
        left = set(effect.units) - units
        if not left or effect.kind == "proof-token":
            if not models or effect.units or effect.kind == "proof-token":
                delete.append(effect)
        elif left != set(effect.units):
            release.append(effect)
    delete.sort(key=lambda effect: ORDER.index(effect.kind) if effect.kind in ORDER else len(ORDER))
    stay = tuple(effect for effect in existing if _stays(effect) and (not models or set(effect.units) & units))
    return Undoing(tuple(sorted(units)), tuple(delete), tuple(release), stay)


def _stays(effect: Effect) -> bool:
    return effect.kind in STAYS or effect.shared


def _units(existing: tuple[Effect, ...], models: tuple[str, ...], typed: Typed) -> set[str]:
    units = {unit_subject(name) for name in models}
    for effect in existing:
        packed = any(map(is_packed, effect.units))
        if effect.kind == "app" and packed and effect.lost is not None:
            raise LocalError(
                f"Which models the app {effect.external_id or effect.name} serves cannot be read: {effect.lost.what}",
                code=effect.lost.code,
                next_step=f"Undo all of the source: {typed.undo()}",
            )
        served = set(models_of(effect))
        if effect.kind != "app" or not served & set(models):
            continue
        others = sorted(served - set(models))
        if others and packed:
            raise UsageError(
                f"The app {effect.external_id} also serves {', '.join(others)}.",
                code="shares-app",
                next_step=f"Name them too, or type: {typed.undo()}",
            )
        units |= set(effect.units)
    return units


def undo(journal: Journal, undoing: Undoing, *, cloud: Cloud, remove_image: RemoveImage, emit: Emit) -> Undone:
    """Deletes in order; what fails is told and left in the journal for the next undo, as is the rest when stopped."""
    deleted: list[str] = []
    stay = [f"{name_of(effect)}: {_why(effect)}" for effect in undoing.stay]
    failed: list[str] = []
    to_do: list[str] = []
    codes: set[ExitCode] = set()
    for position, effect in enumerate(undoing.delete):
        began = time.monotonic()
        try:
            left = _delete(journal, effect, cloud, remove_image, emit)
        except Interrupted:
            to_do = [name_of(effect) for effect in undoing.delete[position:]]
            codes = {ExitCode.INTERRUPTED}
            break
        except MigrateError as error:
            failed.append(f"{name_of(effect)}: {error.what}")
            codes.add(error.exit_code)
            if error.code == "lease-lost":
                to_do = [name_of(effect) for effect in undoing.delete[position + 1 :]]
                break
            continue
        if left:
            stay.append(f"{name_of(effect)}: {left}")
        else:
            deleted.append(name_of(effect))
            emit(StepFinished(step="undo", seconds=time.monotonic() - began, detail=f"{name_of(effect)} deleted"))
    for effect in undoing.stay:
        if effect.intent.get(NAMED_HERE):  # left here by a push that was killed
            with contextlib.suppress(LocalError):
                if not remove_image(effect.name):
                    journal.effects.learn(effect, **{NAMED_HERE: False})
    if not to_do:
        for effect in undoing.release:
            for unit in set(effect.units) & set(undoing.units):
                journal.effects.release(effect, unit)
    _forget(journal, undoing.units)
    return Undone(
        source=journal.fact("source"),
        project=cloud.project,
        deleted=tuple(deleted),
        stay=tuple(stay),
        failed=tuple(failed),
        to_do=tuple(to_do),
        exit_code=int(codes.pop() if len(codes) == 1 else ExitCode.REMOTE) if codes else 0,
    )


def remove_images(environ: Mapping[str, str]) -> RemoveImage:
    """A function that removes a local image by its reference, or says why it stays.

    It stays where no engine runs: what is left then costs nothing but disk. Where the engine keeps it, because another
    image or a container uses it, the function raises LocalError: the next undo tries that again.
    """
    engine = Once[Engine]()

    def remove(reference: str) -> str:
        try:
            remove_image(engine.get(lambda: connect(environ)), reference)
        except LocalError as error:
            if error.code == "engine-not-running":
                return "no container engine answers"
            raise
        return ""

    return remove


def sweep_killed(journal: Journal, environ: Mapping[str, str], store: Path) -> None:
    """Removes what runs of this journal left when they were killed: scratch folders, and containers of an engine.

    The journal's last run is the one that asks. Runs do the same before they begin.
    """
    sweep_scratch(store)
    if all(run.ended is not None for run in journal.runs()[:-1]):
        return
    with contextlib.suppress(LocalError):
        engine = connect(environ)
        with contextlib.closing(engine):
            sweep(engine)


def _delete(journal: Journal, effect: Effect, cloud: Cloud, remove_image: RemoveImage, emit: Emit) -> str:
    """Deletes one thing; why it stays, or nothing where it is gone.

    Raises:
        Interrupted: The stop was asked for; what was begun is repeated by the next undo.
        MigrateError: It cannot be deleted now.
    """
    if cloud.session.stop.is_set():
        raise Interrupted
    emit(StepStarted(step="undo", detail=name_of(effect)))
    effects = journal.effects
    match effect.kind:
        case "token" | "proof-token":
            delete_token(cloud, effects, effect)
        case "app":
            _delete_app(journal, effect, cloud)
        case "registration":
            found = effect.external_id or find_registration(cloud, effect.text("region"), effect.text("url"))
            if found is not None:
                unregister(cloud, found)
            effects.gone(effect)
        case "user":
            delete_registry_user(cloud, effects, effect)
        case "image" | "runtime-image":
            if left := remove_image(effect.name):
                return left
            effects.gone(effect)
        case _:
            raise LocalError(
                "A newer release of migrate made it, and this one does not know what it is.",
                code="journal-format",
                next_step="Undo it with that release.",
            )
    return ""


def _delete_app(journal: Journal, effect: Effect, cloud: Cloud) -> None:
    app_id = effect.external_id
    if app_id is None:  # killed between the request and its answer: only an app with this run's label is ours
        for app in deploy.listing(cloud):
            if app.labels.get(RUN_LABEL) == journal.id and _is_of(effect, app):
                app_id = journal.effects.done(effect, app.id).external_id
    if app_id is not None and not deploy.delete(cloud, app_id):
        raise RemoteError(f"The app {app_id} is still being deleted.", code="app-timeout", next_step=type_again())
    journal.effects.gone(effect)


def _is_of(effect: Effect, app: App) -> bool:
    """Whether an app of this journal is the one that an intent is about."""
    if key := effect.text("key"):
        return app.labels.get(KEY_LABEL) == key
    return app.labels.get(MODEL_LABEL) == effect.text("name")  # of an intent that cannot be read


def _forget(journal: Journal, units: tuple[str, ...]) -> None:
    """Writes of the models whose app is gone that they are undone; what failed or was not come to keeps its outcome."""
    every = journal.effects.existing("app")
    apps = [effect for effect in every if not effect.shared]
    elsewhere = {unit for effect in every if effect.shared for unit in effect.units}
    still = {name for effect in apps for name in billed_app(effect, None).models}
    for name, state in journal.models().items():
        served = unit_subject(name) in units or any(map(is_packed, units))
        if served and name not in still and _had_app(state):
            text = "What was made for it was deleted."
            if unit_subject(name) in elsewhere or any(map(is_packed, elsewhere)):
                text = "What this machine made for it was deleted; the app is another's, and answers as before."
            journal.finish(Outcome(model=name, outcome="skipped", reason="undone", text=text, old_url=_old_url(state)))
    for unit in set(units) - {unit for effect in apps for unit in effect.units}:
        journal.forget(unit, "deploy")


def _had_app(state: ModelState) -> bool:
    try:
        return state.outcome is not None and state.outcome.app_id is not None
    except UnreadableError:
        return True  # and has none any more


def _old_url(state: ModelState) -> str | None:
    try:
        return state.record.old_url
    except UnreadableError:
        return None

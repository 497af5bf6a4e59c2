"""Undo: deletes what the journal says this tool made, by the recorded ids, and nothing else."""

import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from migrate.apps import deploy
from migrate.apps.registries import find_registration, unregister
from migrate.core.errors import Interrupted, MigrateError, RemoteError, UsageError
from migrate.core.events import Emit, StepFinished, StepStarted
from migrate.core.names import RUN_LABEL
from migrate.core.values import Outcome
from migrate.migration.journal.journal import Journal
from migrate.migration.journal.ledger import Effect, Kind
from migrate.migration.journey.steps.registry import delete_registry_user
from migrate.migration.journey.steps.tokens import delete_token
from migrate.migration.run.options import Typed
from migrate.migration.run.units import is_packed, unit_subject
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
RemoveImage = Callable[[str], bool]
"""Removes a local image by its reference; False when something else uses it."""


class Undoing(Struct, frozen=True):
    """What an undo would do: ``delete`` in order, ``release`` only counted down, ``stay`` what is left on purpose."""

    units: tuple[str, ...]
    delete: tuple[Effect, ...]
    release: tuple[Effect, ...]
    stay: tuple[Effect, ...]


class Undone(Struct, frozen=True, kw_only=True):
    """What an undo did, in words."""

    deleted: tuple[str, ...]
    stay: tuple[str, ...]
    failed: tuple[str, ...]


def name_of(effect: Effect) -> str:
    """An effect in words: images by the names that people know, everything else by its id."""
    named = effect.kind.endswith("image") or effect.external_id is None
    return f"{_WORDS[effect.kind]} {effect.name if named else effect.external_id}"


def plan_undo(journal: Journal, typed: Typed, models: tuple[str, ...]) -> Undoing:
    """What undoing these models (all, where none is named) means.

    Raises:
        UsageError: The journal does not know a model, or one shares its app with another that is not named.
    """
    known = journal.models()
    for name in models:
        if name not in known:
            raise UsageError(
                f"The journal of {typed.source} has no model {name!r}.",
                code="unknown-model",
                next_step=f"Type: {typed.command('status')}",
            )
    existing = journal.effects.existing()
    every = {unit for effect in existing for unit in effect.units}
    units = _units(existing, models, typed) if models else every
    delete: list[Effect] = []
    release: list[Effect] = []
    for effect in existing:
        if effect.kind not in ORDER:
            continue
        left = set(effect.units) - units
        if not left or effect.kind == "proof-token":
            if not models or effect.units or effect.kind == "proof-token":
                delete.append(effect)
        elif left != set(effect.units):
            release.append(effect)
    delete.sort(key=lambda effect: ORDER.index(effect.kind))
    stay = tuple(
        effect for effect in existing if effect.kind not in ORDER and (not models or set(effect.units) & units)
    )
    return Undoing(tuple(sorted(units)), tuple(delete), tuple(release), stay)


def _units(existing: tuple[Effect, ...], models: tuple[str, ...], typed: Typed) -> set[str]:
    units = {unit_subject(name) for name in models}
    for effect in existing:
        served = effect.intent.get("models")
        if effect.kind != "app" or not isinstance(served, list) or not set(served) & set(models):
            continue
        others = sorted(set(map(str, served)) - set(models))
        if others and is_packed(effect.units[0]):
            raise UsageError(
                f"The app {effect.external_id} also serves {', '.join(others)}.",
                code="shares-app",
                next_step=f"Name them too, or type: {typed.command('undo')}",
            )
        units |= set(effect.units)
    return units


def undo(journal: Journal, undoing: Undoing, *, cloud: Cloud, remove_image: RemoveImage, emit: Emit) -> Undone:
    """Deletes in order; what fails is told and left in the journal for the next undo.

    Raises:
        Interrupted: Stopped between two deletions.
    """
    deleted: list[str] = []
    failed: list[str] = []
    for effect in undoing.delete:
        if cloud.session.stop.is_set():
            raise Interrupted
        emit(StepStarted(step="undo", detail=name_of(effect)))
        began = time.monotonic()
        try:
            gone = _delete(journal, effect, cloud, remove_image)
        except MigrateError as error:
            failed.append(f"{name_of(effect)}: {error.what}")
            continue
        if gone:
            deleted.append(name_of(effect))
            emit(StepFinished(step="undo", seconds=time.monotonic() - began, detail=f"{name_of(effect)} deleted"))
    for effect in undoing.release:
        for unit in set(effect.units) & set(undoing.units):
            journal.effects.release(effect, unit)
    if not failed:
        _forget(journal, undoing.units)
    return Undone(deleted=tuple(deleted), stay=tuple(name_of(effect) for effect in undoing.stay), failed=tuple(failed))


def _delete(journal: Journal, effect: Effect, cloud: Cloud, remove_image: RemoveImage) -> bool:
    effects = journal.effects
    match effect.kind:
        case "token" | "proof-token":
            delete_token(cloud, effects, effect)
        case "app":
            return _delete_app(journal, effect, cloud)
        case "registration":
            found = effect.external_id or find_registration(cloud, effect.text("region"), effect.text("url"))
            if found is not None:
                unregister(cloud, found)
            effects.gone(effect)
        case "user":
            delete_registry_user(cloud, effects, effect)
        case _:
            if not remove_image(effect.name):
                return False
            effects.gone(effect)
    return True


def _delete_app(journal: Journal, effect: Effect, cloud: Cloud) -> bool:
    app_id = effect.external_id
    if app_id is None:  # killed between the request and its answer: only an app with this run's label is ours
        for app in deploy.find(cloud, effect.text("key")):
            if app.labels.get(RUN_LABEL) == journal.id:
                app_id = journal.effects.done(effect, app.id).external_id
    if app_id is not None and not deploy.delete(cloud, app_id):
        raise RemoteError(
            f"The app {app_id} is still being deleted.", code="app-timeout", next_step="Type the same command again."
        )
    journal.effects.gone(effect)
    return True


def _forget(journal: Journal, units: tuple[str, ...]) -> None:
    for name, state in journal.models().items():
        served = unit_subject(name) in units or any(map(is_packed, units))
        if served and state.outcome is not None and state.outcome.app_id is not None:
            text = "What was made for it was deleted."
            journal.finish(
                Outcome(model=name, outcome="skipped", reason="undone", text=text, old_url=state.record.old_url)
            )
    for unit in units:
        journal.forget(unit, "deploy")

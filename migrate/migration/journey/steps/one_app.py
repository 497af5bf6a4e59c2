"""One app a unit where two machines made one at a time: the oldest stays, and the younger's maker goes on with it.

AI Deploy does not refuse a second app with the same labels, and nothing is written to where the machines could agree.
So each lists the apps with the unit's key after it has made one, and again when its app is up: a younger one of its own
goes before it is waited for, and its journal says of the oldest that another run made it (decisions: Two machines).
"""

import time

from migrate.apps import deploy as platform
from migrate.apps.app import FALLEN, to_app
from migrate.core.names import KEY_LABEL, RUN_LABEL
from migrate.core.values import App
from migrate.migration.journal.ledger import Effect
from migrate.migration.run.cloud_run import Run
from migrate.migration.run.units import Unit


def is_settled(effect: Effect) -> bool:
    """Whether the app has been up in a run of this journal: clients may know its URL."""
    return bool(effect.intent.get("models"))


def yield_to_oldest(
    run: Run, unit: Unit, app: App, effect: Effect, *, since: float | None = None
) -> tuple[App, Effect]:
    """The oldest app of a unit: its own one, or that of another run, for which its own one is deleted.

    An app that has been up, or that another run made, is left as it is.

    Args:
        run: The run.
        unit: The unit.
        app: Its app, which exists.
        effect: The app's effect.
        since: A listing that began then or later will do; by default one that begins now.

    Raises:
        MigrateError: The apps cannot be listed, or the younger one cannot be deleted.
    """
    if effect.shared or is_settled(effect):
        return app, effect
    begun = time.monotonic() if since is None else since
    keys = (unit.key(run.cloud.project), *unit.other_keys(run.cloud.project))
    for found in run.watcher().labelled(KEY_LABEL, keys, since=begun):
        if found.id == app.id:
            break  # nobody's is older
        if not run.is_of(unit, found.spec.labels or {}):
            continue
        if found.state not in FALLEN and (found.spec.labels or {}).get(RUN_LABEL) != run.journal.id:
            return _yield(run, unit, app, effect, to_app(found))
    return app, effect


def _yield(run: Run, unit: Unit, own: App, effect: Effect, oldest: App) -> tuple[App, Effect]:
    effects = run.journal.effects
    # Written first: a run that is killed here finds the oldest by it, and deletes what is left of its own.
    shared = effects.intend(
        "app",
        unit.subject,
        {
            "key": oldest.labels[KEY_LABEL],
            "name": unit.name,
            "wanted": list(unit.models),
            "shared": True,
            "made_by": oldest.labels.get(RUN_LABEL, ""),
        },
        unit=unit.subject,
    )
    shared = effects.done(
        shared, oldest.id, url=oldest.url, image=oldest.image, cpu=oldest.cpu, replicas=oldest.replicas
    )
    run.notice(
        f"Another machine made the app {oldest.id} for this a moment earlier. This run goes on with that one, and its "
        f"own app {own.id} is deleted.",
        model=unit.models[0],
        warning=True,
    )
    delete_own(run, unit, effect)
    return oldest, shared


def delete_own(run: Run, unit: Unit, effect: Effect) -> None:
    """Deletes an app of this journal that came to nothing; one that does not go at once stays on the bill."""
    if effect.external_id is None or platform.delete(run.cloud, effect.external_id):
        run.journal.effects.gone(effect)
    else:
        run.notice(
            f"The app {effect.external_id} is still being deleted; the next run looks again.",
            model=unit.models[0],
            warning=True,
        )


def clear_own(run: Run, unit: Unit, shared: Effect) -> None:
    """Deletes what a run left of its own app that was killed while it yielded, or did not see it go."""
    for effect in own_left(run, unit, shared):
        delete_own(run, unit, effect)


def own_left(run: Run, unit: Unit, shared: Effect) -> tuple[Effect, ...]:
    """The apps of this journal that are still there beside the one that its unit goes on with."""
    existing = run.journal.effects.existing("app")
    return tuple(one for one in existing if one.name == unit.subject and one.id != shared.id and not one.shared)

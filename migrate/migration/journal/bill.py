"""The apps that the journal knows of, which is what is billed: also those whose model is not done, or not any more."""

from msgspec import Struct

from migrate.core.values import App
from migrate.migration.journal.ledger import Effect
from migrate.migration.journal.subjects import is_packed, unit_id


class BilledApp(Struct, frozen=True, kw_only=True):
    """An app that was made, or may have been: ``id`` is None while only the wish for it is written.

    ``unit`` is its subject, and ``models`` the ids that it serves, or will. ``cpu`` is that of one replica; it and
    ``replicas`` are 0 where neither AI Deploy nor the journal says. ``shared`` apps were made by another run, and
    ``failed`` ones did not run and were kept.
    """

    id: str | None
    unit: str
    models: tuple[str, ...]
    url: str
    cpu: int
    replicas: int
    shared: bool = False
    failed: bool = False

    @property
    def cpus(self) -> int:
        """The CPUs of all its replicas; one that rests has one when it is woken."""
        return self.cpu * max(1, self.replicas)


def billed_app(effect: Effect, app: App | None) -> BilledApp:
    """An app from its effect.

    Args:
        effect: Of the kind ``app``.
        app: The app as AI Deploy has it, or had it when its step was done; None where neither is known. One of another
            id says nothing: it is of an app that this one took the place of.
    """
    if app is not None and effect.external_id not in {None, app.id}:
        app = None
    unit = effect.units[0] if effect.units else effect.name
    return BilledApp(
        id=effect.external_id,
        unit=unit,
        models=models_of(effect) or (() if is_packed(unit) else (unit_id(unit),)),
        url=app.url if app else effect.text("url"),
        cpu=app.cpu if app else _number(effect, "cpu"),
        replicas=app.replicas if app else _number(effect, "replicas"),
        shared=effect.shared,
        failed=bool(effect.text("failed")),
    )


def models_of(effect: Effect) -> tuple[str, ...]:
    """The models that an app serves, or, where it has not come up yet, those that it was asked for."""
    for field in ("models", "wanted"):
        named = effect.intent.get(field)
        if isinstance(named, list) and named:
            return tuple(map(str, named))
    return ()


def _number(effect: Effect, field: str) -> int:
    found = effect.intent.get(field)
    return found if isinstance(found, int) and not isinstance(found, bool) else 0

"""What a run is about to do, for the person who is asked and for ``--dry-run``."""

from typing import Literal

from msgspec import Struct

from migrate.core.planfile.content import Month
from migrate.core.values import Outcome

Action = Literal["create", "replace", "resize", "continue", "another-run"]


class PlannedApp(Struct, frozen=True, kw_only=True):
    """An app that will be made, or looked at again.

    ``action`` is ``create`` (billing starts), ``replace`` (the app answers, and is stopped and started again with
    another model), ``resize`` (the same with other CPUs, and its model stays), ``continue`` (the app exists; what is
    missing is done) or ``another-run`` (an app of another run serves the model). Replicas are the least and the most.
    """

    name: str
    models: tuple[str, ...]
    action: Action
    region: str
    flavor: str
    cpu: int
    replicas_min: int
    replicas_max: int
    notes: tuple[str, ...] = ()


class Plan(Struct, frozen=True, kw_only=True):
    """All of a run.

    ``settled`` are the models for which nothing can be done, or nothing is left to do. ``cpu_quota`` is the project's,
    ``cpu_used`` what its apps take now; None where OVHcloud does not say. ``authorized`` is whether AI Deploy may be
    used in the project. ``month`` is what the apps that would be made cost, by the list of ``prices_of`` a date; None
    where a plan file says it.
    """

    source: str
    project: str
    region: str
    layout: str
    apps: tuple[PlannedApp, ...]
    settled: tuple[Outcome, ...] = ()
    ignored: int = 0
    cpu_quota: int | None = None
    cpu_used: int | None = None
    authorized: bool = True
    month: Month | None = None
    prices_of: str = ""

    @property
    def created(self) -> tuple[PlannedApp, ...]:
        """The apps whose billing would start."""
        return tuple(app for app in self.apps if app.action == "create")

    @property
    def replaced(self) -> tuple[PlannedApp, ...]:
        """The apps that answer now, and would not for about a minute."""
        return tuple(app for app in self.apps if app.action in {"replace", "resize"})

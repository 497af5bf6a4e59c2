"""How long a move will take: from what earlier runs of this machine took, or else from a guess that is called one."""

import contextlib
import statistics
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Final

from migrate.core.errors import MigrateError
from migrate.core.planfile.content import AppForecast, Forecast, ModelForecast, PlannedApp, PlannedModel
from migrate.migration.journal.journal import Journal
from migrate.migration.plan.weights import weight
from migrate.migration.run.workspace import Workspace

_GUESSES: Final = {"inspect": 0.2, "record": 5.0, "build": 2.0, "rehearse": 6.0, "deploy": 90.0, "prove": 3.0}
_FETCHED: Final = 20e6  # bytes a second, both guesses
_PUSHED: Final = 10e6
_JOURNALS: Final = 20  # the newest of this machine


def forecast(
    workspace: Workspace,
    models: Sequence[PlannedModel],
    apps: Sequence[PlannedApp],
    *,
    memory: tuple[AppForecast, ...],
    read: Mapping[str, int],
    left: frozenset[str],
    jobs: int,
) -> Forecast:
    """The forecast.

    Args:
        workspace: The journals of earlier runs are in it.
        models: The models.
        apps: The apps.
        memory: What they will take.
        read: Bytes that were read of each model to know it.
        left: The models for which something is left to do.
        jobs: Models side by side.
    """
    taken, count = _taken(workspace)
    app_of = {name: app for app in apps for name in app.models}
    seconds: dict[str, float] = {}
    for model in models:
        size = sum(item.size or 0 for item in model.objects)
        known = weight(model.runtime)
        moving = sum(taken.get(step, guess) for step, guess in _GUESSES.items() if step != "deploy")
        moving += size / _FETCHED + size / _PUSHED + (known.cold_start if known else 0.0)
        seconds[model.id] = moving + taken.get("deploy", _GUESSES["deploy"]) if model.id in app_of else 0.0
    runtimes = {app.runtime for app in apps if left & set(app.models)}
    shared = sum(known.build + known.image / _PUSHED for name in runtimes if (known := weight(name)) is not None)
    todo = [seconds[name] for name in left if name in seconds]
    waiting = taken.get("deploy", _GUESSES["deploy"]) if todo else 0.0
    working = sum(one - waiting for one in todo if one > waiting)
    total = (shared + working / max(1, jobs) + waiting) if todo else 0.0
    basis = (
        f"medians of {count:,} steps of earlier runs of this machine, with {jobs} models side by side"
        if count
        else "a guess: this machine has moved nothing yet"
    )
    parts = tuple(
        ModelForecast(
            id=model.id, seconds=round(seconds[model.id], 1), read=read.get(model.id, 0), left=model.id in left
        )
        for model in models
    )
    return Forecast(seconds=round(total, 1), basis=basis, models=parts, apps=memory)


def _taken(workspace: Workspace) -> tuple[dict[str, float], int]:
    """The median of the seconds that each step took in earlier runs, and of how many steps."""
    found: dict[str, list[float]] = {}
    newest = sorted(workspace.sources(), key=lambda folder: -folder.journal.stat().st_mtime)[:_JOURNALS]
    for folder in newest:
        with contextlib.suppress(MigrateError):
            if (journal := Journal.read(folder.journal)) is not None:
                with closing(journal):
                    for step, seconds in journal.durations():
                        found.setdefault(step, []).append(seconds)
    return {step: statistics.median(times) for step, times in found.items()}, sum(map(len, found.values()))

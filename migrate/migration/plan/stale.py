"""Whether a plan still fits: what it rests on, beside what there is now."""

from collections.abc import Container, Iterator, Mapping
from typing import Final

import migrate
from migrate.apps.prices import PriceList
from migrate.core.errors import StaleError
from migrate.core.options.plans import ApplyOptions, PlanOptions
from migrate.core.planfile.content import PlanContent, PlannedObject, PlannedSource
from migrate.core.text import printable
from migrate.migration.plan.make import planned_flavors, planned_locks, planned_source, samples_digest
from migrate.migration.plan.objects import objects_of_all
from migrate.migration.run.cloud_run import Run
from migrate.sources.reference import SourceRef

_SHOWN: Final = 10  # changed fields in a sentence; all of them are in the evidence
_NONE: Final = "nothing"


def demand_fresh(
    run: Run,
    plan: PlanContent,
    ref: SourceRef,
    *,
    applied: ApplyOptions,
    planned: PlanOptions,
    prices: PriceList | None,
) -> None:
    """Lists afresh what a plan rests on and compares.

    Args:
        run: The run that would carry the plan out, with what the source lists now.
        plan: What was planned.
        ref: The source as it was given now.
        applied: What was typed.
        planned: What makes the same plan again, for the message.
        prices: The user's list, where it was given again; the project's, where the plan was made with that; else None.

    Raises:
        StaleError: ``stale-plan``, naming each field that has changed, from what to what.
        MigrateError: Something cannot be asked.
    """
    planned_objects = {model.id: model.objects for model in plan.models}
    without = {name for name, objects in planned_objects.items() if not objects}
    objects = objects_of_all(run, {}, optional=without)
    was = dict((*_rests_on(plan), *_of_models(planned_objects, objects)))
    now = dict((*_there_is(run, plan, ref, applied, prices), *_of_models(objects, planned_objects)))
    changed = [
        f"{printable(name, 300)} from {printable(was.get(name, _NONE), 200)} to {printable(now.get(name, _NONE), 200)}"
        for name in {**was, **now}
        if was.get(name, _NONE) != now.get(name, _NONE)
    ]
    if changed:
        more = f"; and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        raise StaleError(
            f"The plan no longer fits; since it was made these have changed: {'; '.join(changed[:_SHOWN])}{more}.",
            code="stale-plan",
            next_step=f"Plan again, and review what is new: {planned.command()}",
            evidence=tuple(changed),
        )


def _rests_on(plan: PlanContent) -> Iterator[tuple[str, str]]:
    """What a plan rests on, by field."""
    yield "version", plan.version
    yield "project", plan.project
    yield "source", _source(plan.source)
    yield "samples", plan.decisions.samples or _NONE
    for runtime in plan.runtimes:
        yield f"runtime {runtime.name}", runtime.lock
    for flavor in plan.flavors:
        yield f"flavor {flavor.id}", f"{flavor.cpu} CPU, {flavor.memory} bytes, at most {flavor.most}"
    yield from _of_prices(plan)


def _source(source: PlannedSource) -> str:
    return " ".join(part for part in (source.kind, source.name, source.digest) if part)


def _of_prices(plan: PlanContent) -> Iterator[tuple[str, str]]:
    yield "prices", f"{plan.prices.date}, {plan.prices.hours} hours a month"
    for price in plan.prices.flavors:
        yield f"price of {price.flavor}", price.hour or "unknown"


def _of_models(models: Mapping[str, tuple[PlannedObject, ...]], beside: Container[str]) -> Iterator[tuple[str, str]]:
    """The models, and the objects of those that are on both sides: that a model is new or gone says all of it."""
    for model, objects in models.items():
        yield f"model {model}", f"{len(objects)} object{'' if len(objects) == 1 else 's'}"
        for item in objects if model in beside else ():
            name = f"object {item.name} of {model}"
            yield f"size of {name}", str(item.size)
            yield f"ETag of {name}", item.etag or _NONE
            yield f"time of change of {name}", item.changed or _NONE


def _there_is(
    run: Run, plan: PlanContent, ref: SourceRef, applied: ApplyOptions, prices: PriceList | None
) -> Iterator[tuple[str, str]]:
    """The same as it is now."""
    yield "version", migrate.__version__
    yield "project", run.cloud.project
    yield "source", _source(planned_source(ref))
    yield "samples", samples_digest(applied.samples) or _NONE
    for runtime in planned_locks({runtime.name for runtime in plan.runtimes}):
        yield f"runtime {runtime.name}", runtime.lock
    if plan.flavors:
        for flavor in planned_flavors(run.flavors(), {flavor.id for flavor in plan.flavors}):
            yield f"flavor {flavor.id}", f"{flavor.cpu} CPU, {flavor.memory} bytes, at most {flavor.most}"
    if prices is None:
        yield from _of_prices(plan)
        return
    used = prices.of(flavor.id for flavor in plan.flavors)
    yield "prices", f"{used.date}, {used.hours} hours a month"
    for price in used.flavors:
        yield f"price of {price.flavor}", price.hour or "unknown"

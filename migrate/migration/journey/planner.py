"""The plan of a run, from the records, and from the files where they were looked into."""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec.structs import replace

from migrate.apps import deploy as platform
from migrate.apps.app import ANSWERING, COUNTED
from migrate.apps.prices import read_prices
from migrate.core.names import RUN_LABEL
from migrate.core.plan import Action, Plan, PlannedApp
from migrate.core.planfile import money
from migrate.core.planfile.content import Month, PricesUsed
from migrate.core.text import printable
from migrate.core.values import App, AppRequest, ModelRecord, Outcome
from migrate.formats.inspect import said
from migrate.formats.not_served import undocumented
from migrate.migration.journal.subjects import unit_subject
from migrate.migration.journey.forms import difference, forms_of
from migrate.migration.journey.models import Group
from migrate.migration.journey.preview import Former, changed
from migrate.migration.run.cloud_run import Run
from migrate.migration.run.licences import planned
from migrate.migration.run.units import Unit
from migrate.ovhcloud import apps as cloud_apps
from migrate.ovhcloud import capabilities
from migrate.ovhcloud.projects import authorized

_UNKNOWN_RUNTIME: Final = "onnx"  # in the name of a packed app, until the files are here
_NOTES: Final = 5  # of one model
_GAP: Final = "the app is stopped and started again: no answers for about a minute"


def make_plan(run: Run, groups: tuple[Group, ...], settled: tuple[Outcome, ...], before: Mapping[str, Former]) -> Plan:
    """What is left to do for these groups; asks OVHcloud for flavors, quotas and apps where an app would be made.

    Args:
        run: The run.
        groups: What is left.
        settled: What is not.
        before: What was known of the models before their files were looked into.

    Raises:
        MigrateError: What OVHcloud answered.
    """
    apps = tuple(_planned(run, unit, before) for group in groups for unit in _units(run, group))
    creating = any(app.action == "create" for app in apps)
    quota, used = cpu_quota(run) if creating else (None, None)
    prices = read_prices(None).of({app.flavor for app in apps})
    return Plan(
        source=run.listing.source,
        project=run.cloud.project,
        region=run.region,
        layout=run.options.layout,
        apps=apps,
        settled=settled,
        ignored=len(run.listing.ignored),
        cpu_quota=quota,
        cpu_used=used,
        authorized=authorized(run.cloud) if creating else True,
        month=_month(prices, apps) if creating and run.planned is None else None,
        prices_of=prices.date,
    )


def _month(prices: PricesUsed, apps: Iterable[PlannedApp]) -> Month:
    return money.total(
        money.month_of(prices, app.flavor, app.cpu, (app.replicas_min, app.replicas_max))
        for app in apps
        if app.action == "create"
    )


def cpu_quota(run: Run) -> tuple[int | None, int]:
    """The CPUs that the project may have, where OVHcloud tells it, and those that its apps have.

    Raises:
        MigrateError: What OVHcloud answered.
    """
    quota = capabilities.quotas(run.cloud).resources
    running = [app for app in cloud_apps.apps(run.cloud) if app.state in COUNTED]
    used = sum(app.spec.resources.cpu * max(1, app.status.available_replicas or 1) for app in running)
    return next((number for name, number in quota.items() if name.lower() == "cpu"), None), used


def _units(run: Run, group: Group) -> tuple[Unit, ...]:
    """The units that a group will be, as far as its files were read.

    Packed models of which no runtime is known yet are counted with the first of those that are known.
    """
    runtimes = {record.id: _runtime(run, record) for record in group.records} if group.packed else {}
    names = sorted({name for name in runtimes.values() if name}) or [_UNKNOWN_RUNTIME]
    found = []
    for name in names:
        records = tuple(one for one in group.records if (runtimes.get(one.id) or names[0]) == name)
        found.append(replace(group, records=records).unit(name))
    return tuple(found)


def _runtime(run: Run, record: ModelRecord) -> str:
    """The runtime that will serve a model; empty where it is not known yet: it was not read, or may be converted."""
    for app in run.planned or ():
        if record.id in app.models:
            return app.runtime
    found = run.found.get(record.id)
    return (found.runtime or "") if found and found.verdict == "ready" and not run.options.slim else ""


def _planned(run: Run, unit: Unit, before: Mapping[str, Former]) -> PlannedApp:
    plan = run.plan(unit)
    listed = [app for app in run.apps().values() if run.is_of(unit, app.labels)]
    effect = run.journal.effects.find("app", unit.subject)
    ours = [
        app
        for app in listed
        if app.labels.get(RUN_LABEL) == run.journal.id or (effect and effect.external_id == app.id)
    ]
    answers = bool(ours) and ours[0].state in ANSWERING
    # What another machine made is neither stopped nor changed, unless it is taken over.
    theirs = effect is not None and effect.shared and not run.options.adopt
    fresh = _changed(run, unit, before) if answers and not theirs else []
    resized = () if theirs else _resized(run, unit, ours or (listed if run.options.adopt else []), plan)
    if fresh:
        action: Action = "replace"
    elif answers and resized:
        action = "resize"
    elif ours:
        action = "continue"
    else:
        action = "another-run" if listed else "create"
    gap = (_GAP,) if action in {"replace", "resize"} else ()
    least, most = plan.replicas
    return PlannedApp(
        name=plan.name,
        models=unit.models,
        action=action,
        region=plan.region,
        flavor=plan.flavor,
        cpu=plan.cpu,
        replicas_min=least,
        replicas_max=most,
        notes=plan.notes + _twice(run, unit) + _news(run, unit, fresh, before) + resized + gap + _of_models(run, unit),
    )


def _resized(run: Run, unit: Unit, apps: list[App], plan: AppRequest) -> tuple[str, ...]:
    """That an app will not answer for a while, to get the CPUs that were typed."""
    if "cpus" not in run.sized(unit):
        return ()
    other = [app for app in apps if not platform.has_cpus(run.cloud, app.id, plan)]
    return tuple(f"its app {app.id} gets {plan.cpu} CPUs, for which it is stopped and started again" for app in other)


def _changed(run: Run, unit: Unit, before: Mapping[str, Former]) -> list[str]:
    """The models of a unit whose files are others than those that its app serves."""
    return [one.id for one in unit.records if one.id in before and changed(run, one, before[one.id].digest)]


def _news(run: Run, unit: Unit, fresh: list[str], before: Mapping[str, Former]) -> tuple[str, ...]:
    """What those who call an app will notice when its models are replaced."""
    notes = []
    for name in fresh:
        was, now = before.get(name), run.found.get(name)
        text = difference(was.forms if was else {}, forms_of(now))
        told = f"its files have changed: {text}" if text else "its files have changed; its answers may be others"
        notes.append(f"{printable(name, 60)}: {told}" if unit.packed else told)
    return tuple(notes)


def _of_models(run: Run, unit: Unit) -> tuple[str, ...]:
    """What a person should know of the models themselves."""
    notes = []
    for record in unit.records:
        found = _of_files(run, record)
        more = [f"and {len(found) - _NOTES} more: {run.options.typed.why(record.id)}"]
        lines = found[:_NOTES] + (more if len(found) > _NOTES else [])
        if record.backend == "bentoml":
            lines.append(
                "ML Serving served it with the backend bentoml: the new app is called as its serving-runtime was"
            )
        notes += [f"{printable(record.id, 60)}: {line}" if unit.packed else line for line in lines]
    if unit.packed and len(unit.records) > 1 and not all(_runtime(run, record) for record in unit.records):
        notes.append("each runtime that the models need gets an app of its own, which their files will tell")
    return tuple(notes)


def _of_files(run: Run, record: ModelRecord) -> list[str]:
    """What the files say where they were read before, else what is known without them."""
    looked = run.looked.get(record.id)
    why = (looked.not_known or (looked.problem.text if looked.problem else "")) if looked else ""
    unsure = [f"its verdict is not yet known. {why}"] if why else []
    if record.id in run.found:
        return [*unsure, *said(run.found[record.id])]
    note = undocumented(record.framework, record.recognised)
    known = planned(record.framework, record.recognised, accept_agpl=run.options.accept_agpl)
    return [*unsure, *([note] if note else []), *known]


def _twice(run: Run, unit: Unit) -> tuple[str, ...]:
    """What a person should know who has given a model an app of its own and now packs it."""
    own = [name for name in unit.models if run.journal.effects.find("app", unit_subject(name))] if unit.packed else []
    if not own:
        return ()
    undo = run.options.typed.undo(*own)
    return (f"{', '.join(own)} have apps of their own, which stay and are billed; delete them before with: {undo}",)

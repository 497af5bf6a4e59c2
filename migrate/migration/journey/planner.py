"""The plan of a run, from the records alone: nothing is fetched to make it."""

from typing import Final

from migrate.apps import deploy as platform
from migrate.apps.app import COUNTED
from migrate.core.names import KEY_LABEL, RUN_LABEL
from migrate.core.plan import Action, Plan, PlannedApp
from migrate.core.text import printable
from migrate.core.values import App, AppRequest, AutomaticScaling, ModelRecord, Outcome
from migrate.formats.inspect import said
from migrate.formats.not_served import undocumented
from migrate.migration.journal.subjects import unit_subject
from migrate.migration.journey.models import Group
from migrate.migration.run.licences import planned
from migrate.migration.run.run_context import Run
from migrate.migration.run.units import Unit
from migrate.ovhcloud import apps as cloud_apps
from migrate.ovhcloud import capabilities
from migrate.ovhcloud.projects import authorized

_UNKNOWN_RUNTIME: Final = "onnx"  # in the name of a packed app, until the files are here
_NOTES: Final = 5  # of one model


def make_plan(run: Run, groups: tuple[Group, ...], settled: tuple[Outcome, ...]) -> Plan:
    """What is left to do for these groups; asks OVHcloud for flavors, quotas and apps where an app would be made.

    Raises:
        MigrateError: What OVHcloud answered.
    """
    apps = tuple(_planned(run, group) for group in groups)
    creating = any(app.action == "create" for app in apps)
    quota = capabilities.quotas(run.cloud).resources if creating else {}
    used = None
    if creating:
        running = [app for app in cloud_apps.apps(run.cloud) if app.state in COUNTED]
        used = sum(app.spec.resources.cpu * max(1, app.status.available_replicas or 1) for app in running)
    return Plan(
        source=run.listing.source,
        project=run.cloud.project,
        region=run.region,
        layout=run.options.layout,
        apps=apps,
        settled=settled,
        ignored=len(run.listing.ignored),
        cpu_quota=next((number for name, number in quota.items() if name.lower() == "cpu"), None),
        cpu_used=used,
        authorized=authorized(run.cloud) if creating else True,
    )


def _planned(run: Run, group: Group) -> PlannedApp:
    unit = group.unit(_UNKNOWN_RUNTIME)
    plan = run.plan(unit)
    key = unit.key(run.cloud.project)
    listed = [app for app in run.apps().values() if app.labels.get(KEY_LABEL) == key]
    effect = run.journal.effects.find("app", unit.subject)
    if any(app.labels.get(RUN_LABEL) == run.journal.id or (effect and effect.external_id == app.id) for app in listed):
        action: Action = "continue"
    else:
        action = "another-run" if listed else "create"
    least, most = _replicas(plan)
    return PlannedApp(
        name=plan.name,
        models=unit.models,
        action=action,
        region=plan.region,
        flavor=plan.flavor,
        cpu=plan.cpu,
        replicas_min=least,
        replicas_max=most,
        notes=plan.notes + _restarted(run, listed, plan) + _twice(run, unit) + _of_models(run, unit),
    )


def _restarted(run: Run, listed: list[App], plan: AppRequest) -> tuple[str, ...]:
    """That an app which answers now will not for a while, to get the CPUs that were typed."""
    if run.options.sizing.cpus is None:
        return ()
    apps = [app for app in listed if not platform.has_cpus(run.cloud, app.id, plan)]
    return tuple(f"its app {app.id} is stopped and started again with {plan.cpu} CPUs" for app in apps)


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
    if unit.packed and len(unit.records) > 1:
        notes.append("each runtime that the models need gets an app of its own, which their files will tell")
    return tuple(notes)


def _of_files(run: Run, record: ModelRecord) -> list[str]:
    """What the files say where they were read before, else what is known without them."""
    if record.id in run.found:
        return said(run.found[record.id])
    note = undocumented(record.framework, record.recognised)
    known = planned(record.framework, record.recognised, accept_agpl=run.options.accept_agpl)
    return [*([note] if note else []), *known]


def _twice(run: Run, unit: Unit) -> tuple[str, ...]:
    """What a person should know who has given a model an app of its own and now packs it."""
    own = [name for name in unit.models if run.journal.effects.find("app", unit_subject(name))] if unit.packed else []
    if not own:
        return ()
    undo = run.options.typed.undo(*own)
    return (f"{', '.join(own)} have apps of their own, which stay and are billed; delete them before with: {undo}",)


def _replicas(plan: AppRequest) -> tuple[int, int]:
    if isinstance(plan.scaling, AutomaticScaling):
        return plan.scaling.replicas_min, plan.scaling.replicas_max
    return plan.scaling.replicas, plan.scaling.replicas

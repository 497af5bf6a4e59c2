"""A plan of a source: made without a download, read as what anybody may have written, and applied by a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from migrate.apps.prices import PriceList, read_prices
from migrate.core.errors import Interrupted, UsageError
from migrate.core.events import Emit, Result
from migrate.core.options.plans import AppliedOptions, ApplyOptions, PlanOptions, ShowOptions
from migrate.core.options.sources import MoveOptions, RunOptions
from migrate.core.planfile.content import Decisions, PlanContent, PlanFile
from migrate.core.planfile.text import LARGEST, decode, plan_file, refused
from migrate.core.text import printable, type_again
from migrate.machine.files import read_bounded
from migrate.migration.journal.bill import billed_app
from migrate.migration.journey.planner import cpu_quota
from migrate.migration.look.look import look_at_all
from migrate.migration.parallel import Runner
from migrate.migration.plan.forecast import forecast
from migrate.migration.plan.make import make_plan_content, planned_source
from migrate.migration.plan.stale import demand_fresh
from migrate.migration.run.cloud_run import Run
from migrate.migration.run.workspace import Workspace
from migrate.migration.run_source import Applying, sort, trial_run
from migrate.ovhcloud.session import Cloud
from migrate.sources.reference import parse_elsewhere, parse_source

_HERE: Final = frozenset({"folder", "inventory"})
_SHARED: Final = tuple(name for name in Decisions.__struct_fields__ if name not in {"layout", "samples"})


def read_plan(path: Path) -> PlanFile:
    """The plan in a file.

    Raises:
        UsageError: ``bad-plan``.
    """
    return decode(read_bounded(path, LARGEST, lambda reason: refused(str(path), reason)), str(path))


def plan_models(
    options: PlanOptions, *, cloud: Cloud, workspace: Workspace, environ: Mapping[str, str], emit: Emit
) -> PlanFile:
    """The plan of a source. Nothing is downloaded or made, and rights to read suffice.

    Raises:
        MigrateError: The source cannot be listed, the prices cannot be read, or what OVHcloud answered.
    """
    prices = read_prices(options.prices)
    shared = {name: getattr(options, name) for name in MoveOptions.__struct_fields__}
    with trial_run(RunOptions(**shared), cloud, workspace, environ, emit) as run:
        looked = look_at_all(run, run.listing.models, jobs=options.jobs)
        if run.stop.is_set():
            raise Interrupted
        run.found |= {name: one.inspection for name, one in looked.items() if one.inspection and one.verdict}
        content, taken = make_plan_content(run, options, parse_source(options.source), looked, prices)
        run.planned = content.apps
        left = _left(run, content)
        _warn_of_quota(run, content, left)
        said = forecast(
            workspace,
            content.models,
            content.apps,
            memory=taken,
            read={name: one.bytes_read for name, one in looked.items()},
            left=left,
            jobs=options.jobs,
        )
    return plan_file(content, said)


def _left(run: Run, plan: PlanContent) -> frozenset[str]:
    """The models of the plan's apps for which something is left to do."""
    _, groups = sort(run, Runner(run))
    open_ = {record.id for group in groups for record in group.records}
    return frozenset(name for app in plan.apps for name in app.models if name in open_)


def _warn_of_quota(run: Run, plan: PlanContent, left: frozenset[str]) -> None:
    """Tells where the project may not have the CPUs of the apps that are still to be made."""
    there = {
        name
        for effect in run.journal.effects.existing("app")
        if effect.lost is None
        for name in billed_app(effect, None).models
    }
    new = [app for app in plan.apps if left.intersection(app.models) and there.isdisjoint(app.models)]
    wanted = sum(app.cpu * app.replicas[0] for app in new)
    if not wanted:
        return
    quota, used = cpu_quota(run)
    if quota is not None and wanted > quota - used:
        run.notice(
            f"The new apps need {wanted} CPUs, and the project's quota has {quota - used} of {quota} left. Ask "
            "OVHcloud for a larger quota before you apply the plan, or plan fewer or smaller apps (--layout cheapest, "
            "--cpus).",
            warning=True,
        )


def applied_options(plan: PlanContent, typed: ApplyOptions, *, project: str | None) -> AppliedOptions:
    """The options of the run that applies a plan.

    Args:
        plan: The plan.
        typed: What was typed.
        project: The project, as a next command has to name it.

    Raises:
        UsageError: What is not in a plan was not given, or was given and the plan has no use for it.
    """
    kind = plan.source.kind
    if (kind in _HERE) != (typed.source is not None):
        raise UsageError(
            f"The plan is of a {kind}, and a plan holds no path."
            if kind in _HERE
            else f"The plan is of the {kind} {plan.source.name}, and --source names a path.",
            code="usage",
            next_step=type_again(adding=f"--source and the {kind}")
            if kind in _HERE
            else type_again("Leave --source out"),
        )
    if plan.decisions.samples is not None and typed.samples is None:
        raise UsageError(
            "The plan was made with samples, and a plan holds no path.",
            code="usage",
            next_step=type_again(adding="--samples and their folder"),
        )
    unknown = [name for name in typed.renew if name not in {model.id for model in plan.models}]
    if unknown:
        raise UsageError(
            f"The plan has no model {printable(unknown[0])!r}, whose token is to be replaced.",
            code="unknown-model",
            next_step=f"Take an id of the plan: {ShowOptions(plan=typed.plan).command()}",
        )
    source = str(typed.source) if typed.source is not None else _elsewhere(plan, typed)
    decided: dict[str, Any] = {name: getattr(plan.decisions, name) for name in _SHARED} | {"samples": typed.samples}
    where: dict[str, Any] = {"source": source, "project": project, "workspace": typed.workspace}
    planned = PlanOptions(
        **decided, **where, layout=plan.decisions.layout, out=typed.plan, prices=typed.prices, jobs=typed.jobs
    )
    decided["authorize"] = plan.decisions.authorize or typed.authorize
    return AppliedOptions(
        **decided,
        **where,
        layout="packed" if plan.layout.chosen == "packed" else "separate",
        old_token_file=typed.old_token_file,
        renew=typed.renew,
        ticket=typed.ticket,
        keep_failed=typed.keep_failed,
        builder=typed.builder,
        state=typed.state,
        yes=typed.yes,
        jobs=typed.jobs,
        verbose=typed.verbose,
        as_json=typed.as_json,
        output=typed.output,
        applied=typed,
        planned=planned,
    )


def _elsewhere(plan: PlanContent, typed: ApplyOptions) -> str:
    """The source of a plan, which must mean here what it meant there, and no path of this machine.

    Raises:
        UsageError: ``bad-plan``.
    """
    name, ref = plan.source.name, parse_elsewhere(plan.source.name)
    if ref is None or planned_source(ref) != plan.source:
        raise refused(str(typed.plan), f"its source {printable(name)!r} is no {plan.source.kind}")
    if parse_source(name) != ref:
        raise UsageError(
            f"In this folder {printable(name)!r} is a file or a folder, and the plan is of the {plan.source.kind}.",
            code="ambiguous-source",
            next_step=type_again("Change to another folder"),
        )
    return name


def applying(file: PlanFile, options: AppliedOptions) -> Applying:
    """What a run needs to apply a plan; that it fits is written to the journal, with its digest and the ticket.

    Raises:
        UsageError: ``bad-prices``, of the user's own list.
    """
    plan = file.plan
    prices: PriceList | None = None
    if options.applied.prices is not None or plan.prices.origin == "project":
        prices = read_prices(options.applied.prices)
    ref = parse_source(options.source)

    def check(run: Run) -> None:
        demand_fresh(run, plan, ref, applied=options.applied, planned=options.planned, prices=prices)
        ticket = f"; the ticket is {options.ticket}" if options.ticket else ""
        run.notice(f"The plan {file.digest} fits what is there{ticket}.")

    return Applying(plan.apps, check)


def as_applied(result: Result, file: PlanFile, options: AppliedOptions) -> Result:
    """The result of a run, as that of the plan that was applied."""
    more: dict[str, object] = {"plan": file.digest, "replan": options.planned.command()}
    return Result(
        command="apply",
        exit_code=result.exit_code,
        models=result.models,
        data=result.data | more,
        error=result.error,
    )

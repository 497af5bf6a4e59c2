"""What apply does: a plan that was reviewed, by the journey that run walks."""

import sys
from collections.abc import Mapping

from migrate.commands.run import carry_out
from migrate.console.final import show_final
from migrate.console.jsonlines import JsonLines
from migrate.console.outlet import screen
from migrate.console.plan_file import month
from migrate.core.errors import ExitCode, MigrateError, RefusedError, with_next_step
from migrate.core.options.plans import ApplyOptions
from migrate.core.planfile.content import Decisions, PlanFile
from migrate.core.text import type_again
from migrate.migration.run_plan import applied_options, applying, as_applied, read_plan
from migrate.ovhcloud.config import read_project


def apply(options: ApplyOptions, environ: Mapping[str, str]) -> ExitCode:
    """Carries out a plan.

    Raises:
        UsageError: ``bad-plan``: the file is none.
        RefusedError: ``other-plan``, ``unpinned-plan``.
        StaleError: ``stale-plan``.
        MigrateError: Nothing could be begun.
    """
    file = read_plan(options.plan)
    _demand_expected(file, options)
    named = options.project or (None if read_project(None, environ) else file.plan.project)
    chosen = applied_options(file.plan, options, project=named)
    cost = f"the apps cost {month(file.plan.summary.month)} (prices of {file.plan.prices.date})"
    try:
        result = carry_out(
            chosen, environ, applying=applying(file, chosen), told=(cost,), opens=opens(file.plan.decisions)
        )
    except MigrateError as error:
        if (advised := chosen.advice(error.next_step)) == error.next_step:
            raise
        raise with_next_step(error, advised) from error
    result = as_applied(result, file, chosen)
    if options.json:
        JsonLines(sys.stdout)(result)
    else:
        show_final(screen(), result)
    return ExitCode(result.exit_code)


def opens(chosen: Decisions) -> tuple[str, ...]:
    """What a plan decides that lets others in or runs what they wrote, a line each."""
    lines = [f"files that run code are loaded: {digest}" for digest in chosen.allow_unsafe]
    lines += [f"images are pushed to the registry {chosen.registry}"] if chosen.registry is not None else []
    lines += [f"images are made from {chosen.base_image}"] if chosen.base_image is not None else []
    lines += ["apps of other runs are taken over"] if chosen.adopt else []
    lines += ["AI Deploy is let into the project's object storage"] if chosen.authorize else []
    return tuple(lines)


def _demand_expected(file: PlanFile, options: ApplyOptions) -> None:
    if options.expect is not None and options.expect != file.digest:
        raise RefusedError(
            f"The digest of the plan is {file.digest}, and {options.expect} was expected.",
            code="other-plan",
            next_step="Apply the file that was reviewed, or review this one and give its digest.",
        )
    open_ = opens(file.plan.decisions)
    if options.expect is None and options.yes and open_:
        raise RefusedError(
            f"With this plan {'; '.join(open_)}; --yes would agree to that unseen.",
            code="unpinned-plan",
            next_step=type_again(adding=f"--expect {file.digest}, or without --yes"),
        )

"""Runs the journey for ``run`` and ``demo``: events to the screen, questions to the person, the end as an exit code."""

import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from migrate.commands.prompt import agree
from migrate.commands.signals import stopping
from migrate.console.final import show_final
from migrate.console.jsonlines import JsonLines
from migrate.console.outlet import open_outlet, screen
from migrate.console.plan import plan_sentence, show_plan
from migrate.core.errors import ExitCode
from migrate.core.events import Result
from migrate.core.plan import Plan
from migrate.migration.run.opening import open_cloud
from migrate.migration.run.options import RunOptions
from migrate.migration.run.workspace import open_workspace
from migrate.migration.run_source import Ended, plan_source, run_source

_STORAGE: Final = (
    "AI Deploy is not authorized in this project. Authorizing it opens the project's object storage to AI Deploy. "
    "Authorize it now?"
)


def move(
    options: RunOptions,
    *,
    project: str | None,
    workspace: Path | None,
    as_json: bool,
    dry_run: bool,
    yes: bool,
    authorize: bool,
    environ: Mapping[str, str],
) -> ExitCode:
    """Moves the models, or shows what would be done.

    Raises:
        MigrateError: Nothing could be begun.
    """
    if dry_run:
        place = open_workspace(workspace)
        with (
            open_cloud(place, project=project, environ=environ) as cloud,
            stopping(cloud.session.stop),
            open_outlet(as_json=as_json) as outlet,
        ):
            plan = plan_source(options, cloud=cloud, workspace=place, environ=environ, emit=outlet)
        return _dry(plan, as_json=as_json)
    result = carry_out(
        options, project=project, workspace=workspace, as_json=as_json, yes=yes, authorize=authorize, environ=environ
    )
    if as_json:
        JsonLines(sys.stdout)(result)
    else:
        show_final(screen(), result)
    return ExitCode(result.exit_code)


def carry_out(
    options: RunOptions,
    *,
    project: str | None,
    workspace: Path | None,
    as_json: bool,
    yes: bool,
    authorize: bool,
    environ: Mapping[str, str],
) -> Result:
    """Moves the models and answers the result, which is not shown yet; programming errors are, at once.

    Raises:
        MigrateError: Nothing could be begun.
    """
    place = open_workspace(workspace)
    with open_cloud(place, project=project, environ=environ) as cloud, stopping(cloud.session.stop):
        outlet = open_outlet(as_json=as_json)

        def confirm(plan: Plan) -> None:
            ask_billing = bool(plan.created) and not yes
            ask_storage = not plan.authorized and not authorize
            if not ask_billing and not ask_storage:
                return
            with outlet.aside():
                if not as_json:
                    show_plan(screen(), plan)
                if ask_billing:
                    agree(plan_sentence(plan), option="--yes", refused="Nothing was made.")
                if ask_storage:
                    agree(_STORAGE, option="--authorize", refused="Without it no app can be made. Nothing was made.")

        try:
            with outlet:
                return run_source(options, cloud=cloud, workspace=place, environ=environ, emit=outlet, confirm=confirm)
        except Ended as ended:
            for bug in ended.bugs:
                traceback.print_exception(bug, file=sys.stderr)
            return ended.result


def _dry(plan: Plan, *, as_json: bool) -> ExitCode:
    if as_json:
        data = msgspec.to_builtins(plan)
        JsonLines(sys.stdout)(Result(command="run", exit_code=0, models=plan.settled, data={"plan": data}))
    else:
        show_plan(screen(), plan)
    return ExitCode.DONE

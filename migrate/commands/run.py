"""Runs the journey for ``run`` and ``demo``: events to the screen, questions to the person, the end as an exit code."""

import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import msgspec

from migrate.commands.terminal import agree, asking, stopping
from migrate.console.final import show_final
from migrate.console.jsonlines import JsonLines
from migrate.console.outlet import open_outlet, screen
from migrate.console.plan import plan_question, plan_sentence, replace_sentence, show_plan
from migrate.core.errors import ConfigurationError, ExitCode
from migrate.core.events import Notice, Result
from migrate.core.options.shared import YES
from migrate.core.options.sources import AUTHORIZE, ListOptions, RunOptions
from migrate.core.plan import Plan
from migrate.migration.run.opening import open_cloud, read_old_token
from migrate.migration.run.workspace import open_workspace
from migrate.migration.run_source import Applying, Ended, plan_source, run_source
from migrate.sources.reference import FolderRef, parse_source

STORAGE_QUESTION: Final = (
    "AI Deploy is not authorized in this project. Authorizing it opens the project's object storage to AI Deploy. "
    "Authorize it now?"
)


def run(options: RunOptions, environ: Mapping[str, str]) -> ExitCode:
    """Moves the models of a source, or shows what would be done.

    Raises:
        MigrateError: Nothing could be begun.
    """
    if options.dry_run:
        with pointing_to_list(options.source):
            plan = _plan(options, environ)
        return _show_plan(plan, as_json=options.json)
    result = carry_out(options, environ)
    if options.json:
        JsonLines(sys.stdout)(result)
    else:
        show_final(screen(), result)
    return ExitCode(result.exit_code)


@contextmanager
def pointing_to_list(source: str) -> Iterator[None]:
    """What a folder holds can be told without credentials; which apps it would become, and what they cost, cannot.

    Raises:
        ConfigurationError: ``no-credentials``, naming the command that needs none.
    """
    try:
        yield
    except ConfigurationError as error:
        if error.code != "no-credentials" or not isinstance(parse_source(source), FolderRef):
            raise
        looking = ListOptions(source=source).command()
        raise ConfigurationError(
            f"{error.what} A plan needs them: it names the flavors, quotas and apps of your project.",
            code=error.code,
            next_step=f"See without them what the folder holds: {looking}. {error.next_step}",
        ) from error


def carry_out(
    options: RunOptions,
    environ: Mapping[str, str],
    *,
    applying: Applying | None = None,
    told: tuple[str, ...] = (),
    opens: tuple[str, ...] = (),
) -> Result:
    """Moves the models and answers the result, which is not shown yet; programming errors are, at once.

    Args:
        options: What was chosen, by what was typed or by a plan.
        environ: The environment.
        applying: The plan, where one is applied.
        told: What the plan says that whoever is asked should know, a line each.
        opens: What the plan decides that a person must not overlook, a line each.

    Raises:
        MigrateError: Nothing could be begun.
    """
    old_token, workspace = read_old_token(options.old_token_file, environ), open_workspace(options.workspace)
    with open_cloud(workspace, project=options.project, environ=environ) as cloud, stopping(cloud.session.stop):
        outlet = open_outlet(as_json=options.json, plain=options.verbose)
        cloud.session.tell = lambda text: outlet(Notice(text=text))
        cloud.session.ask = asking(cloud.session.stop, outlet)

        def confirm(plan: Plan) -> None:
            ask_billing = bool(plan.created) and not options.yes
            ask_storage = not plan.authorized and not options.authorize
            ask_replacing = bool(plan.replaced) and not options.yes
            ask_opening = bool(opens) and not ask_billing and not options.yes
            if not any((ask_billing, ask_storage, ask_replacing, ask_opening)):
                return
            with outlet.aside():
                if not options.json:
                    show_plan(screen(), plan)
                for line in (*told, *opens):
                    sys.stderr.write(f"By the plan, {line}.\n")
                if ask_billing:
                    question = plan_sentence(plan) if options.json else plan_question(plan)
                    agree(question, option=YES.name, refused="Nothing was made.")
                if ask_opening:
                    agree("Apply the plan?", option=YES.name, refused="Nothing was made.")
                if ask_replacing:
                    refused = "Nothing was made or replaced; with --model the others can be moved without it."
                    agree(replace_sentence(plan), option=YES.name, refused=refused)
                if ask_storage:
                    refused = "Without it no app can be made. Nothing was made."
                    agree(STORAGE_QUESTION, option=AUTHORIZE.name, refused=refused)

        try:
            with outlet:
                return run_source(
                    options,
                    cloud=cloud,
                    workspace=workspace,
                    environ=environ,
                    emit=outlet,
                    confirm=confirm,
                    old_token=old_token,
                    applying=applying,
                )
        except Ended as ended:
            for bug in ended.bugs:
                traceback.print_exception(bug, file=sys.stderr)
            return ended.result


def _plan(options: RunOptions, environ: Mapping[str, str]) -> Plan:
    old_token, workspace = read_old_token(options.old_token_file, environ), open_workspace(options.workspace)
    with (
        open_cloud(workspace, project=options.project, environ=environ) as cloud,
        stopping(cloud.session.stop),
        open_outlet(as_json=options.json, plain=options.verbose) as outlet,
    ):
        cloud.session.tell = lambda text: outlet(Notice(text=text))
        cloud.session.ask = asking(cloud.session.stop, outlet)
        return plan_source(options, cloud=cloud, workspace=workspace, environ=environ, emit=outlet, old_token=old_token)


def _show_plan(plan: Plan, *, as_json: bool) -> ExitCode:
    if as_json:
        data = msgspec.to_builtins(plan)
        JsonLines(sys.stdout)(Result(command="run", exit_code=0, models=plan.settled, data={"plan": data}))
    else:
        show_plan(screen(), plan)
    return ExitCode.DONE

"""What plan and show do: the first asks OVHcloud and the storage, the second reads a file; both make nothing."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from migrate.commands.run import pointing_to_list
from migrate.commands.terminal import stopping
from migrate.console.jsonlines import JsonLines
from migrate.console.outlet import open_outlet, screen
from migrate.console.plan_file import show_plan_file
from migrate.console.plan_page import plan_page
from migrate.core.errors import ExitCode, UsageError
from migrate.core.events import Notice, Result
from migrate.core.options.declaration import absolute
from migrate.core.options.plans import ApplyOptions, PlanOptions, ShowOptions
from migrate.core.options.shared import OUT
from migrate.core.planfile.content import PlanFile
from migrate.core.planfile.text import encode
from migrate.core.text import printable, type_again
from migrate.machine.files import write_whole
from migrate.migration.run.opening import open_cloud
from migrate.migration.run.workspace import open_workspace
from migrate.migration.run_plan import plan_models, read_plan

_HERE: Final = frozenset({"folder", "inventory"})


def plan(options: PlanOptions, environ: Mapping[str, str]) -> ExitCode:
    """Tells what the models of a source would become, and writes that down where a file was named.

    Raises:
        UsageError: ``usage``: the file cannot be written.
        MigrateError: The source cannot be listed, the prices cannot be read, or what OVHcloud answered.
    """
    if options.out is not None:
        _demand_writable(options.out, OUT.name)
    workspace = open_workspace(options.workspace)
    with (
        pointing_to_list(options.source),
        open_cloud(workspace, project=options.project, environ=environ) as cloud,
        stopping(cloud.session.stop),
        open_outlet(as_json=options.json, plain=options.verbose) as outlet,
    ):
        cloud.session.tell = lambda text: outlet(Notice(text=text))
        made = plan_models(options, cloud=cloud, workspace=workspace, environ=environ, emit=outlet)
    if options.out is not None:
        write_whole(options.out, encode(made))
    code = ExitCode.CHANGES if options.detailed_exitcode and made.left else ExitCode.DONE
    _answer("plan", made, as_json=options.json, code=code, apply=_apply(options, made))
    return code


def show(options: ShowOptions) -> ExitCode:
    """Shows a plan, or writes it as a page.

    Raises:
        UsageError: ``bad-plan``, or ``usage``: the page cannot be written.
        LocalError: The disk.
    """
    found = read_plan(options.plan)
    if options.html is not None:
        _demand_writable(options.html, "--html")
        write_whole(options.html, plan_page(found).encode())
        facts: dict[str, object] = {"digest": found.digest, "html": str(options.html)}
        if options.json:
            JsonLines(sys.stdout)(Result(command="show", exit_code=0, data=facts))
        else:
            sys.stdout.write(f"{options.html}\n")
        return ExitCode.DONE
    _answer("show", found, as_json=options.json, code=ExitCode.DONE, apply="")
    return ExitCode.DONE


def _demand_writable(path: Path, option: str) -> None:
    """Refuses a file that cannot be written before it takes long to make what would stand in it."""
    if path.is_dir():
        why = "it is a folder"
    elif not path.parent.is_dir():
        why = "its folder is not there"
    elif not os.access(path.parent, os.W_OK):
        why = "you may not write into its folder"
    else:
        return
    raise UsageError(
        f"{printable(str(path), 300)} cannot be written: {why}.",
        code="usage",
        next_step=type_again(adding=f"another file for {option}"),
    )


def _answer(command: str, found: PlanFile, *, as_json: bool, code: ExitCode, apply: str) -> None:
    if as_json:
        data: dict[str, object] = msgspec.to_builtins(found)
        data |= {"apply": apply} if apply else {}
        JsonLines(sys.stdout)(Result(command=command, exit_code=int(code), data=data))
    else:
        show_plan_file(screen(), found, apply=apply)


def _apply(options: PlanOptions, made: PlanFile) -> str:
    """The command that applies a plan which was written."""
    if options.out is None:
        return ""
    here = made.plan.source.kind in _HERE
    return ApplyOptions(
        plan=options.out,
        expect=made.digest,
        source=absolute(Path(options.source)) if here else None,
        samples=options.samples,
        prices=options.prices,
        project=options.project,
        workspace=options.workspace,
    ).command()

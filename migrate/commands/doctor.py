"""Looks at everything that a run needs, and mends what it may."""

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Final

import msgspec

from migrate.commands.run import STORAGE_QUESTION
from migrate.commands.terminal import agree
from migrate.console.checkup import show_check, show_end
from migrate.console.jsonlines import JsonLines
from migrate.console.outlet import screen
from migrate.core.checkup import Check, Checkup
from migrate.core.errors import ExitCode, MigrateError, RefusedError
from migrate.core.events import Notice, Result
from migrate.core.options.access import DoctorOptions
from migrate.core.options.sources import AUTHORIZE
from migrate.machine.disk import disk_errors
from migrate.migration.doctor.doctor import examine
from migrate.migration.doctor.machine import engine_check
from migrate.migration.doctor.supplies import fetch_base
from migrate.migration.run.opening import open_cloud
from migrate.migration.run.workspace import Workspace, open_workspace
from migrate.ovhcloud.config import Credentials, config_file, read_credentials
from migrate.ovhcloud.projects import authorize
from migrate.ovhcloud.session import Session, open_session

_FILES: Final = ("consumer_key", "client_secret")


def doctor(options: DoctorOptions, environ: Mapping[str, str]) -> ExitCode:
    """Shows one line for each thing as it is looked at.

    Raises:
        LocalError: The workspace cannot be made.
    """
    workspace = open_workspace(options.workspace)
    fixed: tuple[str, ...] = ()
    if options.fix:
        before = look(options, workspace, environ, lambda _: None)
        fixed = mend(options, before, workspace, environ)
    console = None if options.json else screen()
    found = Checkup(
        checks=look(options, workspace, environ, lambda check: show_check(console, check) if console else None),
        fixed=fixed,
    )
    if console is None:
        data = msgspec.to_builtins(found)
        JsonLines(sys.stdout)(Result(command="doctor", exit_code=int(found.exit_code), data=data))
    else:
        show_end(console, found)
    return found.exit_code


def look(
    options: DoctorOptions, workspace: Workspace, environ: Mapping[str, str], each: Callable[[Check], None]
) -> tuple[Check, ...]:
    """Every check, told as it is made."""
    checks: list[Check] = []
    with ExitStack() as stack:

        def opened(credentials: Credentials) -> Session:
            return stack.enter_context(open_session(credentials, state_folder=workspace.state))

        engine = engine_check(options, environ)
        if engine[1] is not None:
            stack.callback(engine[1].close)
        for check in examine(options, workspace=workspace, environ=environ, engine=engine, open_session=opened):
            checks.append(check)
            each(check)
    return tuple(checks)


def mend(
    options: DoctorOptions, found: tuple[Check, ...], workspace: Workspace, environ: Mapping[str, str]
) -> tuple[str, ...]:
    """Mends what was found and may be mended, and answers what was done, a sentence each.

    What fails stays as it is, and that is said; the look that comes after tells how it is.
    """
    ways: Mapping[str, Callable[[], str]] = {
        "credentials": lambda: _close_file(environ),
        "authorization": lambda: _authorize(options, workspace, environ),
        "base image": lambda: _fetch_base(options, environ),
    }
    done = []
    for check in found:
        if check.fixable and check.name in ways:
            try:
                done.append(ways[check.name]())
            except RefusedError:
                continue  # the person said no
            except MigrateError as error:
                _say(options, f"{check.name}: {error.what} {error.next_step}")
    return tuple(done)


def _close_file(environ: Mapping[str, str]) -> str:
    credentials = read_credentials(environ)
    files = (config_file(environ, credentials.endpoint, name) for name in _FILES)
    done = []
    for file in filter(None, files):
        with disk_errors(file):  # everybody's file may belong to another user
            file.chmod(0o600)
        done.append(f"{file} can be read by its owner alone.")
    return " ".join(done)


def _authorize(options: DoctorOptions, workspace: Workspace, environ: Mapping[str, str]) -> str:
    if not options.authorize:
        agree(STORAGE_QUESTION, option=AUTHORIZE.name, refused="AI Deploy is not authorized.")
    with open_cloud(workspace, project=options.project, environ=environ) as cloud:
        authorize(cloud)
    return "AI Deploy is authorized in the project."


def _fetch_base(options: DoctorOptions, environ: Mapping[str, str]) -> str:
    _, engine = engine_check(options, environ)
    with ExitStack() as stack:
        if engine is not None:
            stack.callback(engine.close)
        fetch_base(engine, options, environ, lambda text: _say(options, text))
    return "The base image is here."


def _say(options: DoctorOptions, text: str) -> None:
    if options.json:
        JsonLines(sys.stdout)(Notice(text=text))
    else:
        sys.stderr.write(f"{text}\n")

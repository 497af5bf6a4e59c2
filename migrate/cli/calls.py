"""Which function carries out which command. Each call imports its own command, and with it what that needs."""

# ruff: noqa: PLC0415 - that is what keeps every other command and every --help quick

import os
from collections.abc import Callable, Mapping
from typing import Any, Final

from migrate.core.errors import ExitCode
from migrate.core.options.access import DoctorOptions, LoginOptions, LogoutOptions, PermissionsOptions
from migrate.core.options.declaration import Options
from migrate.core.options.folders import BuildOptions, ExportOptions, ServeOptions
from migrate.core.options.plans import ApplyOptions, PlanOptions, ShowOptions
from migrate.core.options.sandboxes import (
    DemoOptions,
    EnvOptions,
    FailOptions,
    SandboxStatusOptions,
    StartOptions,
    StopOptions,
)
from migrate.core.options.shared import VERBOSE
from migrate.core.options.sources import (
    ListOptions,
    MoveOptions,
    NetworkOptions,
    RunOptions,
    StatusOptions,
    UndoOptions,
    WhyOptions,
)
from migrate.core.options.support import BundleOptions, ExportStateOptions, ImportStateOptions


def perform(options: Options) -> ExitCode:
    """Carries out a command.

    Raises:
        MigrateError: What the command raised.
    """
    return CALLS[type(options)](options)


def _login(options: LoginOptions) -> ExitCode:
    from migrate.commands.login import login

    return login(options, dict(os.environ))


def _logout(options: LogoutOptions) -> ExitCode:
    from migrate.commands.logout import logout

    return logout(options, dict(os.environ))


def _doctor(options: DoctorOptions) -> ExitCode:
    from migrate.commands.doctor import doctor

    return doctor(options, dict(os.environ))


def _permissions(options: PermissionsOptions) -> ExitCode:
    from migrate.commands.permissions import permissions

    return permissions(options, dict(os.environ))


def _environ(options: ListOptions | StatusOptions | MoveOptions | ApplyOptions | UndoOptions) -> dict[str, str]:
    """The environment, with what was typed for it: who opens the connection to OVHcloud is far from the options."""
    told = {VERBOSE.variable: "1"} if options.verbose else {}
    return {name: text for name, text in os.environ.items() if name != VERBOSE.variable} | told


def _list(options: ListOptions) -> ExitCode:
    from migrate.commands.look import list_

    return list_(options, _environ(options))


def _status(options: StatusOptions) -> ExitCode:
    from migrate.commands.look import status

    return status(options, _environ(options))


def _why(options: WhyOptions) -> ExitCode:
    from migrate.commands.look import why

    return why(options, dict(os.environ))


def _bundle(options: BundleOptions) -> ExitCode:
    from migrate.commands.bundle import bundle

    return bundle(options, dict(os.environ))


def _export_state(options: ExportStateOptions) -> ExitCode:
    from migrate.commands.state import export_state

    return export_state(options, dict(os.environ))


def _import_state(options: ImportStateOptions) -> ExitCode:
    from migrate.commands.state import import_state

    return import_state(options, dict(os.environ))


def _network(options: NetworkOptions) -> ExitCode:
    from migrate.commands.network import network

    return network(options, dict(os.environ))


def _show(options: ShowOptions) -> ExitCode:
    from migrate.commands.plan import show

    return show(options)


def _plan(options: PlanOptions) -> ExitCode:
    from migrate.commands.plan import plan

    return plan(options, _environ(options))


def _apply(options: ApplyOptions) -> ExitCode:
    from migrate.commands.apply import apply

    return apply(options, _environ(options))


def _run(options: RunOptions) -> ExitCode:
    from migrate.commands.run import run

    return run(options, _environ(options))


def _undo(options: UndoOptions) -> ExitCode:
    from migrate.commands.undo import undo

    return undo(options, _environ(options))


def _build(options: BuildOptions) -> ExitCode:
    from migrate.commands.build import build

    return build(options, dict(os.environ))


def _export(options: ExportOptions) -> ExitCode:
    from migrate.commands.export import export_folder

    return export_folder(options, dict(os.environ))


def _serve(options: ServeOptions) -> ExitCode:
    from migrate.commands.serve import serve_folder

    return serve_folder(options, dict(os.environ))


def _demo(options: DemoOptions) -> ExitCode:
    from migrate.commands.demo import demonstrate

    return demonstrate(options)


def _start(options: StartOptions) -> ExitCode:
    from migrate.commands.sandbox import start

    return start(options)


def _stop(options: StopOptions) -> ExitCode:
    from migrate.commands.sandbox import stop

    return stop(options)


def _sandbox_status(options: SandboxStatusOptions) -> ExitCode:
    from migrate.commands.sandbox import status

    return status(options)


def _env(options: EnvOptions) -> ExitCode:
    from migrate.commands.sandbox import env

    return env(options)


def _fail(options: FailOptions) -> ExitCode:
    from migrate.commands.sandbox import fail

    return fail(options)


CALLS: Final[Mapping[type[Options], Callable[[Any], ExitCode]]] = {
    LoginOptions: _login,
    DoctorOptions: _doctor,
    PermissionsOptions: _permissions,
    ListOptions: _list,
    StatusOptions: _status,
    WhyOptions: _why,
    BundleOptions: _bundle,
    ExportStateOptions: _export_state,
    ImportStateOptions: _import_state,
    NetworkOptions: _network,
    ShowOptions: _show,
    PlanOptions: _plan,
    ApplyOptions: _apply,
    RunOptions: _run,
    BuildOptions: _build,
    ExportOptions: _export,
    ServeOptions: _serve,
    DemoOptions: _demo,
    StartOptions: _start,
    StopOptions: _stop,
    SandboxStatusOptions: _sandbox_status,
    EnvOptions: _env,
    FailOptions: _fail,
    UndoOptions: _undo,
    LogoutOptions: _logout,
}

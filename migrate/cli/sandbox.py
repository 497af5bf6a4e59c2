"""``migrate sandbox``: a whole OVHcloud on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from migrate.cli.help import GroupedHelp, WithExample
from migrate.cli.options import Form, Json, Output
from migrate.core.errors import ExitCode

sandbox = typer.Typer(
    cls=GroupedHelp,
    help="A whole OVHcloud on this machine, for tutorials and contributors: no account, no bill.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_help_option=False,
)

SandboxFolder = Annotated[
    Path | None,
    typer.Option(
        "--folder",
        metavar="FOLDER",
        envvar="MIGRATE_SANDBOX",
        help="Where it lives; by default the platform's state folder.",
        show_default=False,
    ),
]


@sandbox.command(cls=WithExample, epilog='migrate sandbox start\neval "$(migrate sandbox env)"\nmigrate list')
def start(
    folder: SandboxFolder = None,
    no_serving: Annotated[
        bool, typer.Option("--no-serving", help="As OVHcloud is today: ML Serving's API is gone.")
    ] = False,
    storage: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="More content: each folder in it is a container.", show_default=False),
    ] = None,
    as_json: Json = False,
    output: Output = Form.TEXT,
) -> ExitCode:
    """Start it, and wait until it is ready; one that runs is left as it is."""
    from migrate.commands.sandbox import start_sandbox  # noqa: PLC0415 - imports the sandbox

    return start_sandbox(folder, no_serving=no_serving, storage=storage, as_json=as_json or output is Form.JSON)


@sandbox.command(cls=WithExample, epilog="migrate sandbox stop")
def stop(folder: SandboxFolder = None, as_json: Json = False, output: Output = Form.TEXT) -> ExitCode:
    """Stop it with everything that it started."""
    from migrate.commands.sandbox import stop_sandbox  # noqa: PLC0415

    return stop_sandbox(folder, as_json=as_json or output is Form.JSON)


@sandbox.command(cls=WithExample, epilog="migrate sandbox status")
def status(folder: SandboxFolder = None, as_json: Json = False, output: Output = Form.TEXT) -> ExitCode:
    """Whether it runs, and how its parts are."""
    from migrate.commands.sandbox import show_status  # noqa: PLC0415

    return show_status(folder, as_json=as_json or output is Form.JSON)


@sandbox.command(cls=WithExample, epilog='eval "$(migrate sandbox env)"')
def env(folder: SandboxFolder = None, as_json: Json = False, output: Output = Form.TEXT) -> ExitCode:
    """The variables that make the next commands use it, for eval."""
    from migrate.commands.sandbox import show_env  # noqa: PLC0415

    return show_env(folder, as_json=as_json or output is Form.JSON)


@sandbox.command(
    cls=WithExample,
    epilog="migrate sandbox fail drift mode=swap\nmigrate sandbox fail 429 times=3\nmigrate sandbox fail --none",
)
def fail(
    fault: Annotated[
        str | None,
        typer.Argument(
            help="429, 5xx, slow, truncated-download, expired-credential, not-granted, clock-skew, quota, app-failed, "
            "serving-gone, drift, registry-down, drop or hold.",
            metavar="FAULT",
            show_default=False,
        ),
    ] = None,
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Its arguments.", metavar="[NAME=VALUE]...", show_default=False)
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Lift every fault.")] = False,
    folder: SandboxFolder = None,
    as_json: Json = False,
    output: Output = Form.TEXT,
) -> ExitCode:
    """Let it fail in one way; see sandbox/faults.py for the arguments."""
    from migrate.commands.sandbox import fail_sandbox  # noqa: PLC0415

    return fail_sandbox(folder, None if none else fault, tuple(arguments or ()), as_json=as_json or output is Form.JSON)

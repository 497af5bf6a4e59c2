"""The command line's tree. Importing it is cheap: what a command needs is imported when it runs."""

from collections.abc import Callable
from typing import Annotated, Any, Final

import typer

from migrate.cli.build import build
from migrate.cli.demo import demo
from migrate.cli.export import export
from migrate.cli.grouped import GroupedHelp, WithExample
from migrate.cli.list import list_
from migrate.cli.run import run
from migrate.cli.sandbox import sandbox
from migrate.cli.serve import serve
from migrate.cli.status import status
from migrate.cli.undo import undo
from migrate.cli.why import why

LOOK: Final = "Look"
MOVE: Final = "Move"
LIVE: Final = "Live"
LEAVE: Final = "Leave"

_HELP: Final = """Move models from OVHcloud ML Serving to AI Deploy, and prove that they answer the same.

Try it without an account: migrate demo
"""

_EXAMPLE_LIST: Final = "migrate list\nmigrate list my-namespace\nmigrate list models@GRA/2021"
_EXAMPLE_RUN: Final = "migrate run my-namespace --dry-run\nmigrate run models@GRA --samples ./samples --layout packed"
_EXAMPLE_EXPORT: Final = "migrate export ./models/iris --out ./context && docker build ./context"


def _version(wanted: bool) -> None:
    if wanted:
        from migrate import __version__  # noqa: PLC0415

        typer.echo(f"migrate {__version__}")
        raise typer.Exit


application = typer.Typer(
    name="migrate",
    cls=GroupedHelp,
    help=_HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@application.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="The version, and nothing else.")
    ] = False,
) -> None:
    """What stands before the command."""


def _add(name: str, panel: str, command: Callable[..., Any], short: str, example: str) -> None:
    application.command(name, cls=WithExample, rich_help_panel=panel, short_help=short, epilog=example)(command)


_add(
    "list",
    LOOK,
    list_,
    "What the project has, or a source.",
    _EXAMPLE_LIST,
)
_add("status", LOOK, status, "Where things stand.", "migrate status my-namespace")
_add("why", LOOK, why, "What happened to a model, and what to do.", "migrate why my-namespace iris")
_add(
    "run",
    MOVE,
    run,
    "Move the models of a source to AI Deploy.",
    _EXAMPLE_RUN,
)
_add("build", MOVE, build, "A model folder becomes a local image.", "migrate build ./models/iris --tag iris:1")
_add(
    "export",
    MOVE,
    export,
    "The same as a folder for docker build.",
    _EXAMPLE_EXPORT,
)
_add("serve", LIVE, serve, "Serve a model here, without Docker.", "migrate serve ./models/iris --port 8080")
_add("demo", LIVE, demo, "The whole job on a sandbox, in one go.", "migrate demo --keep")
application.add_typer(sandbox, name="sandbox", rich_help_panel=LIVE, short_help="A whole OVHcloud on this machine.")
_add("undo", LEAVE, undo, "Delete what this tool made, only that.", "migrate undo my-namespace --model iris")

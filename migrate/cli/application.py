"""The command line's tree, made from the declarations. Making it is cheap: a command is imported when it runs."""

from collections.abc import Callable
from typing import Final

import typer

from migrate.cli.calls import perform
from migrate.cli.help import GroupedHelp, WithExample
from migrate.cli.parameters import callback
from migrate.core.errors import ExitCode
from migrate.core.options.declaration import PROGRAM, Options
from migrate.core.options.sandboxes import SANDBOX
from migrate.core.options.tree import COMMANDS

COMPLETION: Final = frozenset({"--install-completion", "--show-completion"})

_HELP: Final = """Move models from OVHcloud ML Serving to AI Deploy, and prove that they answer the same.

Try it without an account: migrate demo
"""
_EPILOG: Final = (
    "migrate COMMAND --help explains a command, with an example. migrate --version tells the version. "
    "migrate --install-completion teaches your shell the commands."
)
_SANDBOX_HELP: Final = "A whole OVHcloud on this machine, for tutorials and contributors: no account, no bill."


def command_line(*, completion: bool, perform: Callable[[Options], ExitCode] = perform) -> typer.Typer:
    """The whole tree.

    Args:
        completion: Whether the options that set up a shell are there. An option of a group, be it its ``--help``,
            makes typer import what doubles the time of every command's help, so the groups have none, and
            ``main`` reads theirs.
        perform: What is done with the options of the command that was typed.
    """
    application = typer.Typer(
        name=PROGRAM,
        cls=GroupedHelp,
        help=_HELP,
        epilog=_EPILOG,
        no_args_is_help=True,
        rich_markup_mode=None,
        add_completion=completion,
        add_help_option=False,
        pretty_exceptions_enable=False,
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    sandbox: typer.Typer | None = None
    for kind in COMMANDS:
        about = kind.about
        group, _, name = about.name.rpartition(" ")
        if group and sandbox is None:
            sandbox = typer.Typer(
                cls=GroupedHelp,
                help=_SANDBOX_HELP,
                no_args_is_help=True,
                rich_markup_mode=None,
                add_help_option=False,
            )
            application.add_typer(
                sandbox, name=SANDBOX, rich_help_panel="Live", short_help="A whole OVHcloud on this machine."
            )
        place = sandbox if group and sandbox is not None else application
        place.command(
            name,
            cls=WithExample,
            rich_help_panel=None if group else about.group,
            short_help=about.short,
            epilog=about.example,
        )(callback(kind, perform))
    return application

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
from migrate.core.options.support import STATE_GROUP
from migrate.core.options.tree import COMMANDS

COMPLETION: Final = frozenset({"--install-completion", "--show-completion"})

_HELP: Final = """Move models from OVHcloud ML Serving to AI Deploy, and prove that they answer the same.

Try it without an account: migrate demo
"""
_EPILOG: Final = (
    "migrate COMMAND --help explains a command, with an example. migrate --version tells the version. "
    "migrate --install-completion teaches your shell the commands."
)
_GROUPS: Final[dict[str, tuple[str, str, str]]] = {  # help, heading, short help
    SANDBOX: (
        "A whole OVHcloud on this machine, for tutorials and contributors: no account, no bill.",
        "Live",
        "A whole OVHcloud on this machine.",
    ),
    STATE_GROUP: (
        "Hand what is known of a source from one engineer's machine to another's.",
        "Look",
        "Hand a case to a colleague.",
    ),
}
GROUPS: Final = tuple(_GROUPS)


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
    groups: dict[str, typer.Typer] = {}
    for kind in COMMANDS:
        about = kind.about
        group, _, name = about.name.rpartition(" ")
        if group and group not in groups:
            text, heading, short = _GROUPS[group]
            groups[group] = typer.Typer(
                cls=GroupedHelp,
                help=text,
                no_args_is_help=True,
                rich_markup_mode=None,
                add_help_option=False,
            )
            application.add_typer(groups[group], name=group, rich_help_panel=heading, short_help=short)
        place = groups[group] if group else application
        place.command(
            name,
            cls=WithExample,
            rich_help_panel=None if group else about.group,
            short_help=about.short,
            epilog=about.example,
        )(callback(kind, perform))
    return application

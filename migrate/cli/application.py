"""The command line's tree. Making it is cheap: what a command needs is imported when it runs."""

from collections.abc import Callable
from typing import Any, Final

import typer

from migrate.cli.build import build
from migrate.cli.demo import demo
from migrate.cli.export import export
from migrate.cli.help import GroupedHelp, WithExample
from migrate.cli.list import list_
from migrate.cli.run import run
from migrate.cli.sandbox import sandbox
from migrate.cli.serve import serve
from migrate.cli.status import status
from migrate.cli.undo import undo
from migrate.cli.why import why

COMPLETION: Final = frozenset({"--install-completion", "--show-completion"})

_HELP: Final = """Move models from OVHcloud ML Serving to AI Deploy, and prove that they answer the same.

Try it without an account: migrate demo
"""
_EPILOG: Final = (
    "migrate COMMAND --help explains a command, with an example. migrate --version tells the version. "
    "migrate --install-completion teaches your shell the commands."
)

# Under each heading: the name, the function, what it does, and examples.
_COMMANDS: Final[dict[str, tuple[tuple[str, Callable[..., Any], str, str], ...]]] = {
    "Look": (
        (
            "list",
            list_,
            "What the project has, or a source.",
            "migrate list\nmigrate list my-namespace\nmigrate list models@GRA/2021",
        ),
        ("status", status, "Where things stand.", "migrate status my-namespace"),
        ("why", why, "What happened to a model, and what to do.", "migrate why my-namespace iris"),
    ),
    "Move": (
        (
            "run",
            run,
            "Move the models of a source to AI Deploy.",
            "migrate run my-namespace --dry-run\nmigrate run models@GRA --samples ./samples --layout packed",
        ),
        ("build", build, "A model folder becomes a local image.", "migrate build ./models/iris --tag iris:1"),
        (
            "export",
            export,
            "The same as a folder for docker build.",
            "migrate export ./models/iris --out ./context\ndocker build --platform linux/amd64 -t iris:1 ./context",
        ),
    ),
    "Live": (
        ("serve", serve, "Serve a model here, without Docker.", "migrate serve ./models/iris --port 8080"),
        ("demo", demo, "The whole job on a sandbox, in one go.", "migrate demo --keep"),
    ),
    "Leave": (("undo", undo, "Delete what this tool made, only that.", "migrate undo my-namespace --model iris"),),
}

COMMANDS: Final = frozenset({"sandbox", *(entry[0] for entries in _COMMANDS.values() for entry in entries)})


def command_line(*, completion: bool) -> typer.Typer:
    """The whole tree.

    Args:
        completion: Whether the options that set up a shell are there. An option of a group, be it its ``--help``,
            makes typer import what doubles the time of every command's help, so the groups have none, and
            ``main`` reads theirs.
    """
    application = typer.Typer(
        name="migrate",
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
    for panel, commands in _COMMANDS.items():
        for name, command, short, example in commands:
            application.command(name, cls=WithExample, rich_help_panel=panel, short_help=short, epilog=example)(command)
        if panel == "Live":
            application.add_typer(
                sandbox, name="sandbox", rich_help_panel=panel, short_help="A whole OVHcloud on this machine."
            )
    return application

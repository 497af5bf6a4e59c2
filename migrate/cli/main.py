"""The entry point: parses, calls one command, and turns how it ended into an exit code."""

import os
import sys
from typing import Final

import typer

from migrate import __version__
from migrate.cli.application import COMPLETION, GROUPS, command_line
from migrate.cli.encoding import use_plain_text
from migrate.cli.errors import interrupted, tell, tell_bug
from migrate.commands.configuration import configure
from migrate.core.errors import ExitCode, Interrupted, MigrateError, UsageError
from migrate.core.options.declaration import PROGRAM
from migrate.core.options.tree import COMMANDS

_HELP: Final = frozenset({"--help", "-h"})


def main() -> None:
    """Runs the command line of this process and ends it."""
    use_plain_text(sys.stdout, sys.stderr)
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # the reader (`| head`) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Runs one command line.

    Args:
        arguments: The words after the command's name.

    Returns:
        The exit code (``core.errors.ExitCode``).

    Raises:
        Exception: A programming error, which Python shows and ends with 1; ``--json`` has its result line before.
    """
    if arguments[:1] == ["--version"]:
        sys.stdout.write(f"migrate {__version__}\n")
        return int(ExitCode.DONE)
    asked = arguments[-1:] in (["--help"], ["-h"]) and arguments[:-1] in ([], *([group] for group in GROUPS))
    if asked:
        arguments = arguments[:-1]
    completing = "_MIGRATE_COMPLETE" in os.environ or not COMPLETION.isdisjoint(arguments[:1])
    application = command_line(completion=completing)
    try:
        if not completing and _HELP.isdisjoint(arguments):
            configure(os.environ)
        code = application(args=arguments, prog_name=PROGRAM, standalone_mode=False)
    except MigrateError as error:
        return tell(error, arguments)
    except typer.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            (sys.stdout if asked else sys.stderr).write(error.format_message() + "\n")
            return int(ExitCode.DONE if asked else ExitCode.USAGE)
        context = getattr(error, "ctx", None)  # of the command that was being parsed
        helping = f"Type: {context.command_path if context else _command_of(arguments)} --help"
        # Choices are checked by pydantic, whose word this is.
        said = error.format_message().replace("Value error, ", "")
        return tell(UsageError(said, code="usage", next_step=helping), arguments)
    except (Interrupted, KeyboardInterrupt, typer.Abort) as error:
        return interrupted(error if isinstance(error, Interrupted) else KeyboardInterrupt(), arguments)
    except BrokenPipeError:
        return int(ExitCode.DONE)
    except Exception as error:
        tell_bug(error, arguments)
        raise
    if type(code) is int and code == ExitCode.INTERRUPTED:  # typer's own answer to Ctrl-C; commands return an ExitCode
        return interrupted(KeyboardInterrupt(), arguments)
    return int(code) if isinstance(code, int) else int(ExitCode.DONE)


def _command_of(arguments: list[str]) -> str:
    """The command that a line begins with, for errors that do not say which one was being parsed."""
    names = [kind.about.name.split() for kind in COMMANDS]
    found = max((name for name in names if arguments[: len(name)] == name), key=len, default=[])
    return " ".join([PROGRAM, *found])

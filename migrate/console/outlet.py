"""Chooses how events are shown: JSON lines, the live board, or plain lines."""

import os
import sys
from typing import TYPE_CHECKING

from migrate.console.jsonlines import JsonLines
from migrate.console.plain import PlainLines

if TYPE_CHECKING:
    from rich.console import Console

    from migrate.console.board import Board


def open_outlet(*, as_json: bool, plain: bool = False) -> "JsonLines | Board | PlainLines":
    """What shows the events of a command that takes long.

    JSON goes to standard output, where nothing else is written. The board and the lines go to standard error, so
    that standard output holds the result alone. ``plain`` is for who writes lines of their own there too, which a
    board would not leave whole.
    """
    if as_json:
        return JsonLines(sys.stdout)
    if sys.stderr.isatty() and not plain:
        from rich.console import Console  # noqa: PLC0415 - costs 50 ms, only for a terminal

        from migrate.console.board import Board  # noqa: PLC0415

        console = Console(stderr=True)
        if not console.is_dumb_terminal:
            return Board(console)
    return PlainLines(sys.stderr)


def screen() -> "Console":
    """The console of standard output; piped, lines are not cut."""
    from rich.console import Console  # noqa: PLC0415 - costs 50 ms

    class Screen(Console):
        def on_broken_pipe(self) -> None:
            """Goes on unseen when the reader (``| head``) has seen enough: the exit code is the command's own."""
            self.quiet = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    return Screen(highlight=False, soft_wrap=not sys.stdout.isatty())

"""One value as the whole answer of a command: drawn, or as the last JSON line."""

import sys
from typing import TYPE_CHECKING, TypeVar

import msgspec

from migrate.console.jsonlines import JsonLines
from migrate.console.outlet import screen
from migrate.core.errors import ExitCode
from migrate.core.events import Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

T = TypeVar("T")


def answer(
    command: str,
    value: T,
    *,
    as_json: bool,
    show: "Callable[[Console, T], None]",
    code: ExitCode = ExitCode.DONE,
) -> ExitCode:
    """Shows a value."""
    if as_json:
        JsonLines(sys.stdout)(Result(command=command, exit_code=int(code), data=msgspec.to_builtins(value)))
    else:
        show(screen(), value)
    return code

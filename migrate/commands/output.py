"""What a command answers at its end: one value or some facts, drawn or as the last JSON line."""

import sys
from typing import TYPE_CHECKING, TypeVar

import msgspec

from migrate.console.jsonlines import JsonLines
from migrate.console.outlet import screen
from migrate.console.words import safe
from migrate.core.errors import ExitCode
from migrate.core.events import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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


def answer_facts(
    command: str,
    facts: "Mapping[str, str]",
    allowed: "Sequence[Mapping[str, str]]",
    *,
    as_json: bool,
    left_out: "Mapping[str, str] | None" = None,
) -> ExitCode:
    """Shows facts by name, one a line; those without a text are left out.

    Args:
        command: The command.
        facts: What it made, and how to use that.
        allowed: The files that run code, and the option by which each may.
        as_json: Whether a program reads it.
        left_out: The models that need a person, and why.
    """
    code = ExitCode.NEEDS_YOU if left_out else ExitCode.DONE
    told = {name: text for name, text in facts.items() if text}
    if as_json:
        data: dict[str, object] = told | ({"allowed_unsafe": allowed} if allowed else {})
        data |= {"left_out": dict(left_out)} if left_out else {}
        JsonLines(sys.stdout)(Result(command=command, exit_code=int(code), data=data))
    else:
        rows = [*told.items(), *(("allowed", f"{safe(fact['path'])} by {fact['option']}") for fact in allowed)]
        rows += [("left out", f"{safe(name, 60)}: {safe(why, 400)}") for name, why in (left_out or {}).items()]
        width = max(len(name) for name, _ in rows)
        sys.stdout.write("".join(f"{name:<{width}}  {text}\n" for name, text in rows))
    return code

"""A look at everything that a run needs, a line for each thing."""

from typing import TYPE_CHECKING, Final

from rich.text import Text

from migrate.console.words import whole
from migrate.core.checkup import NAMES, Check, Checkup, State
from migrate.core.text import counted

if TYPE_CHECKING:
    from rich.console import Console

_WORDS: Final[dict[State, tuple[str, str]]] = {
    "ok": ("ok", "green"),
    "warning": ("warning", "yellow"),
    "wrong": ("wrong", "red"),
    "unknown": ("unknown", "yellow"),
    "skipped": ("skipped", "dim"),
}
_STATE_WIDTH: Final = max(len(word) for word, _ in _WORDS.values())
_NAME_WIDTH: Final = max(map(len, NAMES))
_INDENT: Final = " " * (_STATE_WIDTH + _NAME_WIDTH + 4)


def show_check(console: "Console", check: Check) -> None:
    """One thing, and below it what to type where it is not ok."""
    word, style = _WORDS[check.state]
    lead = Text.assemble((f"{word:<{_STATE_WIDTH}}", style), f"  {check.name:<{_NAME_WIDTH}}  ")
    console.print(lead.append(whole(check.text)), soft_wrap=True)
    if check.next_step and check.state != "ok":
        console.print(Text(f"{_INDENT}{whole(check.next_step)}", style="bold"), soft_wrap=True)


def show_end(console: "Console", found: Checkup) -> None:
    """What was mended, and the sum."""
    for text in found.fixed:
        console.print(Text(f"mended: {whole(text)}"), soft_wrap=True)
    bad = sum(one.state == "wrong" for one in found.checks)
    doubtful = sum(one.state in {"warning", "unknown"} for one in found.checks)
    if bad:
        console.print(f"\n{counted(bad, 'thing')} that a run would fail on.")
    elif doubtful:
        console.print(f"\nA run can begin; read {counted(doubtful, 'line')} above first.")
    else:
        console.print("\nA run can begin.")

"""The last screen of a run: what moved where and how that was checked, what is left to do, and what it costs."""

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from migrate.console.words import MARKS, PROOFS, STYLES, difference, lines, safe, said, tally, verdict, whole
from migrate.core.events import Result
from migrate.core.values import Outcome

if TYPE_CHECKING:
    from rich.console import Console

_NAMED: Final = 5  # models in one sentence


def show_final(console: "Console", *results: Result) -> None:
    """Draws the result of ``run``, or of several; every fact on it is in the results themselves."""
    console.print()
    models = tuple(outcome for result in results for outcome in result.models)
    for outcome in models:
        _show_model(console, outcome)
    console.print()
    for result in results:
        console.print(Text(tally(result.models), style="bold"))
    _show_tasks(console, models)
    _show_facts(console, [result.data for result in results])


def _show_model(console: "Console", outcome: Outcome) -> None:
    style = STYLES[outcome.outcome]
    line = Text.assemble(
        (f"{MARKS[outcome.outcome]} ", style),
        (f"{safe(outcome.model, 60):<26} ", "bold"),
        (f"{verdict(outcome):<10} ", style),
    )
    if outcome.proof is not None:
        line.append(f"proof {PROOFS[outcome.proof]}")
        if outcome.worst_difference is not None:
            line.append(f", worst difference {difference(outcome.worst_difference)}")
    console.print(line)
    if outcome.not_rehearsed:
        console.print(Text(f"    not rehearsed here: {safe(outcome.not_rehearsed, 400)}", style="yellow"))
    if outcome.slim:
        what = (
            "as ONNX" if outcome.slim == "kept" else f"original runtime kept: {outcome.slim.removeprefix('refused: ')}"
        )
        console.print(Text(f"    slim {safe(what, 600)}", style="dim"))
    for name, url in (("old", outcome.old_url), ("new", outcome.new_url)):
        if url:
            # Not cut and not folded by us, so that a terminal lets it be copied whole.
            console.print(Text(f"    {name}  {safe(url, 400)}", style="dim" if name == "old" else ""), soft_wrap=True)

    if outcome.app_id and outcome.outcome != "done":
        console.print(Text(f"    app  {safe(outcome.app_id)} exists and is billed", style="yellow"), soft_wrap=True)
    for note in said(outcome):
        console.print(Text(f"    {safe(note, 400)}", style="yellow"))


def _show_tasks(console: "Console", outcomes: tuple[Outcome, ...]) -> None:
    # What was only stopped needs nothing but the command under Again, once for all.
    left = [outcome for outcome in outcomes if outcome.outcome != "done" and outcome.reason != "interrupted"]
    tasks = [outcome for outcome in left if outcome.task or outcome.text]
    if not tasks:
        return
    console.print()
    console.print(Text("To do", style="bold"))
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    # What keeps several models alike, as an engine that does not run, is told once.
    alike: dict[tuple[str, str, str | None], list[Outcome]] = {}
    for outcome in tasks:
        alike.setdefault((outcome.text, outcome.task, outcome.query_id), []).append(outcome)
    for number, (outcome, *others) in enumerate(alike.values(), 1):
        names = ", ".join(safe(one.model, 60) for one in (outcome, *others[: _NAMED - 1]))
        more = f" and {len(others) - _NAMED + 1} more" if len(others) >= _NAMED else ""
        text = Text.assemble((names + more, "bold"), f": {lines(outcome.text)}")
        if outcome.task:
            text.append(f"\n→ {whole(outcome.task)}")
        if outcome.query_id:
            text.append(f"\nFor OVHcloud's support: query id {safe(outcome.query_id)}", style="dim")
        table.add_row(f"{number}.", text)
    console.print(table)


def _show_facts(console: "Console", facts: list[dict[str, object]]) -> None:
    rows = (
        ("Ticket", "ticket"),
        ("Plan", "plan"),
        ("Allowed", "allowed_text"),
        ("Tokens", "tokens_text"),
        ("Billed", "billed_text"),
        ("Try it", "curl"),
        ("Again", "again"),
        ("Why", "why"),
        ("Undo", "undo"),
    )
    shown = [(name, str(data[field])) for name, field in rows for data in facts if data.get(field)]
    if shown:
        console.print()
    before = ""
    for name, text in shown:
        console.print(Text.assemble((f"{'' if name == before else name:<8}", "bold"), whole(text)), soft_wrap=True)
        before = name

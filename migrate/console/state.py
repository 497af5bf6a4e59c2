"""The state of sources, and the story of a model."""

from typing import TYPE_CHECKING, Final

from rich.text import Text

from migrate.console.tables import show_facts, show_rows
from migrate.console.words import MARKS, PROOFS, STYLES, count, difference, safe, tally, verdict, whole
from migrate.core.codes.blame import CAUSES
from migrate.core.looking import AppState, Moment, Sources, SourceState, Story
from migrate.core.values import Outcome

if TYPE_CHECKING:
    from rich.console import Console

_SHOWN: Final = 40  # moments; all are in --json


def show_sources(console: "Console", sources: Sources) -> None:
    """Each source with its models and apps."""
    if not sources.sources and not sources.unread:
        where = safe(sources.asked_of, 300) or "here"
        console.print(Text(f"Nothing was run {where} yet. Type: migrate list"), soft_wrap=True)
    for number, state in enumerate(sources.sources):
        if number:
            console.print()
        _show_source(console, state)
    if len(sources.sources) > 1 and (bill := billed(*sources.sources)):
        console.print(Text(f"\nAll sources: {bill}", style="bold"))
    for unread in sources.unread:
        if sources.sources:
            console.print()
        console.print(Text(safe(unread.what, 1000), style="red"), soft_wrap=True)
        console.print(Text.assemble(("Next  ", "bold"), safe(unread.next_step, 1000)), soft_wrap=True)
    if sources.elsewhere:
        text = f"Not shown, because another was named: {safe(sources.elsewhere, 1000)}."
        console.print(Text(text, style="dim"), soft_wrap=True)


def billed(*states: SourceState) -> str:
    """What exists of some sources, in a sentence; empty where nothing does, or might."""
    apps = [app for state in states for app in state.apps if app.exists]
    if not apps:
        return ""
    one = len(apps) == 1
    what = f"{count(len(apps), 'app')} with {count(sum(app.cpu * max(1, app.replicas) for app in apps), 'CPU')} in all"
    known = "" if all(app.state for app in apps) else ", by what is known here,"
    text = (
        f"{what}{known} {'exists and is' if one else 'exist and are'} billed while {'it runs' if one else 'they run'}."
    )
    unsized = sum(not app.cpu for app in apps)
    return text + (f" The size of {count(unsized, 'app')} is not known." if unsized else "")


def _show_source(console: "Console", state: SourceState) -> None:
    console.print(Text(safe(state.source, 200), style="bold"))
    console.print(Text(f"project {safe(state.project)}, last: {safe(state.last)}", style="dim"), soft_wrap=True)
    apps = {model: app for app in state.apps for model in app.models}
    for outcome in state.models:
        _show_model(console, outcome, apps.get(outcome.model))
    for name in state.unknown:
        console.print(Text(f"? {safe(name, 60)}  not run yet"))
    if state.models:
        console.print(Text(tally(state.models), style="bold"))
    if bill := billed(state):
        console.print(bill)
    for text in state.left:
        console.print(Text(f"also there: {safe(text, 200)}", style="dim"))
    if state.problem:
        console.print(Text(f"AI Deploy could not be asked: {safe(state.problem, 300)}", style="yellow"))


def _show_model(console: "Console", outcome: Outcome, app: AppState | None) -> None:
    line = Text.assemble(
        (f"{MARKS[outcome.outcome]} ", STYLES[outcome.outcome]),
        (f"{safe(outcome.model, 60):<26} ", "bold"),
        (f"{verdict(outcome):<10} ", STYLES[outcome.outcome]),
    )
    parts = []
    if outcome.proof is not None:
        parts.append(f"proof {PROOFS[outcome.proof]}, worst difference {difference(outcome.worst_difference)}")
    if outcome.outcome not in {"done", "skipped"} and outcome.reason:
        parts.append(outcome.reason)
    if app is not None:
        parts.append(f"app {app.state or 'made'}")
    line.append(", ".join(parts))
    console.print(line)
    if app is not None and outcome.outcome == "needs-you" and outcome.reason in {"app-gone", "app-stopped"}:
        console.print(Text(f"    {safe(outcome.text, 400)} {whole(outcome.task)}"), soft_wrap=True)
    if outcome.new_url:
        console.print(Text(f"    {safe(outcome.new_url, 400)}"), soft_wrap=True)


def _moment(moment: Moment) -> str:
    run = f"run {moment.run}" if moment.run is not None else ""
    query = f"query id {moment.query_id}" if moment.query_id else ""
    return "  ".join(part for part in (moment.at, run, moment.step, moment.text, query) if part)


def _facts(story: Story) -> dict[str, str]:
    facts = {"source": story.source, "files": story.files, "old": story.old_url or "unknown"}
    outcome = story.outcome
    if outcome is not None:
        facts["outcome"] = f"{verdict(outcome)} {outcome.reason}".strip()
        if story.whose is not None:
            facts["whose"] = CAUSES[story.whose]
        if outcome.step:
            facts["step"] = outcome.step
        if outcome.text:
            facts["reason"] = outcome.text
        if outcome.new_url:
            facts["new"] = outcome.new_url
        if outcome.proof:
            facts["proof"] = f"{PROOFS[outcome.proof]}, worst difference {difference(outcome.worst_difference)}"
    return facts


def show_story(console: "Console", story: Story) -> None:
    """The story of a model, from its files to the next step."""
    console.print(Text(safe(story.model, 200), style="bold"))
    show_facts(console, _facts(story))
    if story.steps:
        console.print()
        show_rows(console, ("Step", "When", "What"), [(step.step, step.at, step.text) for step in story.steps])
    happened = tuple(_moment(moment) for moment in story.timeline[-_SHOWN:])
    for title, lines in (("Evidence", story.evidence), ("Timeline", happened), ("Made outside", story.effects)):
        if lines:
            console.print(Text(f"\n{title}", style="bold"))
            for line in lines:
                console.print(Text(f"  {safe(line, 1000)}"), soft_wrap=True)
    for query_id in story.query_ids:
        console.print(f"For OVHcloud's support: query id {safe(query_id)}")
    if story.next_step:
        console.print(Text.assemble(("\nNext  ", "bold"), whole(story.next_step)), soft_wrap=True)

"""The state of sources, and the story of a model."""

from typing import TYPE_CHECKING

from rich.text import Text

from migrate.console.tables import show_facts, show_rows
from migrate.console.words import MARKS, PROOFS, STYLES, VERDICTS, count, difference, safe, tally, whole
from migrate.core.looking import AppState, Sources, SourceState, Story
from migrate.core.values import Outcome

if TYPE_CHECKING:
    from rich.console import Console


def show_sources(console: "Console", sources: Sources) -> None:
    """Each source with its models and apps."""
    if not sources.sources and not sources.unread:
        console.print("Nothing was run here yet. Type: migrate list")
    for number, state in enumerate(sources.sources):
        if number:
            console.print()
        _show_source(console, state)
    for unread in sources.unread:
        if sources.sources:
            console.print()
        console.print(Text(safe(unread.what, 1000), style="red"), soft_wrap=True)
        console.print(Text.assemble(("Next  ", "bold"), safe(unread.next_step, 1000)), soft_wrap=True)


def _show_source(console: "Console", state: SourceState) -> None:
    console.print(Text(safe(state.source, 200), style="bold"))
    console.print(Text(f"project {safe(state.project)}, last: {safe(state.last)}", style="dim"))
    apps = {model: app for app in state.apps for model in app.models}
    for outcome in state.models:
        _show_model(console, outcome, apps.get(outcome.model))
    for name in state.unknown:
        console.print(Text(f"? {safe(name, 60)}  not run yet"))
    if state.models:
        console.print(Text(tally(state.models), style="bold"))
    if state.apps:
        cpus = sum(app.cpu * max(1, app.replicas) for app in state.apps)
        what = f"{count(len(state.apps), 'app')} with {count(cpus, 'CPU')} in all"
        console.print(f"{what} exist and are billed while they run.")
    for text in state.left:
        console.print(Text(f"also there: {safe(text, 200)}", style="dim"))
    if state.problem:
        console.print(Text(f"AI Deploy could not be asked: {safe(state.problem, 300)}", style="yellow"))


def _show_model(console: "Console", outcome: Outcome, app: AppState | None) -> None:
    line = Text.assemble(
        (f"{MARKS[outcome.outcome]} ", STYLES[outcome.outcome]),
        (f"{safe(outcome.model, 60):<26} ", "bold"),
        (f"{VERDICTS[outcome.outcome]:<10} ", STYLES[outcome.outcome]),
    )
    if outcome.proof is not None:
        line.append(f"proof {PROOFS[outcome.proof]}, worst difference {difference(outcome.worst_difference)}")
    if outcome.outcome != "done" and outcome.reason:
        line.append(outcome.reason)
    if app is not None and app.state is not None:
        line.append(f", app {app.state}")
    console.print(line)
    if outcome.new_url:
        console.print(Text(f"    {safe(outcome.new_url, 400)}"), soft_wrap=True)


def show_story(console: "Console", story: Story) -> None:
    """The story of a model, from its files to the next step."""
    console.print(Text(safe(story.model, 200), style="bold"))
    facts = {"source": story.source, "files": story.files, "old": story.old_url or "unknown"}
    outcome = story.outcome
    if outcome is not None:
        facts["outcome"] = f"{VERDICTS[outcome.outcome]} {outcome.reason}".strip()
        if outcome.text:
            facts["reason"] = outcome.text
        if outcome.new_url:
            facts["new"] = outcome.new_url
        if outcome.proof:
            facts["proof"] = f"{PROOFS[outcome.proof]}, worst difference {difference(outcome.worst_difference)}"
    show_facts(console, facts)
    if story.steps:
        console.print()
        show_rows(console, ("Step", "When", "What"), [(step.step, step.at, step.text) for step in story.steps])
    for title, lines in (("Evidence", story.evidence), ("Events", story.events), ("Made outside", story.effects)):
        if lines:
            console.print(Text(f"\n{title}", style="bold"))
            for line in lines:
                console.print(Text(f"  {safe(line, 1000)}"), soft_wrap=True)
    for query_id in story.query_ids:
        console.print(f"For OVHcloud's support: query id {safe(query_id)}")
    if story.next_step:
        console.print(Text.assemble(("\nNext  ", "bold"), whole(story.next_step)), soft_wrap=True)

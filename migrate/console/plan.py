"""What a run is about to do: before the question, and for ``--dry-run``."""

from typing import TYPE_CHECKING, Final

from rich.text import Text

from migrate.console.tables import show_rows
from migrate.console.words import count, safe, said, verdict
from migrate.core.plan import Plan, PlannedApp
from migrate.core.planfile.money import in_words

if TYPE_CHECKING:
    from rich.console import Console

_SHOWN: Final = 10  # models in a question

_ACTIONS: Final = {
    "create": "make an app",
    "replace": "replace the model in its app",
    "resize": "give its app other CPUs",
    "continue": "go on with its app",
    "another-run": "left: an app of another run",
}
_AFTER: Final = {"replace": "those of another model", "resize": "the same answers with other CPUs"}


def show_plan(console: "Console", plan: Plan) -> None:
    """Draws a plan."""
    where = f"{safe(plan.source, 200)} → AI Deploy {plan.region}, project {safe(plan.project)}"
    console.print(Text(where, style="bold"))
    rows = [
        (", ".join(app.models), _ACTIONS[app.action], f"{app.cpu} x {app.flavor}", _replicas(app)) for app in plan.apps
    ]
    if rows:
        show_rows(console, ("Model", "What", "CPUs", "Replicas"), rows)
    notes: dict[str, list[str]] = {}  # the same note of several apps is told once
    for app in plan.apps:
        for note in app.notes:
            notes.setdefault(note, []).append(", ".join(app.models))
    for note, names in notes.items():
        console.print(Text(f"  {_named(names)}: {safe(note, 400)}", style="yellow"))
    done = [outcome for outcome in plan.settled if outcome.outcome == "done"]
    for outcome in plan.settled:
        if outcome.outcome != "done":
            line = f"{verdict(outcome)}: {safe(outcome.text, 400)}"
            console.print(Text(f"  {safe(outcome.model, 60)}: {line}", style="yellow"))
            for note in said(outcome):
                console.print(Text(f"    {safe(note, 400)}", style="yellow"))
    if done:
        console.print(f"Nothing is left to do for {len(done)} of the models.")
    if plan.ignored:
        console.print(f"{plan.ignored} other files are ignored; `migrate list` shows them.")
    if plan.created:
        console.print(_costs(plan))
    if not plan.authorized:
        console.print("AI Deploy is not yet authorized in this project.")


def replace_sentence(plan: Plan) -> str:
    """The question about apps that answer now."""
    apps = count(len(plan.replaced), "app")
    then = [
        f"then {what}: {_named(models)}"
        for action, what in _AFTER.items()
        if (models := [model for app in plan.replaced if app.action == action for model in app.models])
    ]
    question = "Replace" if any(app.action == "replace" for app in plan.replaced) else "Restart"
    return (
        f"{apps} that answer{'s' if len(plan.replaced) == 1 else ''} now will give no answers for about a minute, "
        f"{'; '.join(then)}. {question}?"
    )


def plan_sentence(plan: Plan) -> str:
    """The question: models, apps, CPUs, replicas, quota, billing."""
    return f"{_costs(plan)} {plan_question(plan)}"


def plan_question(plan: Plan) -> str:
    """The question alone, under a plan that was shown."""
    models = count(sum(len(app.models) for app in plan.created), "model")
    return f"Move {models} to {count(len(plan.created), 'new app')}?"


def _named(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(safe(name, 60) for name in names[:_SHOWN]) + more


def _costs(plan: Plan) -> str:
    least = sum(app.cpu * app.replicas_min for app in plan.created)
    most = sum(app.cpu * app.replicas_max for app in plan.created)
    replicas = sum(app.replicas_min for app in plan.created)
    upper = f" (up to {most} when they scale)" if most > least else ""
    text = (
        f"{count(least, 'CPU')}{upper} in {count(replicas, 'replica')}, "
        "billed by the minute once they run, also without calls."
    )
    if plan.month is not None:
        cost = in_words(plan.month) if plan.month.least is not None else "a sum that is unknown"
        text += f" A month costs {cost} (prices of {plan.prices_of}, check them)."
    if plan.cpu_quota is not None:
        left = plan.cpu_quota - (plan.cpu_used or 0)
        text += f" The project's quota has {left} of {plan.cpu_quota} CPUs left"
        text += "." if left >= least else ", which is not enough."
    return text


def _replicas(app: PlannedApp) -> str:
    if app.replicas_min == app.replicas_max:
        return str(app.replicas_min)
    return f"{app.replicas_min} to {app.replicas_max}"

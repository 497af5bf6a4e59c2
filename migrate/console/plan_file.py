"""A plan file on the screen: the models, the apps, what people have to do, and what it costs."""

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from migrate.console.tables import show_rows
from migrate.console.words import count, duration, safe, size, whole
from migrate.core.planfile.content import Month, PlanContent, PlanFile, PlannedApp, PlannedModel, PricesUsed
from migrate.core.planfile.money import in_words
from migrate.core.values import AutomaticScaling

if TYPE_CHECKING:
    from rich.console import Console

_NAMED: Final = 6  # models in one sentence
_TENSORS: Final = 4
_TWICE: Final = 2  # replicas: one answers while the other one's machine fails

VERDICTS: Final = {
    "ready": "ready",
    "needs-attention": "needs attention",
    "quarantined": "quarantined",
    "unsupported": "unsupported",
    "unreadable": "unreadable",
    "not-yet-known": "not yet known",
}
STYLES: Final = {"ready": "green", "not-yet-known": "cyan"}


def show_plan_file(console: "Console", file: PlanFile, *, apply: str = "") -> None:
    """Draws a plan.

    Args:
        console: Where.
        file: The plan.
        apply: The command that applies it, where it was written.
    """
    plan = file.plan
    source = f"{plan.source.kind} {plan.source.name}".strip()
    where = f"{safe(source, 200)} → AI Deploy {plan.decisions.region}, project {plan.project}"
    console.print(Text(where, style="bold"))
    console.print()
    for model in plan.models:
        _show_model(console, file, model)
    if plan.apps:
        console.print()
        show_rows(console, ("App", "Models", "CPUs", "Replicas", "Token", "EUR a month"), list(map(_row, plan.apps)))
        notes: dict[str, list[str]] = {}  # the same note of several apps is told once
        for app in plan.apps:
            for note in (*app.notes, *memory_of(file, app)):
                notes.setdefault(note, []).append(app.name)
        for note, names in notes.items():
            console.print(Text(f"  {named(tuple(names))}: {safe(note, 600)}", style="yellow"))
        console.print(Text(f"Layout: {plan.layout.chosen}. {safe(plan.layout.why, 800)}."))
    _show_tasks(console, plan)
    _show_sums(console, file, apply)


def verdicts(plan: PlanContent) -> str:
    """Such as ``4 ready, 1 unreadable``."""
    return ", ".join(f"{tally.models} {VERDICTS[tally.verdict]}" for tally in plan.summary.verdicts)


def replicas(app: PlannedApp) -> str:
    """Such as ``2``, or ``1 to 3 at 75 % CPU``."""
    if isinstance(app.scaling, AutomaticScaling):
        scaling = app.scaling
        metric = f"{scaling.average_usage_target} % {scaling.resource}"
        return f"{scaling.replicas_min} to {scaling.replicas_max} at {metric}"
    return str(app.scaling.replicas)


def prices_in_words(prices: PricesUsed) -> str:
    """Whose prices they are, and what is assumed."""
    whose = "Your prices" if prices.origin == "yours" else "Prices"
    unknown = [price.flavor for price in prices.flavors if price.hour is None]
    known = [f"{price.flavor} {price.hour} EUR an hour" for price in prices.flavors if price.hour is not None]
    sources = sorted({price.source for price in prices.flavors if price.source and price.hour is not None})
    told = f"{', '.join(known) or 'none is known'}" + (f" ({'; '.join(sources)})" if sources else "")
    parts = [f"{whose} of {prices.date}, check them: {told}"]
    parts += [f"unknown: {', '.join(unknown)}"] if unknown else []
    assumed = (
        f"A month has {prices.hours} hours, each replica runs all the time, and a started minute counts as a whole one."
    )
    return f"{'; '.join(parts)}. {assumed} Registry and object storage are billed apart."


def memory_of(file: PlanFile, app: PlannedApp) -> tuple[str, ...]:
    """What the models of a shared app take of the memory of a replica, in a sentence."""
    taken = next((one for one in file.forecast.apps if one.name == app.name), None)
    flavor = next((one for one in file.plan.flavors if one.id == app.flavor), None)
    if not app.packed or taken is None or taken.memory is None or flavor is None:
        return ()
    how = "as rehearsals measured it" if taken.measured else "by a forecast"
    return (f"Its models take about {size(taken.memory)} of the {size(flavor.memory * app.cpu)} of a replica, {how}.",)


def available_twice(plan: PlanContent) -> str:
    """What high availability costs; empty where every app has two replicas already."""
    if all(app.replicas[0] >= _TWICE for app in plan.apps):
        return ""
    cpus = sum(app.cpu * _TWICE for app in plan.apps)
    costs = f"cost {in_words(plan.summary.twice)} a month"
    if plan.summary.twice.least is None:
        costs = f"have {count(cpus, 'CPU')} all the time, and what that costs is unknown"
    return f"High availability is a choice: with --replicas {_TWICE} the apps {costs}."


def named(models: tuple[str, ...]) -> str:
    """Some of the models, and how many more."""
    more = f" and {len(models) - _NAMED} more" if len(models) > _NAMED else ""
    return ", ".join(safe(name, 60) for name in models[:_NAMED]) + more


def read_of(file: PlanFile, model: PlannedModel) -> str:
    """How much of a model was read to say what it is."""
    held = sum(item.size or 0 for item in model.objects)
    read = next((one.read for one in file.forecast.models if one.id == model.id), 0)
    return f"{size(read)} of {size(held)} read"


def seconds_of(file: PlanFile) -> dict[str, float]:
    """How long each model takes, by id; only those for which something is left to do."""
    return {one.id: one.seconds for one in file.forecast.models if one.left}


def _show_model(console: "Console", file: PlanFile, model: PlannedModel) -> None:
    plan = file.plan
    style = STYLES.get(model.verdict, "yellow")
    line = Text.assemble(
        (f"{safe(model.id, 60):<24} ", "bold"),
        (f"{VERDICTS[model.verdict]:<16}", style),
        f"{safe(model.format, 80)}",
    )
    console.print(line)
    image = next((one.image for one in plan.runtimes if one.name == model.runtime), None)
    weighs = f"{size(image)} over the base image" if image is not None else "of unknown size, as it was not measured"
    parts = [f"{count(len(model.objects), 'file')}, {read_of(file, model)}"]
    parts += [f"runtime {model.runtime} ({weighs})"] * bool(model.runtime)
    if seconds := seconds_of(file).get(model.id, 0.0):
        parts.append(f"about {duration(seconds)} to move")
    parts += [f"was {model.was}"] * bool(model.was)
    console.print(Text(f"    {safe('; '.join(parts), 400)}", style="dim"))
    if model.signature:
        shown = [f"{tensor.name}: {tensor.form}" for tensor in model.signature[:_TENSORS]]
        more = [f"and {len(model.signature) - _TENSORS} more"] if len(model.signature) > _TENSORS else []
        console.print(Text(f"    {safe('; '.join(shown + more), 400)}", style="dim"))
    if model.text:
        console.print(Text(f"    {safe(model.text, 600)}", style=style))
    for note in model.notes[:_TENSORS]:
        console.print(Text(f"    {safe(note, 400)}", style="yellow"))


def _row(app: PlannedApp) -> tuple[str, ...]:
    cpus, asleep = f"{app.cpu} x {app.flavor}", app.replicas[0] == 0 and app.cold_start is not None
    return (
        safe(app.name, 24),
        named(app.models),
        cpus,
        replicas(app) + (f", cold start {app.cold_start:g} s after its container" if asleep else ""),
        app.access,
        in_words(app.month).removesuffix(" EUR"),
    )


def _show_tasks(console: "Console", plan: PlanContent) -> None:
    if not plan.tasks:
        return
    console.print()
    console.print(Text("For people to do", style="bold"))
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for task in plan.tasks:
        text = Text.assemble((task.owner, "bold"), f" ({named(task.models)}): " if task.models else ": ")
        table.add_row(f"{task.number}.", text.append(whole(task.text)))
    console.print(table)


def _show_sums(console: "Console", file: PlanFile, apply: str) -> None:
    plan, summary = file.plan, file.plan.summary
    console.print()
    console.print(Text(f"{count(len(plan.models), 'model')}: {verdicts(plan)}", style="bold"))
    cost = f"{count(summary.apps, 'app')} with {count(summary.cpus, 'CPU')} all the time: {month(summary.month)}"
    console.print(f"{cost}; before: {month(summary.before)}.")
    console.print(prices_in_words(plan.prices), soft_wrap=True)
    if text := available_twice(plan):
        console.print(text)
    left = len(file.left)
    if left:
        about = f"{duration(file.forecast.seconds)} ({safe(file.forecast.basis, 200)})"
        console.print(f"To move {count(left, 'model')} takes about {about}.")
    else:
        console.print("Nothing was left to do when it was made.")
    console.print(f"Digest  {file.digest}", soft_wrap=True)
    if apply:
        console.print(Text(f"Apply   {whole(apply)}"), soft_wrap=True)


def month(cost: Month) -> str:
    """A cost with its unit of time."""
    words = in_words(cost)
    return words if words == "unknown" else f"{words} a month"

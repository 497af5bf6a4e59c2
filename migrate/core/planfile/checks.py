"""What the types of a plan file cannot say: that its parts agree with each other, and its sums with their parts."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from itertools import pairwise
from typing import Final

from msgspec import Struct

from migrate.core.addresses import read_registry
from migrate.core.errors import UsageError
from migrate.core.planfile import money
from migrate.core.planfile.content import (
    Before,
    Decisions,
    ManualTask,
    ModelForecast,
    PlanContent,
    PlanFile,
    PlannedApp,
    PlannedModel,
    PlannedObject,
    Tensor,
)
from migrate.core.sizing import MOST_REPLICAS, Sizing
from migrate.core.values import AutomaticScaling

# Names from outside, which may hold any character; they are escaped wherever they are shown.
_NAMES: Final = frozenset(
    {
        (PlannedObject, "name"),
        (PlannedModel, "id"),
        (Tensor, "name"),
        (PlannedApp, "models"),
        (PlannedApp, "selection"),
        (ManualTask, "models"),
        (Decisions, "models"),
        (Before, "models"),
        (ModelForecast, "id"),
    }
)


def contradiction(file: PlanFile) -> str:
    """Why the plan cannot be meant, as the end of a sentence; empty where nothing speaks against it."""
    return next((reason for reason in _contradictions(file) if reason), "")


def _contradictions(file: PlanFile) -> Iterator[str]:
    plan = file.plan
    if not all(text.isprintable() for text in _texts(file)):
        yield "a text in it holds characters that a terminal would obey or hide"
    yield _twice("model", (model.id for model in plan.models))
    yield _twice("app", (app.name for app in plan.apps))
    yield _twice("model with an app", (name for app in plan.apps for name in app.models))
    yield _unordered("objects", *(tuple(item.name for item in model.objects) for model in plan.models))
    yield _unordered("flavors", tuple(flavor.id for flavor in plan.flavors))
    yield _unordered("prices", tuple(price.flavor for price in plan.prices.flavors))
    yield _unordered("runtimes", tuple(runtime.name for runtime in plan.runtimes))
    yield _of_decisions(plan)
    models = {model.id: model for model in plan.models}
    yield from (_of_app(plan, app, models) for app in plan.apps)
    for model in plan.models:
        if model.runtime and model.runtime not in {one.name for one in plan.runtimes}:
            yield "the runtime of a model is not in the plan"
    if [task.number for task in plan.tasks] != [*range(1, len(plan.tasks) + 1)]:
        yield "its tasks are not numbered one by one"
    if any(name not in models for task in plan.tasks for name in task.models):
        yield "a task is about a model that is not in the plan"
    if plan.summary != money.summary_of(plan.models, plan.apps, plan.prices):
        yield "its sums are not those of its parts"
    if [model.id for model in file.forecast.models] != [*models]:
        yield "its forecast is about other models"
    if [app.name for app in file.forecast.apps] != [app.name for app in plan.apps]:
        yield "its forecast is about other apps"


def _of_decisions(plan: PlanContent) -> str:
    chosen = plan.decisions
    sizing = Sizing(replicas=chosen.replicas, cpus=chosen.cpus, scale_min=chosen.scale_min, scale_max=chosen.scale_max)
    try:
        sizing.check()
    except UsageError as error:
        return error.what.removesuffix(".")
    if chosen.registry is not None and str(read_registry(chosen.registry) or "") != chosen.registry:
        return "its registry is no address of one"
    unlisted = set(chosen.models) - {model.id for model in plan.models}
    return "it chooses a model that it does not list" if unlisted else ""


def _of_app(plan: PlanContent, app: PlannedApp, models: dict[str, PlannedModel]) -> str:
    least, most = app.replicas
    wrong = {
        "an app serves a model that is not in the plan": not set(app.models) <= models.keys(),
        "an app that is not packed serves several models": not app.packed and len(app.models) > 1,
        "the replicas of an app are none, too many or the wrong way round": not 0 <= least <= most <= MOST_REPLICAS
        or most == 0,
        "a fixed number of replicas is 0": least == 0 and not isinstance(app.scaling, AutomaticScaling),
        "an app scales at a use outside 1 to 100 %": isinstance(app.scaling, AutomaticScaling)
        and not 1 <= app.scaling.average_usage_target <= 100,
        "an app is in another region than was chosen": app.region != plan.decisions.region,
        "the flavor of an app is not in the plan": app.flavor not in {one.id for one in plan.flavors},
        "an app has more CPUs than its flavor gives": any(
            app.cpu > one.most for one in plan.flavors if one.id == app.flavor
        ),
        "an app is named by a model that is not in the plan": not set(app.selection) <= models.keys(),
        "the cost of an app is not that of its size": app.month
        != money.month_of(plan.prices, app.flavor, app.cpu, app.replicas),
    }
    for reason, is_so in wrong.items():
        if is_so:
            return reason
    refused = [name for name in app.models if models[name].verdict not in {"ready", "not-yet-known"}]
    return "an app serves a model whose files are refused" if refused else ""


def _twice(what: str, names: Iterable[Hashable]) -> str:
    return f"a {what} stands in it twice" if any(count > 1 for count in Counter(names).values()) else ""


def _unordered(what: str, *lists: tuple[str, ...]) -> str:
    bad = any(first >= second for names in lists for first, second in pairwise(names))
    return f"its {what} are not in their order, each once" if bad else ""


def _texts(value: object) -> Iterator[str]:
    """Every text in a plan but the names from outside."""
    match value:
        case str():
            yield value
        case tuple():
            for one in value:
                yield from _texts(one)
        case Struct():
            for field in value.__struct_fields__:
                if (type(value), field) not in _NAMES:
                    yield from _texts(getattr(value, field))
        case _:
            pass

"""What cannot be carried over exactly is told to whoever has to see to it, once."""

from typing import Any

from migrate.core.planfile.content import ManualTask, PlannedApp
from migrate.core.values import AutomaticScaling, Autoscaling, ModelRecord, OldToken
from migrate.migration.plan.tasks import manual_tasks
from tests.core.planfile.samples import app, model


def record(name: str, **more: Any) -> ModelRecord:
    return ModelRecord(id=name, source="ns", namespace="ns", **more)


def tasks(*records: ModelRecord, apps: tuple[PlannedApp, ...] | None = None) -> tuple[ManualTask, ...]:
    made = tuple(app(one.id) for one in records) if apps is None else apps
    return manual_tasks(records, {one.id: model(one.id) for one in records}, made)


def about(found: tuple[ManualTask, ...], words: str) -> ManualTask:
    (one,) = (task for task in found if words in task.text)
    return one


def test_they_are_numbered_and_the_same_one_about_several_models_stands_once() -> None:
    spec = Autoscaling(min_replicas=1, max_replicas=3, cpu_average_utilization=60, memory_average_utilization=80)
    found = tasks(record("a", autoscaling=spec), record("b", autoscaling=spec), record("c"))
    assert [task.number for task in found] == list(range(1, len(found) + 1))
    both = about(found, "by CPU (60 %) and memory (80 %)")
    assert (both.owner, both.models) == ("project administrator", ("a", "b"))


def test_a_token_with_a_wildcard_becomes_a_label() -> None:
    every = OldToken(id="t1", groups=("model-evaluation",), resource="*")
    some = OldToken(id="t2", groups=("model-management",), resource="ir*")
    found = tasks(record("iris", tokens=(every, some)), record("x", tokens=(every,)))
    whole = about(found, "t1 opened every model")
    assert whole.models == ("iris", "x")
    assert "--role read --label-selector mls-namespace=ns" in whole.text
    part = about(found, "begins with 'ir'")
    assert part.models == ("iris",)
    assert "--role operator" in part.text


def test_a_token_of_one_model_needs_no_task_but_one_that_manages_does() -> None:
    plain = OldToken(id="t1", groups=("model-evaluation",), resource="a")
    manages = OldToken(id="t2", groups=("model-management", "model-evaluation"), resource="a")
    found = tasks(record("a", tokens=(plain, manages)))
    assert not [task for task in found if "t1" in task.text]
    assert "ovh/id=" in about(found, "t2 could change the model").text


def test_a_model_that_slept_is_told_with_its_cold_start() -> None:
    zero = AutomaticScaling(replicas_min=0, replicas_max=2, resource="CPU", average_usage_target=75)
    asleep = record("a", api_status="sleeping")
    task = about(tasks(asleep, apps=(app("a", scaling=zero),)), "scales to zero. The first call")
    assert task.owner == "client developer"
    assert "0.49 s from the start of its container" in task.text
    awake = about(tasks(asleep), "is billed all the time")
    assert awake.owner == "project administrator"
    assert "--scale-min 0" in awake.text
    shared = app("p", models=("a", "b"), packed=True)
    assert not [one for one in tasks(asleep, record("b"), apps=(shared,)) if "slept" in one.text]


def test_a_model_without_an_app_has_its_own_task_and_no_other() -> None:
    spec = Autoscaling(cpu_average_utilization=60, memory_average_utilization=80)
    bad = model("a", verdict="unsupported", text="It cannot be served.", task="Convert it.", runtime="")
    (task,) = manual_tasks((record("a", autoscaling=spec),), {"a": bad}, ())
    assert (task.owner, task.text) == ("model owner", "It cannot be served. Convert it.")


def test_the_names_in_a_task_are_fit_for_a_terminal() -> None:
    token = OldToken(id="t\x1b[31m", groups=(), resource="\u202e*")
    found = tasks(record("\u202ea", tokens=(token,)))
    assert all(task.text.isprintable() for task in found)

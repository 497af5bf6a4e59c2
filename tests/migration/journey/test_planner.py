"""What a plan says of models that share an app: one app a runtime, as the run will make them."""

from pathlib import Path

from msgspec.structs import replace

from migrate.apps import deploy as platform
from migrate.core.values import Inspection
from migrate.migration.journey.models import Group
from migrate.migration.journey.planner import make_plan
from migrate.migration.run.units import Unit, packed_id
from migrate.ovhcloud.projects import authorize
from migrate.ovhcloud.session import Cloud
from tests.migration.runs import IMAGE, record, run_of


def found(runtime: str | None) -> Inspection:
    return Inspection(format="f", runtime=runtime, verdict="ready" if runtime else "needs-attention")


def test_packed_models_are_planned_as_one_app_a_runtime(cloud: Cloud, tmp_path: Path) -> None:
    group = Group(tuple(map(record, ("iris", "urgency", "titanic", "odd"))), packed=True)
    with run_of(cloud, tmp_path) as (run, _):
        (whole,) = make_plan(run, (group,), (), {}).apps
        assert whole.models == ("iris", "urgency", "titanic", "odd")
        assert any("each runtime" in note for note in whole.notes)

        run.found |= {"iris": found("onnx"), "titanic": found("onnx"), "urgency": found("pmml"), "odd": found(None)}
        onnx, pmml = make_plan(run, (group,), (), {}).apps
        assert (onnx.models, pmml.models) == (("iris", "titanic", "odd"), ("urgency",))
        assert (onnx.action, pmml.action) == ("create", "create")

        run.options = replace(run.options, slim=True)
        assert len(make_plan(run, (group,), (), {}).apps) == 1, "a conversion makes another runtime of them"


def test_a_packed_app_of_any_runtime_is_known_again(cloud: Cloud, tmp_path: Path) -> None:
    authorize(cloud)
    group = Group((record("urgency"),), packed=True)
    with run_of(cloud, tmp_path) as (run, _):
        run.found["urgency"] = found("pmml")
        unit = Unit(id=packed_id("pmml", ()), records=group.records, packed=True)
        platform.create(cloud, run.plan(unit, "sha256:0"), IMAGE)
        (planned,) = make_plan(run, (group,), (), {}).apps
        assert planned.action == "continue"


def test_an_app_that_answers_and_has_other_cpus_than_were_typed_is_asked_about(cloud: Cloud, tmp_path: Path) -> None:
    authorize(cloud)
    group = Group((record("iris"),), packed=False)
    with run_of(cloud, tmp_path, cpus=1) as (run, _):
        made = platform.create(cloud, run.plan(group.unit("onnx"), "sha256:0"), IMAGE)
        run.apps()[made.id] = replace(made, state="RUNNING")
        actions = []
        for cpus in (None, 1, 2):
            run.options = replace(run.options, cpus=cpus)
            (planned,) = make_plan(run, (group,), (), {}).apps
            actions.append(planned.action)
        assert actions == ["continue", "continue", "resize"]
        assert f"its app {made.id} gets 2 CPUs, for which it is stopped and started again" in planned.notes
        assert any("no answers for about a minute" in note for note in planned.notes)


def test_an_app_that_another_machine_made_is_not_asked_about_but_where_it_is_taken_over(
    cloud: Cloud, tmp_path: Path
) -> None:
    authorize(cloud)
    group = Group((record("iris"),), packed=False)
    unit = group.unit("onnx")
    with run_of(cloud, tmp_path, journal_name="other.sqlite") as (run, _):
        theirs = platform.create(cloud, run.plan(unit, "sha256:0"), IMAGE)
    with run_of(cloud, tmp_path, cpus=2) as (run, _):
        effect = run.journal.effects.intend("app", unit.subject, {"shared": True}, unit=unit.subject)
        run.journal.effects.done(effect, theirs.id)
        run.apps()[theirs.id] = replace(theirs, state="RUNNING")
        actions = []
        for adopt in (False, True):
            run.options = replace(run.options, adopt=adopt)
            (planned,) = make_plan(run, (group,), (), {}).apps
            actions.append(planned.action)
        assert actions == ["continue", "resize"]

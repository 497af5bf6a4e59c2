"""A plan that is made on one machine and applied on another: the apps in it, and nothing is left to do."""

import pytest

from migrate.core.names import MODEL_LABEL, TICKET_LABEL
from tests.e2e.harness import GOOD, NAMESPACE, Sandbox, Tool


@pytest.mark.slow
def test_a_plan_is_applied_and_nothing_is_left_to_do(tool: Tool, sandbox: Sandbox) -> None:
    file, here = tool.workspace.parent / "plan.json", Tool(sandbox, tool.workspace.parent / "here")
    words = (NAMESPACE, "--layout", "cheapest", "--out", str(file), "--detailed-exitcode", "--json")
    planned = here("plan", *words)
    assert planned.code == 10, planned.err
    digest = planned.result["data"]["digest"]
    (app,) = planned.result["data"]["plan"]["apps"]

    apply = ("apply", str(file), "--expect", digest, "--ticket", "CHG7", "--yes", "--authorize", "--json")
    applied = tool(*apply)
    assert applied.code == 4, applied.err + applied.out  # one model is broken, and the plan has no app for it
    assert {name: outcome["outcome"] for name, outcome in applied.outcomes.items()} == {
        **dict.fromkeys(GOOD, "done"),
        "broken": "needs-you",
    }
    assert applied.outcomes["broken"]["reason"] == "not-planned"
    (made,) = sandbox.left()["apps"]
    spec = made["spec"]
    assert (spec["resources"]["cpu"], spec["resources"]["flavor"]) == (app["cpu"], app["flavor"])
    automatic = spec["scalingStrategy"]["automatic"]
    assert (automatic["replicasMin"], automatic["replicasMax"]) == (
        app["scaling"]["replicas_min"],
        app["scaling"]["replicas_max"],
    )
    assert (spec["labels"][MODEL_LABEL], spec["labels"][TICKET_LABEL]) == (app["name"], "CHG7")

    before = len(sandbox.log())
    again = tool(*apply)
    assert again.code == 4, again.err
    assert [outcome["outcome"] for name, outcome in again.outcomes.items() if name in GOOD] == ["done"] * len(GOOD)
    assert sandbox.count("POST", "/ai/app", since=before) == 0
    last = tool("plan", *words)
    assert last.code == 0, last.err
    assert last.result["data"]["digest"] == digest
    assert not any(model["left"] for model in last.result["data"]["forecast"]["models"])
    assert "earlier runs of this machine" in last.result["data"]["forecast"]["basis"]
    assert tool("undo", NAMESPACE, "--yes", "--json").code == 0
    assert sandbox.left()["apps"] == []


@pytest.mark.slow
def test_after_a_run_nothing_is_left_to_plan_and_a_plan_changes_only_what_it_says(tool: Tool, sandbox: Sandbox) -> None:
    ran = tool.run(NAMESPACE, "--model", "iris", "--model", "housing")
    assert ran.code == 0, ran.err
    words = (NAMESPACE, "--model", "iris", "--model", "housing", "--detailed-exitcode", "--json")
    same = tool("plan", *words)
    assert same.code == 0, "a plan that asks for what the run made has nothing to do"

    file = tool.workspace.parent / "plan.json"
    assert tool("plan", *words, "--replicas", "2", "--out", str(file)).code == 10
    before = len(sandbox.log())
    applied = tool("apply", str(file), "--ticket", "CHG8", "--yes", "--json")
    assert applied.code == 0, applied.err + applied.out
    assert sandbox.count("POST", "/ai/app", since=before) == 0
    made = {app["spec"]["name"]: app["spec"] for app in sandbox.left()["apps"]}
    assert {name: spec["scalingStrategy"]["fixed"]["replicas"] for name, spec in made.items()} == {
        "iris": 2,
        "housing": 2,
    }
    assert {spec["labels"][TICKET_LABEL] for spec in made.values()} == {"CHG8"}
    assert applied.outcomes["iris"]["new_url"] == ran.outcomes["iris"]["new_url"]
    assert tool("plan", *words, "--replicas", "2").code == 0

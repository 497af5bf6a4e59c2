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

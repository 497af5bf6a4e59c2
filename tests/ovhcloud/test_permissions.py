"""The rights that a person is told to give are those of the calls that are made: no more, and no fewer."""

import ast
from pathlib import Path

import pytest

from migrate.contract import contract
from migrate.ovhcloud import calls
from migrate.ovhcloud.calls import CALLS, PURPOSES, Call
from migrate.ovhcloud.permissions import (
    actions_for,
    application_page,
    calls_for,
    key_page,
    plate_of,
    policy_for,
    rules_for,
)
from migrate.ovhcloud.rights import Rule, covered

PROJECT = "0123456789abcdef0123456789abcdef"
SERVICES = Path(calls.__file__).parent


def test_every_call_is_one_of_the_contract() -> None:
    known = contract().paths
    for call in CALLS:
        operation = known.get(call.template, {}).get(call.method)
        assert operation is not None, f"{call.method} {call.template}"
        assert operation.no_authentication is not call.signed
    assert len({(call.method, call.template) for call in CALLS}) == len(CALLS)


def test_every_declared_call_is_made_by_a_service() -> None:
    names = {name for name, value in vars(calls).items() if isinstance(value, Call)}
    used: set[str] = set()
    for file in SERVICES.glob("*.py"):
        if file.name == "calls.py":
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Attribute(attr=name) | ast.Name(id=name):
                    used.add(name)
                case _:
                    pass
    assert names - used == set()


@pytest.mark.parametrize("project", [None, PROJECT])
@pytest.mark.parametrize("purpose", PURPOSES)
def test_the_rules_let_every_call_pass_and_none_can_be_spared(purpose: calls.Purpose, project: str | None) -> None:
    wanted = calls_for([purpose])
    rules = rules_for(wanted, project)
    for call in wanted:
        assert covered(rules, call, PROJECT)
    for spared in rules:
        rest = [rule for rule in rules if rule != spared]
        assert not all(covered(rest, call, project or PROJECT) for call in wanted), spared


def test_looking_needs_no_right_to_change_anything() -> None:
    changing = {call.template for call in calls_for(["plan"]) if call.effect}
    assert changing == {"/auth/logout"}


def test_a_right_for_one_project_is_none_for_another() -> None:
    rules = rules_for(calls_for(["run"]), PROJECT)
    assert covered(rules, calls.CREATE_APP, PROJECT)
    assert not covered(rules, calls.CREATE_APP, "another")


def test_a_policy_allows_the_actions_of_the_calls_in_one_project() -> None:
    wanted = calls_for(["run"])
    policy = policy_for(wanted, plate="ca", project=PROJECT, client_id="EU.1")
    assert policy["resources"] == [{"urn": f"urn:v1:ca:resource:publicCloudProject:{PROJECT}"}]
    assert policy["identities"] == ["urn:v1:ca:identity:credential:ACCOUNT/oauth2-EU.1"]
    permissions = policy["permissions"]
    assert isinstance(permissions, dict)
    allowed = {one["action"] for one in permissions["allow"]}
    assert allowed == set(actions_for(wanted))
    assert "publicCloudProject:apiovh:ai/app/create" in allowed
    assert not any(action.endswith("*") for action in allowed)


def test_the_pages_of_each_platform() -> None:
    rules = (Rule(path="/cloud/project/x/ai/app", method="GET"), Rule(path="/cloud/project/x/user/*", method="DELETE"))
    eu = "https://eu.api.ovh.com/1.0"
    assert key_page(eu, rules) == (
        "https://eu.api.ovh.com/createToken/?GET=/cloud/project/x/ai/app&DELETE=/cloud/project/x/user/*"
    )
    assert application_page("https://ca.api.ovh.com/1.0") == "https://ca.api.ovh.com/createApp/"
    assert application_page("https://api.us.ovhcloud.com/1.0") == "https://us.ovhcloud.com/auth/api/createApp/"
    assert key_page("http://127.0.0.1:1/1.0", rules[:1]).startswith("http://127.0.0.1:1/createToken/?GET=/cloud")
    assert [plate_of(url) for url in (eu, "https://api.us.ovhcloud.com/1.0", "http://127.0.0.1:1/1.0")] == [
        "eu",
        "us",
        "eu",
    ]

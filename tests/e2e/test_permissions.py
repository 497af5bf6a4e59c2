"""The whole journey with a key that has exactly the rights that ``migrate permissions`` prints."""

from pathlib import Path

import pytest

from migrate.ovhcloud.calls import CALLS, PURPOSES, Purpose, When
from tests.clouds import key_with
from tests.e2e.harness import NAMESPACE, Sandbox, Tool

pytestmark = pytest.mark.slow

MET = {When.ALWAYS, When.SERVING, When.SWIFT, When.UNAUTHORIZED, When.SHARED}
"""When calls are made that this journey comes to."""


def key_for(tool: Tool, doing: str) -> str:
    """A key with the rules that are printed for a command."""
    printed = tool("permissions", "--for", doing, "--json")
    rules = printed.result["data"]["rules"]
    return key_with(tool.sandbox.folder, *((rule["method"], rule["path"]) for rule in rules))


def made(sandbox: Sandbox, since: int) -> set[tuple[str, str]]:
    """The calls that reached the API, each of which was allowed."""
    lines = [line for line in sandbox.log()[since:] if line.service == "api" and line.operation]
    assert [line for line in lines if line.status == 403] == []
    return {(line.method, line.operation) for line in lines}


def needed(doing: Purpose) -> set[tuple[str, str]]:
    return {(call.method, call.template) for call in CALLS if call.when([doing])}


def test_a_journey_makes_the_calls_of_the_printed_rules_and_no_others(
    sandbox: Sandbox, tool: Tool, tmp_path: Path
) -> None:
    keys = {doing: key_for(tool, doing) for doing in PURPOSES}
    met: dict[Purpose, set[tuple[str, str]]] = {doing: set() for doing in PURPOSES}
    journey: tuple[tuple[Purpose, tuple[str, ...]], ...] = (
        ("plan", ("plan", NAMESPACE, "--out", str(tmp_path / "plan.json"), "--json")),
        ("plan", ("list", "--json")),
        ("plan", ("doctor", "--json")),
        ("run", ("run", NAMESPACE, "--yes", "--authorize", "--json")),
        ("plan", ("status", NAMESPACE, "--json")),
        ("run", ("run", NAMESPACE, "--yes", "--json")),
        ("undo", ("undo", NAMESPACE, "--yes", "--json")),
    )
    for doing, words in journey:
        begun = len(sandbox.log())
        ended = tool(*words, OVH_CONSUMER_KEY=keys[doing])
        # One model needs a person, whatever the rights are; doctor tells that the key for plan lacks those of a run.
        assert ended.code in ({3} if words[0] == "doctor" else {0, 4}), ended
        calls = made(sandbox, begun)
        assert calls <= needed(doing), f"{words[0]}: {calls - needed(doing)}"
        met[doing] |= calls
    assert sandbox.left() == {"apps": [], "tokens": [], "registrations": [], "users": []}
    for doing in PURPOSES:
        wanted = {(call.method, call.template) for call in CALLS if not MET.isdisjoint(call.when([doing]))}
        assert wanted - met[doing] == set(), doing

"""The whole journey with a key that has exactly the rights that ``migrate permissions`` prints."""

from pathlib import Path

import pytest

from migrate.ovhcloud.calls import CALLS, When
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


def needed(doing: str) -> set[tuple[str, str]]:
    return {(call.method, call.template) for call in CALLS if doing in call.needed}


def test_a_journey_makes_the_calls_of_the_printed_rules_and_no_others(
    sandbox: Sandbox, tool: Tool, tmp_path: Path
) -> None:
    keys = {doing: key_for(tool, doing) for doing in ("plan", "run", "undo")}
    met: set[tuple[str, str]] = set()
    for doing, words in (
        ("plan", ("plan", NAMESPACE, "--out", str(tmp_path / "plan.json"), "--json")),
        ("plan", ("list", "--json")),
        ("run", ("run", NAMESPACE, "--yes", "--authorize", "--json")),
        ("plan", ("status", NAMESPACE, "--json")),
        ("run", ("run", NAMESPACE, "--yes", "--json")),
        ("undo", ("undo", NAMESPACE, "--yes", "--json")),
    ):
        begun = len(sandbox.log())
        ended = tool(*words, OVH_CONSUMER_KEY=keys[doing])
        assert ended.code in {0, 4}, ended  # one model needs a person, whatever the rights are
        calls = made(sandbox, begun)
        assert calls <= needed(doing), f"{words[0]}: {calls - needed(doing)}"
        met |= calls
    assert sandbox.left() == {"apps": [], "tokens": [], "registrations": [], "users": []}
    unmet = {(call.method, call.template) for call in CALLS if call.when in MET and call.needed} - met
    assert unmet == set()

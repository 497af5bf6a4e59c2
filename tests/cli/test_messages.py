"""What a person who mistypes is told."""

import json

from tests.cli.test_commands import NAMESPACE, Tool, tool

__all__ = ["tool"]


def test_a_choice_that_is_none_is_told_in_plain_words(tool: Tool) -> None:
    code, _, err = tool("run", "models@GRA", "--layout", "pack")
    assert code == 2
    assert err.startswith("Error: Invalid value for '--layout': 'pack' is not one of 'separate', 'packed'.")


def test_a_region_that_is_none_names_those_that_are(tool: Tool) -> None:
    code, events = tool.json("run", NAMESPACE, "--region", "PARIS", "--dry-run")
    error = events[-1]["error"]
    assert (code, error["code"], error["what"]) == (3, "unknown-region", "AI Deploy has no region PARIS.")
    assert "GRA" in error["next_step"]


def test_a_model_and_its_source_in_the_wrong_order(tool: Tool) -> None:
    assert tool("run", NAMESPACE, "--model", "broken", "--yes", "--authorize")[0] == 4
    code, events = tool.json("why", "broken", NAMESPACE)
    error = events[-1]["error"]
    assert (code, error["what"]) == (2, f"{NAMESPACE} is a source, and broken is a model of it.")
    assert f"migrate why {NAMESPACE} broken" in error["next_step"]
    assert tool.json("why", "broken", "models@GRA")[1][-1]["error"]["code"] == "no-journal"


def test_the_listing_says_how_long_it_took(tool: Tool) -> None:
    _, out, _ = tool("run", NAMESPACE, "--dry-run", "--json")
    (ended,) = [
        event
        for event in map(json.loads, out.splitlines())
        if (event["event"], event.get("step")) == ("step-finished", "list")
    ]
    assert ended["seconds"] > 0

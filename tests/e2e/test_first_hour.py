"""From an empty home: login, doctor, plan, logout, and the screens that the documentation shows."""

import re
from pathlib import Path

import pytest
import requests

from tests.e2e.harness import NAMESPACE, ROOT, Ended, Sandbox, Tool, ending

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "first-hour.md").read_text(encoding="utf-8")


def screen(name: str) -> list[str]:
    """The lines of a screen in the page, without the command."""
    block = PAGE.partition(f"<!-- screen: {name} -->\n\n")[2]
    lines = re.match(r"(?:    .*\n|\n(?=    ))+", block)
    assert lines is not None
    return [line.removeprefix("    ") for line in lines[0].splitlines()][1:]


def alike(text: str) -> str:
    """A line without what differs from machine to machine."""
    text = re.sub(r"https?://127\.0\.0\.1:\d+\S*?(?=[\s,)\].]|$)", "URL", text)
    text = re.sub(r"127\.0\.0\.1:\d+|[0-9a-f]{32}|/[\w./-]+|\d+(?:\.\d+)*", "…", text)
    return text.rstrip()


def log_in(tool: Tool, endpoint: str) -> Ended:
    process = tool.start("login", "--endpoint", endpoint)
    with ending(process):
        assert process.stderr is not None
        shown = ""
        while "Ctrl-C" not in shown:
            line = process.stderr.readline()
            assert line, shown
            shown += line
        address = re.search(r"http://\S+credentialToken=\S+", shown)
        assert address is not None
        assert requests.get(address[0], timeout=30).ok
        out, err = process.communicate(timeout=120)
    return Ended(process.returncode, out, shown + err)


def test_from_an_empty_home_to_a_plan_and_back(sandbox: Sandbox, tool: Tool, tmp_path: Path) -> None:
    endpoint = tool.environment["OVH_ENDPOINT"]
    for name in ("OVH_ENDPOINT", "OVH_CONSUMER_KEY", "OVH_CLOUD_PROJECT_SERVICE"):
        del tool.environment[name]
    tool.environment["HOME"] = str(tmp_path)
    asked = log_in(tool, endpoint)
    assert asked.code == 0, asked
    del tool.environment["OVH_APPLICATION_KEY"], tool.environment["OVH_APPLICATION_SECRET"]
    told = asked.err.splitlines() + asked.out.splitlines()
    assert [alike(line) for line in told] == [alike(line) for line in screen("login")][-len(told) :]

    looked = tool("doctor")
    assert looked.code == 0, looked
    shape = re.compile(r"(ok|warning|unknown)  +(\S+(?: image)?)  ")
    found = [match.groups() for line in looked.out.splitlines() if (match := shape.match(line))]
    shown = [match.groups() for line in screen("doctor") if (match := shape.match(line))]
    assert [name for _, name in found] == [name for _, name in shown]
    same = {"clock", "project", "rights", "authorization", "quota", "region", "registry", "proxy"}
    lines = {line[9:24].strip(): alike(line) for line in looked.out.splitlines() if shape.match(line)}
    for line in screen("doctor"):
        if shape.match(line) and (name := line[9:24].strip()) in same:
            assert lines[name] == alike(line)

    planned = tool("plan", NAMESPACE)
    assert planned.code == 0, planned
    assert "iris" in planned.out
    assert tool("logout", "--endpoint", endpoint).code == 0
    assert not (tmp_path / ".ovh.conf").exists()
    assert tool("plan", NAMESPACE).code == 3


def test_the_screen_of_the_rights_is_the_commands(tool: Tool) -> None:
    del tool.environment["OVH_CLOUD_PROJECT_SERVICE"]
    words = re.search(r"\$ migrate (permissions .*)", PAGE)
    assert words is not None
    shown = tool(*words[1].split())
    assert shown.out.splitlines() == screen("permissions")

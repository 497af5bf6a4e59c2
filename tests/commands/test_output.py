"""What a command answers at its end, as text and as the last JSON line."""

import json

import pytest

from migrate.commands.output import answer_facts
from migrate.core.errors import ExitCode

FACTS = {"image": "m:1", "slim": ""}
LEFT_OUT = {"iris\n": "The file is cut."}
ALLOWED = [{"path": "m.pt", "option": "--allow-unsafe sha256:0"}]


def test_facts_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer_facts("build", FACTS, ALLOWED, as_json=False) == ExitCode.DONE
    assert capsys.readouterr().out == "image    m:1\nallowed  m.pt by --allow-unsafe sha256:0\n"


def test_what_is_left_out_is_named_and_needs_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer_facts("build", FACTS, (), as_json=False, left_out=LEFT_OUT) == ExitCode.NEEDS_YOU
    image, left_out = capsys.readouterr().out.splitlines()
    assert image == "image     m:1"
    assert left_out.startswith("left out  iris")
    assert left_out.endswith(": The file is cut.")


def test_programs_get_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer_facts("build", FACTS, ALLOWED, as_json=True, left_out=LEFT_OUT) == ExitCode.NEEDS_YOU
    result = json.loads(capsys.readouterr().out)
    assert (result["command"], result["exit_code"]) == ("build", 4)
    assert result["data"] == {"image": "m:1", "allowed_unsafe": ALLOWED, "left_out": LEFT_OUT}


def test_nothing_is_said_of_what_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer_facts("build", FACTS, (), as_json=True) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["data"] == {"image": "m:1"}

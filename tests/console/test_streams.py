"""Events as JSON lines and as plain lines: one a line, no secret, nothing that rewrites a terminal."""

import io
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from migrate.cli.encoding import ERRORS, use_plain_text
from migrate.console.jsonlines import JsonLines
from migrate.console.outlet import open_outlet, screen
from migrate.console.plain import PlainLines
from migrate.core.events import (
    Event,
    ModelFinished,
    Notice,
    Result,
    RunStarted,
    StepFinished,
    StepProgress,
    StepStarted,
)
from migrate.core.secret import Secret
from migrate.core.values import Outcome

EVENTS: tuple[Event, ...] = (
    RunStarted(source="ns", models=("a", "b")),
    StepStarted(step="fetch", model="a"),
    StepProgress(step="fetch", model="a", done=1, total=2),
    StepFinished(step="fetch", model="a", seconds=1.25, detail="2 files"),
    StepFinished(step="build", model="a", seconds=0.0, reused=True),
    Notice(text="careful", model="a", level="warning"),
    StepStarted(step="runtime", detail="building"),
    ModelFinished(outcome=Outcome(model="a", outcome="needs-you", text="It is broken.", task="Mend it.")),
    Result(
        command="run", exit_code=4, models=(Outcome(model="a", outcome="needs-you"),), data={"undo": "migrate undo"}
    ),
)


def test_every_event_is_one_json_line_with_version_and_time() -> None:
    stream = io.StringIO()
    with JsonLines(stream) as lines:
        for event in EVENTS:
            lines(event)
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [list(line)[:3] for line in found] == [["v", "t", "event"]] * len(EVENTS)
    assert {line["v"] for line in found} == {1}
    assert all(line["t"].endswith("Z") for line in found)
    assert found[-1]["event"] == "result"
    assert found[-1]["models"] == [{"model": "a", "outcome": "needs-you"}]
    assert "model" not in found[6]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "UTF-8"])
def test_a_line_is_json_in_every_encoding(encoding: str) -> None:
    use_plain_text()
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding=encoding, errors=ERRORS)
    text = "café ✓ 日本 \U0001f600"
    with JsonLines(stream) as lines:
        lines(Notice(text=text))
    assert json.loads(written.getvalue())["text"] == text
    assert (text.encode() in written.getvalue()) == (encoding == "UTF-8")


def test_progress_is_rare_and_each_step_has_its_own() -> None:
    stream = io.StringIO()
    lines = JsonLines(stream)
    for done in range(100):
        lines(StepProgress(step="fetch", model="a", done=done, total=100))
        lines(StepProgress(step="fetch", model="b", done=done, total=100))
    assert len(stream.getvalue().splitlines()) == 2


def test_a_secret_never_gets_out_however_it_is_escaped() -> None:
    secret = Secret('pass"word\\with\nall')
    for make in (JsonLines, PlainLines):
        stream = io.StringIO()
        make(stream)(Notice(text=f"the password is {secret.reveal()}"))
        assert "word" not in stream.getvalue().replace("the password", "")
        assert "***" in stream.getvalue()


def test_lines_of_threads_do_not_mix() -> None:
    stream = io.StringIO()
    lines = JsonLines(stream)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: lines(Notice(text=f"{number} " + "x" * 500)), range(200)))
    assert len([json.loads(line) for line in stream.getvalue().splitlines()]) == 200


def test_plain_lines_say_what_a_reader_cares_about() -> None:
    stream = io.StringIO()
    with PlainLines(stream) as lines, lines.aside():
        for event in EVENTS:
            lines(event)
    text = stream.getvalue()
    assert "2 models in ns" in text
    assert "fetch     1.2 s  2 files" in text
    assert "warning: careful" in text
    assert "runtime   building" in text
    assert "! needs you: It is broken." in text
    assert len(text.splitlines()) == 5


def test_a_step_that_takes_long_is_told_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    stream = io.StringIO()
    lines = PlainLines(stream)
    for second in range(31):
        clock[0] = float(second)
        lines(StepProgress(step="push", model="a", done=second * 1_000_000, total=40_000_000))
    assert [line.split("push")[1].strip() for line in stream.getvalue().splitlines()] == [
        "10.0 MB of 40.0 MB, 30 s left",
        "20.0 MB of 40.0 MB, 20 s left",
        "30.0 MB of 40.0 MB, 10 s left",
    ]


def test_a_hostile_name_cannot_rewrite_the_terminal() -> None:
    stream = io.StringIO()
    PlainLines(stream)(Notice(text="x\x1b[2Jy\ny\u202e", model="\x1b]0;title\x07"))
    assert "\x1b" not in stream.getvalue()
    assert "\u202e" not in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == 1


def test_without_a_terminal_there_is_no_board(capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(open_outlet(as_json=False), PlainLines)
    assert isinstance(open_outlet(as_json=True), JsonLines)
    screen().print("x" * 300)
    assert capsys.readouterr().out == "x" * 300 + "\n"

"""The live board: what it shows, in 80 columns and fewer lines than models, and that threads never lock it up."""

import io
import re
import threading
from collections.abc import Iterator

import pytest
from rich.console import Console

from migrate.console.board import Board
from migrate.core.events import ModelFinished, Notice, RunStarted, StepFinished, StepProgress, StepStarted
from migrate.core.values import Outcome


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=80, height=24, color_system=None)


@pytest.fixture
def board(console: Console) -> Iterator[Board]:
    with Board(console) as made:
        yield made


def drawn(board: Board, width: int = 80, height: int = 24) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, force_terminal=True, width=width, height=height, color_system=None).print(board)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue())
    return [line.rstrip() for line in text.splitlines()]


def test_each_model_has_a_row_with_its_step_bytes_and_time(board: Board) -> None:
    board(RunStarted(source="ns", models=("iris", "titanic", "a-model-with-a-very-long-name-indeed", "broken")))
    board(StepStarted(step="fetch", model="iris"))
    board(StepProgress(step="fetch", model="iris", done=1_500_000, total=12_000_000))
    board(StepStarted(step="runtime", detail="building the runtime's image"))
    board(ModelFinished(outcome=Outcome(model="broken", outcome="needs-you", reason="truncated")))
    lines = drawn(board)
    assert any(re.search(r"iris +fetch +1\.5 MB of 12\.0 MB +0\.\d s", line) for line in lines), lines
    assert any(re.search(r"titanic +waiting", line) for line in lines), lines
    assert any(re.search(r"runtime +building the runtime", line) for line in lines), lines
    assert any(re.search(r"! broken +needs you +truncated", line) for line in lines), lines
    assert "1 of 4 at their end" in lines[-1]
    assert all(len(line) <= 80 for line in lines)
    board(StepFinished(step="runtime", seconds=1.0))
    assert not any("runtime" in line for line in drawn(board))


def test_more_models_than_lines_show_those_at_work(board: Board) -> None:
    board(RunStarted(source="ns", models=tuple(f"m{number}" for number in range(100))))
    board(StepStarted(step="push", model="m77"))
    lines = drawn(board, height=12)
    assert len(lines) <= 12
    assert any("m77" in line for line in lines)


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_it_fits_every_terminal(board: Board, width: int) -> None:
    board(RunStarted(source="ns", models=("iris", "x" * 60)))
    board(StepProgress(step="push", model="iris", done=5, total=10, detail=""))
    board(StepStarted(step="deploy", model="x" * 60, detail="INITIALIZING"))
    assert all(len(line) <= width for line in drawn(board, width=width))


def test_notices_from_many_threads_and_refreshes_do_not_lock_each_other(board: Board, console: Console) -> None:
    board(RunStarted(source="ns", models=("a",)))

    def tell() -> None:
        for number in range(100):
            board(Notice(text=f"notice {number}", model="a", level="warning"))
            board(StepProgress(step="push", model="a", done=number, total=100))
            board._live.refresh()

    threads = [threading.Thread(target=tell, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads), "the board has locked up"
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().count("notice 99") == 4


def test_it_leaves_the_screen_for_a_question(board: Board) -> None:
    with board.aside():
        assert not board._live.is_started
    assert board._live.is_started

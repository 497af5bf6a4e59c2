import multiprocessing
import threading
from pathlib import Path

import pytest

from migrate.core.errors import Interrupted, LocalError
from migrate.machine.locks import HeldError, exclusive, exclusive_now
from tests.waiting import wait_until


def hold(path: Path, marks: Path, name: str) -> None:
    def mark(word: str) -> None:
        with marks.open("a") as file:
            file.write(f"{name} {word}\n")

    mark("came")
    with exclusive(path):
        mark("in")
        wait_until(lambda: marks.read_text().count("came") == 3, "the others do not come")
        mark("out")


def test_one_holder_at_a_time_among_processes(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    context = multiprocessing.get_context("spawn")
    holders = [context.Process(target=hold, args=(tmp_path / "lock", marks, str(number))) for number in range(3)]
    for holder in holders:
        holder.start()
    for holder in holders:
        holder.join()
    lines = [line for line in marks.read_text().splitlines() if not line.endswith("came")]
    assert [line.split()[1] for line in lines] == ["in", "out"] * 3
    assert all(lines[at].split()[0] == lines[at + 1].split()[0] for at in (0, 2, 4))


def test_who_waits_may_be_stopped(tmp_path: Path) -> None:
    stop = threading.Event()
    with exclusive(tmp_path / "lock"):
        threading.Timer(0.1, stop.set).start()
        with pytest.raises(Interrupted), exclusive(tmp_path / "lock", stop=stop):
            pass
    with exclusive(tmp_path / "lock", stop=stop):  # nobody to wait for: nothing to stop
        pass


def test_who_does_not_wait_is_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "above" / "lock"
    with exclusive_now(path, "a longer note of mine"), pytest.raises(HeldError) as held, exclusive_now(path, "other"):
        pass
    assert held.value.holder == "a longer note of mine"
    with exclusive_now(path, "short"):
        assert path.read_text() == "short"


def test_a_lock_goes_through_no_link_and_into_no_folder(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    tmp_path.joinpath("link").symlink_to(elsewhere)
    tmp_path.joinpath("folder").mkdir()
    for name in ("link", "folder"):
        with pytest.raises(LocalError) as error, exclusive(tmp_path / name):
            pass
        assert error.value.code == "disk"
    assert not elsewhere.exists()


def test_what_goes_wrong_while_it_is_held_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), exclusive(tmp_path / "lock"):
        tmp_path.joinpath("absent").read_bytes()

import errno
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from migrate.core.errors import LocalError
from migrate.machine.disk import alive, disk_errors, scratch_folder
from migrate.machine.locks import exclusive
from tests.waiting import wait_until


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "disk-full"), (errno.EDQUOT, "disk-full"), (errno.EACCES, "disk"), (errno.EROFS, "disk")],
)
def test_what_the_disk_answers_is_a_sentence(number: int, code: str) -> None:
    with pytest.raises(LocalError) as error, disk_errors():
        raise OSError(number, os.strerror(number), "/some/where")
    assert error.value.code == code
    assert error.value.next_step


def test_what_no_disk_said_is_passed_on() -> None:
    with pytest.raises(OSError, match="a mistake") as error, disk_errors():
        raise OSError("a mistake")
    assert not isinstance(error.value, LocalError)


def test_a_full_disk_for_real(tmp_path: Path) -> None:
    with pytest.raises(LocalError) as error, disk_errors():
        Path("/dev/full").write_bytes(b"x")
    assert error.value.code == "disk-full"


def gone() -> int:
    """The id of a process that has ended."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_who_is_alive() -> None:
    assert alive(os.getpid())
    assert alive(1)
    assert not alive(gone())


def test_what_a_killed_process_left_goes_first(tmp_path: Path) -> None:
    partial = tmp_path / "partial"
    left, mine, other = (partial / name for name in (f"wheels-{gone()}-abc", f"wheels-{os.getpid()}-abc", "wheels-abc"))
    for folder in (left, mine, other):
        folder.mkdir(parents=True)
        folder.joinpath("file").write_text("x")
    with scratch_folder(tmp_path, "wheels-") as folder:
        assert folder.is_dir()
        assert not left.exists()
        assert mine.exists()
        assert other.exists()
    assert not folder.exists()


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

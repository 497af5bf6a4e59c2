import errno
import os
from pathlib import Path

import pytest

from migrate.core.errors import LocalError
from migrate.machine.disk import check_space, disk_errors, says_full, scratch_folder, unreadable
from tests.machine.test_processes import gone


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "disk-full"), (errno.EDQUOT, "disk-full"), (errno.EACCES, "disk"), (errno.EROFS, "disk")],
)
def test_what_the_disk_answers_is_a_sentence(number: int, code: str) -> None:
    with pytest.raises(LocalError) as error, disk_errors():
        raise OSError(number, os.strerror(number), "/some/where")
    assert error.value.code == code
    assert error.value.next_step


@pytest.mark.parametrize("error", [OSError("a mistake"), OSError(errno.ECONNRESET, "Connection reset by peer")])
def test_what_no_disk_said_is_passed_on(error: OSError) -> None:
    with pytest.raises(OSError, match=str(error.strerror or "a mistake")) as raised, disk_errors():
        raise error
    assert raised.value is error


def test_what_is_missing_is_the_disks_fault_only_where_all_is_reading_and_writing(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="absent"), disk_errors():
        tmp_path.joinpath("absent").read_bytes()
    with pytest.raises(FileNotFoundError), disk_errors(refusals_only=True):
        tmp_path.joinpath("absent").read_bytes()


def test_the_folder_is_named_where_the_error_names_no_file(tmp_path: Path) -> None:
    with pytest.raises(LocalError) as error, disk_errors(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert error.value.what == f"The disk of {tmp_path} is full: no space is left."


def test_names_from_outside_do_not_reach_the_terminal_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(LocalError) as error, disk_errors():
        (tmp_path / "a\x1b[2J" / "b").write_bytes(b"x")
    assert "\x1b" not in error.value.what
    assert "\x1b" not in unreadable(tmp_path / "a\x1b[2J", OSError(errno.EIO, "I/O error")).what


def test_other_programs_say_it_in_their_own_way() -> None:
    assert says_full("write /layer.tar: no space left on device")
    assert says_full("error: Disk quota exceeded (os error 122)")
    assert not says_full("no such file or directory")


def test_what_has_no_room_is_not_begun(tmp_path: Path) -> None:
    check_space(tmp_path, 1)
    with pytest.raises(LocalError, match="MB are needed and") as error:
        check_space(tmp_path, 1 << 60)
    assert error.value.code == "disk-full"


def test_a_full_disk_for_real(tmp_path: Path) -> None:
    with pytest.raises(LocalError) as error, disk_errors():
        Path("/dev/full").write_bytes(b"x")
    assert error.value.code == "disk-full"


def test_what_a_killed_process_left_goes_first(tmp_path: Path) -> None:
    partial = tmp_path / "partial"
    dead = gone()
    left, box = partial / f"wheels-{dead}-abc", partial / f"box-rehearsal-{dead}-abc"
    mine, other, download = partial / f"wheels-{os.getpid()}-abc", partial / "wheels-abc", partial / ("a1" * 20)
    for folder in (left, box, mine, other, download):
        folder.mkdir(parents=True)
        folder.joinpath("file").write_text("x")
    with scratch_folder(tmp_path, "wheels-") as folder:
        assert folder.is_dir()
        assert not left.exists()
        assert not box.exists()
        assert mine.exists()
        assert other.exists()
        assert download.exists()
    assert not folder.exists()

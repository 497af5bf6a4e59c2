import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.core.errors import LocalError
from migrate.machine.private import make_private, make_private_file, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    former = os.umask(0)
    yield
    os.umask(former)


def test_every_folder_that_is_made_is_private_and_one_that_exists_stays(tmp_path: Path) -> None:
    tmp_path.joinpath("open").mkdir(mode=0o755)
    make_private(tmp_path / "open" / "a" / "b")
    assert mode(tmp_path / "open") == 0o755
    assert mode(tmp_path / "open" / "a") == mode(tmp_path / "open" / "a" / "b") == 0o700
    make_private(tmp_path / "open" / "a" / "b")


def test_a_folder_that_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    tmp_path.joinpath("file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(LocalError) as error:
            make_private(folder)
        assert error.value.code == "disk"
        assert "--workspace" in error.value.next_step


def test_a_file_is_private_from_its_beginning_and_gets_so_when_it_exists(tmp_path: Path) -> None:
    make_private_file(tmp_path / "new")
    assert mode(tmp_path / "new") == 0o600
    tmp_path.joinpath("old").write_text("kept")
    tmp_path.joinpath("old").chmod(0o644)
    make_private_file(tmp_path / "old")
    assert mode(tmp_path / "old") == 0o600
    assert tmp_path.joinpath("old").read_text() == "kept"


def test_a_secret_replaces_what_was_there_whole(tmp_path: Path) -> None:
    path = tmp_path / "tokens" / "iris.header"
    write_private(path, "one\n")
    write_private(path, "two\n")
    assert path.read_text() == "two\n"
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_a_secret_never_goes_through_what_another_put_in_the_way(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    path = tmp_path / "iris.header"
    path.with_suffix(".partial").symlink_to(elsewhere)
    write_private(path, "secret\n")
    assert not elsewhere.exists()
    assert path.read_text() == "secret\n"


def test_a_secret_that_cannot_be_written_leaves_the_former(tmp_path: Path) -> None:
    path = tmp_path / "iris.header"
    write_private(path, "one\n")
    path.with_suffix(".partial").mkdir()
    with pytest.raises(LocalError) as error:
        write_private(path, "two\n")
    assert error.value.code == "disk"
    assert isinstance(error.value.__cause__, OSError)
    assert error.value.__cause__.errno in {errno.EISDIR, errno.EPERM}
    assert path.read_text() == "one\n"

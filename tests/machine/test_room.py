import shutil
from pathlib import Path

import pytest

from migrate.core.errors import LocalError
from migrate.machine.room import Need, Room

HUGE = 1 << 60
TEMPORARY = Path("/dev/shm")


def need(folder: Path, size: int, what: str = "the download", **more: str) -> Need:
    return Need(folder=folder, size=size, what=what, **more)


def test_what_follows_is_counted_with_what_comes_first(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    images = need(tmp_path / "not" / "yet", free // 2, "the image's layers", remedy="Free space for images")
    with Room().hold(need(tmp_path, free // 4), [images]):
        pass
    with pytest.raises(LocalError) as caught, Room().hold(need(tmp_path, free), [images]):
        pass
    assert caught.value.code == "disk-full"
    assert caught.value.what.startswith(f"The disk of {tmp_path} would be full: ")
    for words in (
        f"{free / 1e6:,.0f} MB for the download and",
        f"{free // 2 / 1e6:,.0f} MB for the image's layers are",
    ):
        assert words in caught.value.what
    assert "--workspace; or free space for images, then type" in caught.value.next_step


@pytest.mark.skipif(not TEMPORARY.is_dir(), reason="no second file system is known here")
def test_each_file_system_counts_alone(tmp_path: Path) -> None:
    with pytest.raises(LocalError) as caught, Room().hold(need(tmp_path, 1), [need(TEMPORARY, HUGE, "layers")]):
        pass
    assert caught.value.what.startswith(f"The disk of {TEMPORARY} would be full: ")
    assert "for the download" not in caught.value.what
    with Room().hold(need(tmp_path, 1), [need(TEMPORARY, 1, "layers")]):
        pass


def test_what_others_are_about_to_write_counts_until_it_is_written(tmp_path: Path) -> None:
    room, free = Room(), shutil.disk_usage(tmp_path).free
    with room.hold(need(tmp_path, free * 3 // 4)) as held:
        with pytest.raises(LocalError, match="for what is being written already"), room.hold(need(tmp_path, free // 2)):
            pass
        held.wrote(free * 3 // 4)
        with room.hold(need(tmp_path, free // 2)):
            pass
    with room.hold(need(tmp_path, free // 2)):
        pass


def test_nothing_needs_no_room(tmp_path: Path) -> None:
    room = Room()
    with room.hold(need(tmp_path, 0)), room.hold(need(tmp_path, -5), [need(tmp_path, 0)]):
        pass

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.core.errors import LocalError
from migrate.images.engine import tarstream


def unpacked(data: bytes) -> dict[str, tuple[int, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as packed:
        found = {}
        for member in packed:
            content = packed.extractfile(member)
            assert (member.uid, member.gid, member.mtime) == (0, 0, tarstream.FIXED_TIME)
            found[member.name] = (member.mode, content.read() if content else b"")
        return found


def test_modes_and_times_are_fixed_whatever_the_disk_says(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir(mode=0o700)
    (tmp_path / "sub/private").write_bytes(b"a")
    (tmp_path / "sub/private").chmod(0o600)
    (tmp_path / "run").write_bytes(b"b")
    (tmp_path / "run").chmod(0o4711)
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o1777)
    (tmp_path / "link").symlink_to("run")
    assert unpacked(b"".join(tarstream.archive(tarstream.tree(tmp_path, "in/")))) == {
        "in/run": (0o755, b"b"),
        "in/shared": (0o1777, b""),
        "in/sub": (0o755, b""),
        "in/sub/private": (0o644, b"a"),
    }


@settings(max_examples=50)
@given(
    name=st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=120).filter(
        lambda text: text.strip() not in ("", ".", "..")
    ),
    data=st.binary(max_size=2000),
)
def test_any_name_and_content_comes_out_as_it_went_in(name: str, data: bytes) -> None:
    assert unpacked(b"".join(tarstream.archive([tarstream.content(f"d/{name}", data)]))) == {f"d/{name}": (0o644, data)}


def test_what_is_sent_is_counted(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(3_000_000))
    counted: list[int] = []
    data = b"".join(tarstream.archive(tarstream.tree(tmp_path), counted.append))
    assert sum(counted) == len(data)
    assert max(counted) <= tarstream.CHUNK


def test_sizes_beyond_the_old_format_are_written() -> None:
    entry = tarstream.Entry(name="huge", mode=0o644, size=9 << 30, source=Path("/dev/zero"))
    head = next(tarstream.archive([entry]))
    assert tarfile.TarInfo.frombuf(head[-512:], "utf-8", "strict").name == "huge"
    assert b"size=9663676416" in head


@pytest.mark.parametrize("change", ["shorter", "gone", "link"])
def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path: Path, change: str) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"0123456789")
    entries = list(tarstream.tree(tmp_path))
    path.unlink()
    if change == "shorter":
        path.write_bytes(b"0")
    if change == "link":
        (tmp_path / "other").write_bytes(b"0123456789")
        path.symlink_to("other")
    with pytest.raises(LocalError) as error:
        list(tarstream.archive(entries))
    assert error.value.code == "file-changed"

"""Layers unpacked into a root: what lands where, and that nothing lands elsewhere."""

import stat
import tarfile
from pathlib import Path

import pytest

from migrate.core.errors import LocalError
from migrate.images.base.stored import at_path, read_image
from migrate.images.base.unpack import unpacked
from tests.images.base.layouts import Layout, Made, folder, hard, link, packed


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


def root_of(store: Path, *layers: list[Made]) -> Path:
    layout = Layout(store.parent / f"layout-{len(list(store.parent.iterdir()))}")
    layout.add(layout.image(*(packed(*layer) for layer in layers)))
    blobs = at_path(layout.path)
    return unpacked(read_image(blobs), blobs.name, store)


def files(root: Path) -> dict[str, str]:
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = path.read_text()
    return found


def test_entries_become_files(store: Path) -> None:
    root = root_of(
        store,
        [
            folder("./usr/"),
            Made("/usr/a", b"a", mode=0o755),
            Made("usr/secret", b"s", mode=0o600),
            Made("usr/setuid", b"u", mode=0o6755),
            link("bin", "usr"),
            hard("bin/b", "./usr/a"),
            folder("tmp", 0o1777),
            Made("dev/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
            Made("run/pipe", type=tarfile.FIFOTYPE),
            Made("deep/er/file", b"d"),
        ],
    )
    found = {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir() or path.is_symlink()}
    assert found == {"bin", "usr/a", "usr/b", "usr/secret", "usr/setuid", "deep/er/file"}
    assert (root / "usr/b").read_text() == "a"
    modes = {name: stat.S_IMODE((root / name).stat().st_mode) for name in ("usr/a", "usr/secret", "usr/setuid", "tmp")}
    assert modes == {"usr/a": 0o555, "usr/secret": 0, "usr/setuid": 0o555, "tmp": 0o1777}
    assert (root / "usr/a").stat().st_mtime == 1_000_000_000
    assert (root / "usr").stat().st_mtime == 1_000_000_000
    assert not (root / "dev/null").exists()
    assert not (root / "run/pipe").exists()


def test_later_layers_remove_and_replace(store: Path) -> None:
    below = [Made("a/one", b"1"), Made("a/two", b"2"), Made("b/one", b"1"), Made("c/deep/x", b"x"), link("d", "a")]
    above = [
        Made("a/.wh.one"),
        Made("b/.wh..wh..opq"),
        Made("b/new", b"n"),
        Made("c/deep", b"a file now"),
        folder("d"),
        Made("d/own", b"o"),
        Made("a/.wh..wh.plnk", b"noted by a driver"),
    ]
    assert files(root_of(store, below, above)) == {
        "a/two": "2", "b/new": "n", "c/deep": "a file now", "d/own": "o",
    }  # fmt: skip
    # The layers below are made once, and stay as they were.
    first = files(root_of(store, below))
    assert first["a/one"] == "1"
    assert files(root_of(store, below, above, [Made("a/two", b"3")]))["a/two"] == "3"
    assert files(root_of(store, below)) == first


def test_links_in_paths_are_followed_within_the_root(store: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    up = "../" * 20
    root = root_of(
        store,
        [
            link("absolute", str(outside)),
            link("upwards", f"{up}{str(outside).lstrip('/')}"),
            Made("absolute/kept", b"changed"),
            Made("upwards/new", b"n"),
            folder("absolute/folder"),
            Made("upwards/.wh.kept"),
            link("file", f"{outside}/kept"),
            Made("file", b"a file in its place"),
        ],
        [Made("absolute/.wh..wh..opq"), link("other", str(outside / "kept"))],
    )
    assert files(outside) == {"kept": "kept"}
    assert (root / "file").read_text() == "a file in its place"
    assert not (root / "file").is_symlink()
    inside = root / str(outside).lstrip("/")
    assert inside.is_dir()
    assert sorted(path.name for path in inside.iterdir()) == []


@pytest.mark.parametrize(
    "entries",
    [
        [hard("a", "../../etc/hostname")],
        [hard("a", "nothing")],
        [folder("b"), hard("a", "b")],
        [link("x", "y"), link("y", "x"), Made("x/file")],
        [Made("../a")],
    ],
)
def test_what_leads_nowhere_is_refused(store: Path, entries: list[Made]) -> None:
    with pytest.raises(LocalError) as error:
        root_of(store, entries)
    assert error.value.code == "base-unusable"
    assert not list((store / "roots").iterdir())


def test_a_hard_link_to_a_link_is_to_the_link_itself(store: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("kept")
    root = root_of(store, [link("out", str(tmp_path / "outside")), hard("again", "out"), Made("again", b"new")])
    assert (tmp_path / "outside").read_text() == "kept"
    assert (root / "again").read_text() == "new"


def test_a_root_is_made_once_and_shares_what_it_begins_with(store: Path) -> None:
    below = [Made("lib/large", b"x" * 5000)]
    first = root_of(store, below)
    assert root_of(store, below) == first
    second = root_of(store, below, [Made("models/m", b"m")])
    assert (first / "lib/large").stat().st_ino == (second / "lib/large").stat().st_ino
    assert not (first / "models").exists()

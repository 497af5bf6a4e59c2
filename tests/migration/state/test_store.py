"""A folder as a store with conditional writes: of many who write at once one is first, and nobody overwrites unseen."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.core.errors import LocalError, UsageError
from migrate.core.options.checks import check_state
from migrate.migration.state.store import FolderStore, open_store


def together(count: int, work: Callable[[int], object]) -> None:
    """Runs something in several threads that begin at once."""
    start = threading.Barrier(count)

    def one(number: int) -> None:
        start.wait()
        work(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_name_holds_what_was_written_last(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    assert store.read("a/lease") is None
    first = store.create("a/lease", b"one")
    assert first is not None
    assert store.create("a/lease", b"two") is None
    second = store.replace("a/lease", b"two", first)
    assert second is not None
    assert store.replace("a/lease", b"three", first) is None
    held = store.read("a/lease")
    assert held is not None
    assert (held.content, held.version) == (b"two", second)
    assert store.read("b/lease") is None


def test_of_many_who_create_or_replace_one_is_first(tmp_path: Path) -> None:
    stores = [FolderStore(tmp_path) for _ in range(8)]
    made: list[str | None] = []
    together(8, lambda number: made.append(stores[number].create("lease", str(number).encode())))
    assert sum(version is not None for version in made) == 1
    for _ in range(20):
        held = stores[0].read("lease")
        assert held is not None
        version = held.version
        replaced: dict[int, str | None] = {}

        def replace(number: int, version: str = version, replaced: dict[int, str | None] = replaced) -> None:
            replaced[number] = stores[number].replace("lease", str(number).encode(), version)

        together(8, replace)
        (winner,) = [number for number, made in replaced.items() if made is not None]
        now = stores[0].read("lease")
        assert now is not None
        assert now.content == str(winner).encode()


def test_whoever_slept_over_many_versions_is_not_first(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    old = version = store.create("lease", b"0")
    for number in range(1, 20):
        assert version is not None
        version = store.replace("lease", str(number).encode(), version)
    assert old is not None
    assert len(list((tmp_path / "lease").iterdir())) < 8  # the old versions are tidied away
    assert store.replace("lease", b"late", old) is None
    held = store.read("lease")
    assert held is not None
    assert held.content == b"19"


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "not-mounted"))
    for use in (lambda: store.read("lease"), lambda: store.create("lease", b""), lambda: store.replace("l", b"", "1")):
        with pytest.raises(LocalError) as caught:
            use()
        assert caught.value.code == "state-unusable"
    assert not (tmp_path / "not-mounted").exists()


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "lease").write_text("no folder")
    with pytest.raises(LocalError) as caught:
        open_store(str(tmp_path)).create("lease", b"")
    assert caught.value.code == "state-unusable"


@pytest.mark.parametrize("text", ["file:///srv/state%20here", "file://localhost/srv/state%20here", "/srv/state here"])
def test_a_path_or_a_file_url_names_the_folder(text: str) -> None:
    assert check_state(text) == "/srv/state here"


@pytest.mark.parametrize("text", ["", " ", "s3://bucket", "https://example.test/x", "file://server/share", "file:"])
def test_what_is_no_folder_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_state(text)
    assert caught.value.code == "bad-state"

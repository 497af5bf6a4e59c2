"""Large objects, which come in parts over several connections."""

import gzip
import hashlib
import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.core.errors import Interrupted, RemoteError
from migrate.ovhcloud import storage
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from migrate.sources.fetch import fetch
from migrate.sources.partial import Partial, Saved, merged, missing
from migrate.sources.ranges import CONNECTIONS, PART, connections
from tests.clouds import logged
from tests.sources.storing import at, content, downloads, put, take
from tests.sources.test_download import child
from tests.waiting import wait_until

pytestmark = pytest.mark.programs

LARGE = os.urandom(50_000_000)
PARTS = -(-len(LARGE) // PART)


def state(folder: Path) -> dict[str, object]:
    """What the state of the one download in the store says."""
    found = list((folder / "store" / "partial").glob("*/*.json"))
    return json.loads(found[0].read_text()) if found else {}


def there(folder: Path) -> int:
    """The bytes of which the state says that they are on the disk."""
    return sum(end - start for start, end in state(folder).get("spans", []))  # type: ignore[attr-defined]


def fetched(sandbox: Path) -> int:
    """Bytes of the object in answers that no fault struck, and that nobody broke off."""
    return sum(line.bytes for line in logged(sandbox) if line.path.endswith("/box/m") and not line.fault)


def tells(cloud: Cloud, identity: str, folder: Path, progress: Callable[..., None] = lambda *_: None) -> list[str]:
    """Fetch, hold the content against what was put last, and return what was told."""
    told: list[str] = []
    artifact = fetch(at(identity, "m"), folder / "store", cloud, progress, stop=threading.Event(), tell=told.append)
    assert content(artifact) == {"m": (folder / "object-0").read_bytes()}
    return told


def test_each_part_comes_once_and_all_of_one_version(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m": LARGE})
    artifact = take(cloud, at(identity, "m"), tmp_path / "store")
    assert content(artifact) == {"m": LARGE}
    assert artifact.files[0].digest == f"sha256:{hashlib.sha256(LARGE).hexdigest()}"
    assert sorted(downloads(sandbox, "/m")) == sorted(
        [(206, 1), *[(206, PART)] * (PARTS - 1), (206, len(LARGE) - (PARTS - 1) * PART)]
    )


def test_parts_come_side_by_side(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m": LARGE})
    seen = tmp_path / "seen"
    # The first part is held until the test has seen that others go on meanwhile.
    control.fail(sandbox, "hold", service="storage", path_regex="/m$", nth=2, point="during", touch=str(seen))
    done: list[object] = []
    thread = threading.Thread(target=lambda: done.append(take(cloud, at(identity, "m"), tmp_path / "store")))
    thread.start()
    wait_until(lambda: seen.exists() and there(tmp_path) >= len(LARGE) - PART, "the other parts do not come")
    assert not done
    control.release(sandbox)
    thread.join(timeout=60)
    assert len(done) == 1


@pytest.mark.parametrize("kind", ["slo", "dlo"])
def test_large_objects_of_segments(sandbox: Path, tmp_path: Path, cloud: Cloud, kind: str) -> None:
    if kind == "slo":
        identity = put(sandbox, tmp_path, {"m": LARGE}, slo=True)
    else:
        put(sandbox, tmp_path, {"m/1": LARGE[:30_000_000], "m/2": LARGE[30_000_000:]}, "pieces")
        identity = put(sandbox, tmp_path, {"m": b""}, kind={"prefix": "pieces/m/"})
    control.fail(sandbox, "truncated-download", after_bytes=1_000_000, times=3, path_regex="/m$")
    assert content(take(cloud, at(identity, "m"), tmp_path / "store")) == {"m": LARGE}
    assert {status for status, _ in downloads(sandbox, "/box/m")} == {206}


def test_a_compressed_object_is_unpacked_when_all_parts_are_there(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m": gzip.compress(LARGE, 0)}, kind={"encoding": "gzip"})
    artifact = take(cloud, at(identity, "m"), tmp_path / "store")
    assert content(artifact) == {"m": LARGE}
    assert artifact.files[0].digest == f"sha256:{hashlib.sha256(LARGE).hexdigest()}"
    assert len(downloads(sandbox, "/m")) > PARTS


@pytest.mark.slow
def test_damaged_data_is_told_by_its_md5(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m": LARGE}, etag="0" * 32)
    with pytest.raises(RemoteError) as caught:
        take(cloud, at(identity, "m"), tmp_path / "store")
    assert caught.value.code == "corrupt-download"
    assert not (tmp_path / "store" / "artifacts").exists()


def test_a_part_that_is_cut_goes_on_where_it_stopped(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m": LARGE})
    control.fail(sandbox, "truncated-download", after_bytes=5_000_000, nth=2, path_regex="/m$")
    seen: list[tuple[int, int | None]] = []
    assert tells(cloud, identity, tmp_path, lambda *step: seen.append(step)) == []
    assert sum(size for _, size in downloads(sandbox, "/m")) <= len(LARGE) + PARTS * 1_000_000
    assert max(done for done, _ in seen) == len(LARGE)
    assert seen[-1] == (len(LARGE), len(LARGE))


def test_a_stop_keeps_what_arrived(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m": LARGE})
    control.fail(sandbox, "slow", service="storage", path_regex="/m$", bytes_per_second=10_000_000)
    stop = threading.Event()

    def progress(done: int, _: int | None) -> None:
        if done > 10_000_000:
            stop.set()

    with pytest.raises(Interrupted):
        fetch(at(identity, "m"), tmp_path / "store", cloud, progress, stop=stop)
    control.release(sandbox)
    kept = there(tmp_path)
    assert kept > 10_000_000
    assert tells(cloud, identity, tmp_path) == []
    assert fetched(sandbox) == len(LARGE) - kept + 1


def test_a_killed_download_is_resumed_from_what_was_synced(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    data = LARGE * 2
    identity = put(sandbox, tmp_path, {"m": data, "small": b"1"})
    control.fail(sandbox, "slow", service="storage", path_regex="/m$", bytes_per_second=20_000_000)
    with child(sandbox, tmp_path, identity) as process:
        wait_until(lambda: there(tmp_path) >= PART, "no part is written down")
        process.send_signal(signal.SIGKILL)
    control.release(sandbox)
    kept = there(tmp_path)
    assert PART <= kept < len(data)
    assert content(take(cloud, at(identity, "m"), tmp_path / "store")) == {"m": data}
    assert fetched(sandbox) == len(data) - kept + 1


@pytest.mark.parametrize(
    ("cut", "words"),
    [
        (8_000_000, "'m' changed while it was downloaded: the store has another version"),
        # Every part was begun before.
        pytest.param(PART, "Files changed in the storage while they were downloaded", marks=pytest.mark.slow),
    ],
)
def test_an_object_replaced_in_between_is_begun_anew_and_told(
    sandbox: Path, tmp_path: Path, cloud: Cloud, cut: int, words: str
) -> None:
    identity = put(sandbox, tmp_path, {"m": LARGE})
    control.fail(sandbox, "slow", service="storage", path_regex="/m$", bytes_per_second=20_000_000)
    control.fail(sandbox, "truncated-download", after_bytes=cut, times=PARTS, nth=2, path_regex="/m$")
    replaced = threading.Event()

    def progress(done: int, _: int | None) -> None:
        if done > 10_000_000 and not replaced.is_set():
            replaced.set()
            put(sandbox, tmp_path, {"m": os.urandom(40_000_000)})
            control.release(sandbox)  # answers that have begun go on, with the version that they began with

    told = tells(cloud, identity, tmp_path, progress)
    assert len(told) == 1
    assert words in told[0]


@pytest.mark.slow
def test_an_object_that_keeps_changing_is_given_up(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m": LARGE})
    control.fail(sandbox, "truncated-download", after_bytes=1_000_000, path_regex="/m$", nth=2)
    turn = threading.Lock()
    last = 0

    def progress(done: int, _: int | None) -> None:
        nonlocal last
        with turn:
            if done > last + 500_000 or done < last:
                last = done
                put(sandbox, tmp_path, {"m": os.urandom(40_000_000)})

    with pytest.raises(RemoteError) as caught:
        fetch(at(identity, "m"), tmp_path / "store", cloud, progress, stop=threading.Event())
    assert caught.value.code == "object-changed"


@pytest.mark.parametrize("same_second", [pytest.param(False, marks=pytest.mark.slow), True])
def test_an_object_replaced_between_two_runs_is_told(
    sandbox: Path, tmp_path: Path, cloud: Cloud, *, same_second: bool
) -> None:
    identity = put(sandbox, tmp_path, {"m": LARGE})
    stop = threading.Event()
    with pytest.raises(Interrupted):
        fetch(at(identity, "m"), tmp_path / "store", cloud, lambda done, _: done and stop.set(), stop=stop)
    kept, before = there(tmp_path), fetched(sandbox)
    assert kept
    put(sandbox, tmp_path, {"m": os.urandom(len(LARGE))})
    listed = storage.objects(cloud, identity, "m")[0].last_modified[:19]
    former = listed if same_second else "2022-01-01T00:00:00"  # in the same second only the ETag tells
    (file,) = (tmp_path / "store" / "partial").glob("*/*.json")
    file.write_text(json.dumps({**state(tmp_path), "last_modified": former}))
    told = tells(cloud, identity, tmp_path)
    assert len(told) == 1
    assert f"{kept:,} bytes" in told[0]
    assert fetched(sandbox) - before == len(LARGE) + 1


def test_what_was_received_in_order_is_a_part(tmp_path: Path) -> None:
    partial = Partial(tmp_path / "m.partial")
    (tmp_path / "m.partial").write_bytes(b"x" * 1000)
    saved = partial.adopt(Saved(etag="e", size=5000, last_modified="t"))
    assert saved.spans == ((0, 1000),)
    assert partial.saved() == saved
    assert partial.parts.stat().st_size == 1000
    assert not partial.stream.exists()


def test_a_part_that_the_disk_lost_is_not_counted(tmp_path: Path) -> None:
    partial = Partial(tmp_path / "m.partial")
    partial.parts.write_bytes(b"x" * 1000)
    saved = Saved(etag="e", size=5000, last_modified="t", spans=((0, 900), (950, 1200)))
    assert partial.adopt(saved).spans == ((0, 900),)
    partial.parts.unlink()
    assert partial.adopt(saved).spans == ()


def test_what_is_missing() -> None:
    assert merged([(5, 7), (0, 2), (2, 3), (6, 9), (4, 4)]) == ((0, 3), (5, 9))
    assert missing([], 25, 10) == [(0, 10), (10, 20), (20, 25)]
    assert missing([(3, 12)], 25, 10) == [(0, 3), (12, 20), (20, 25)]
    assert missing([(0, 25)], 25, 10) == []


@pytest.mark.parametrize(("text", "number"), [("", CONNECTIONS), ("1", 1), ("0", 1), ("99", 16), ("many", CONNECTIONS)])
def test_the_number_of_connections_is_a_setting(text: str, number: int) -> None:
    assert connections({"MIGRATE_DOWNLOAD_CONNECTIONS": text}) == number

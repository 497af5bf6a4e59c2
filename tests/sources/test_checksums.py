"""Damage on the way is told by the MD5 of an object or of its segments; where nothing tells it, that is said."""

import hashlib
import os
import threading
from pathlib import Path

import pytest

from migrate.core.errors import RemoteError
from migrate.core.values import ModelRecord
from migrate.ovhcloud import objects
from migrate.ovhcloud.session import Cloud
from migrate.ovhcloud.stored import Segment
from migrate.ovhcloud.swift import object_store
from migrate.sandbox import control
from migrate.sources.checksums import SegmentCheck, segment_check
from migrate.sources.fetch import fetch
from tests.clouds import QUICK
from tests.sources.storing import at, content, downloads, put

PIECES = [os.urandom(size) for size in (200_000, 300_000, 1)]
MODEL = b"".join(PIECES)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "STORAGE_RETRY", QUICK)


def fetched(cloud: Cloud, record: ModelRecord, folder: Path) -> tuple[dict[str, bytes], list[str]]:
    """The files, and what was told."""
    told: list[str] = []
    made = fetch(record, folder / "store", cloud, lambda *_: None, stop=threading.Event(), tell=told.append)
    return content(made), told


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def static(sandbox: Path, folder: Path) -> str:
    names = [f"p/{number}" for number in range(len(PIECES))]
    put(sandbox, folder, dict(zip(names, PIECES, strict=True)), "box_segments")
    return put(sandbox, folder, {"m": b""}, kind={"segments": [f"box_segments/{name}" for name in names]})


@pytest.mark.parametrize("place", [199_999, pytest.param(200_000, marks=pytest.mark.slow), 500_000])
def test_a_byte_of_a_segment_that_changed_on_the_way_is_noticed(
    sandbox: Path, tmp_path: Path, cloud: Cloud, place: int
) -> None:
    identity = static(sandbox, tmp_path)
    control.fail(sandbox, "changed-download", at=place, times=1, path_regex="/box/m$")
    assert fetched(cloud, at(identity, "m"), tmp_path) == ({"m": MODEL}, [])
    assert downloads(sandbox, "/box/m") == [(200, len(MODEL))] * 2


def test_a_segment_that_is_damaged_in_the_store_is_told(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m": MODEL}, slo=True, etag="0" * 32)
    with pytest.raises(RemoteError) as caught:
        fetched(cloud, at(identity, "m"), tmp_path)
    assert caught.value.code == "corrupt-download"


@pytest.mark.slow
def test_a_byte_of_a_part_that_changed_on_the_way_is_noticed(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    large = os.urandom(40_000_000)
    identity = put(sandbox, tmp_path, {"m": large}, slo=True)
    control.fail(sandbox, "changed-download", at=1_000_000, times=1, nth=3, path_regex="/box/m$")
    assert fetched(cloud, at(identity, "m"), tmp_path) == ({"m": large}, [])


def test_what_nothing_checks_is_said_to_be_unchecked_once(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    put(sandbox, tmp_path, {"m/1": PIECES[0], "m/2": PIECES[1]}, "pieces")
    identity = put(sandbox, tmp_path, {"m": b""}, kind={"prefix": "pieces/m/"})
    control.fail(sandbox, "truncated-download", after_bytes=100_000, times=2, path_regex="/box/m$")
    files, told = fetched(cloud, at(identity, "m"), tmp_path)
    assert files == {"m": PIECES[0] + PIECES[1]}
    (text,) = told
    assert "counted and not checked" in text


def test_a_manifest_is_of_use_where_it_is_of_that_version_and_has_the_md5_of_every_byte(
    sandbox: Path, tmp_path: Path, cloud: Cloud
) -> None:
    identity = static(sandbox, tmp_path)
    store = object_store(cloud, container_id=identity, container="box", region="GRA")
    segments = store.segments("m")
    assert segments == tuple(
        Segment(path=f"box_segments/p/{number}", size=len(piece), etag=md5(piece), is_whole=True)
        for number, piece in enumerate(PIECES)
    )
    etag = store.facts_now("m").etag
    size = len(MODEL)
    assert segment_check(store, "m", etag=etag, size=size) is not None
    assert segment_check(store, "m", etag="0" * 32, size=size) is None
    assert segment_check(store, "m", etag=etag, size=size + 1) is None
    assert segment_check(store, "gone", etag=etag, size=size) is None


def test_bytes_are_told_in_any_pieces() -> None:
    segments = [Segment(path="c/a", size=len(piece), etag=md5(piece), is_whole=True) for piece in (b"abc", b"", b"de")]
    for step in (1, 2, 3, 5):
        check = SegmentCheck(segments)
        for start in range(0, 5, step):
            assert not check.fits()
            check.update(b"abcde"[start : start + step])
        assert check.fits()
    wrong = SegmentCheck(segments)
    wrong.update(b"abXde")
    assert not wrong.fits()

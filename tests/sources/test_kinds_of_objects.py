"""Objects that are not what a listing says: large ones, links, encoded and expired ones, markers."""

import gzip
import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.core.errors import LocalError, MigrateError, NeedsYouError, RefusedError, RemoteError
from migrate.core.names import digest_of
from migrate.core.values import Listing, to_json
from migrate.ovhcloud import objects, storage
from migrate.ovhcloud.session import Cloud
from migrate.ovhcloud.swift import object_store
from migrate.sandbox import control
from migrate.sources import large_objects
from migrate.sources.large_objects import sources_of
from migrate.sources.listing import list_models
from migrate.sources.look import open_model
from migrate.sources.reference import parse_source
from tests.clouds import QUICK, calls
from tests.sources.storing import at, content, downloads, put, take

MODEL = b"ONNX" + os.urandom(50_000)
ROADS = pytest.mark.parametrize("token", [False, True], ids=["by-url", "by-token"])


def recognise(name: str, size: int, read: Callable[[int, int], bytes]) -> str | None:
    return "onnx" if read(0, 4) == b"ONNX" and len(read(size - 1, 1)) == 1 else None


class Box:
    """A container, put into and listed by one road or the other."""

    def __init__(self, sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
        self.sandbox, self._tmp_path, self._cloud = sandbox, tmp_path, cloud
        self.id = ""

    def put(self, name: str, data: bytes = b"", *, container: str = "box", **kind: object) -> None:
        given = put(self.sandbox, self._tmp_path, {name: data}, container, kind=kind)
        self.id = given if container == "box" else self.id

    def pieces(self, prefix: str, container: str = "box") -> list[str]:
        """The model in three segments."""
        names = [f"{prefix}{number:02}" for number in range(3)]
        for number, name in enumerate(names):
            self.put(name, MODEL[number * 20_000 : (number + 1) * 20_000], container=container)
        return [f"{container}/{name}" for name in names]

    def by_token(self) -> None:
        """List and read the container by Swift itself, as one with many objects is."""
        object_store(self._cloud, container_id=self.id, container="box", region="GRA").many(100)

    def list(self, source: str = "box@GRA") -> Listing:
        return list_models(parse_source(source), self._cloud, recognise)

    def models(self) -> dict[str, str]:
        return {item.id: item.location.path for item in self.list().models}  # type: ignore[union-attr]

    def ignored(self) -> dict[str, str]:
        return {item.path: item.reason for item in self.list().ignored}

    def take(self, path: str) -> dict[str, bytes]:
        return content(take(self._cloud, at(self.id, path), self._tmp_path / "store"))


@pytest.fixture
def box(sandbox: Path, tmp_path: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Box:
    monkeypatch.setattr(objects, "STORAGE_RETRY", QUICK)
    return Box(sandbox, tmp_path, cloud)


@ROADS
@pytest.mark.parametrize("prefix", ["x.onnx_", "x.onnx/", "elsewhere/part"])
def test_a_dynamic_large_object_is_one_file(box: Box, prefix: str, token: bool) -> None:
    box.pieces(prefix)
    box.put("x.onnx", prefix=f"box/{prefix}")
    if token:
        box.by_token()
    assert box.models() == {"x": "x.onnx"}
    assert box.ignored() == {f"{prefix}0*": "3 segments of the large object 'x.onnx'"}
    assert box.take("x.onnx") == {"x.onnx": MODEL}


@ROADS
@pytest.mark.parametrize("prefix", ["m/big.onnx/", "m/big.onnx_", "m/parts/", "parts/"])
def test_a_static_large_object_is_one_file(box: Box, prefix: str, token: bool) -> None:
    box.put("m/big.onnx", segments=box.pieces(prefix))
    if token:
        box.by_token()
    assert box.models() == {"m": "m"}
    assert box.ignored() == {f"{prefix}0*": "3 segments of the large object 'm/big.onnx'"}
    assert box.take("m") == {"big.onnx": MODEL}


def test_a_large_object_that_nobody_has_read_is_told_before_it_is_fetched(box: Box) -> None:
    box.put("m/model.onnx", MODEL)
    box.put("m/weights", segments=box.pieces("m/parts/"))
    assert box.take("m") == {"model.onnx": MODEL, "weights": MODEL}


@ROADS
def test_segments_in_a_container_of_their_own_are_no_source(box: Box, token: bool, cloud: Cloud) -> None:
    box.put("slo.onnx", segments=box.pieces("slo.onnx/", "box_segments"))
    box.pieces("dlo.onnx/", "box+segments")
    box.put("dlo.onnx", prefix="box+segments/dlo.onnx/")
    if token:
        box.by_token()
    assert box.models() == {"slo": "slo.onnx", "dlo": "dlo.onnx"}
    assert box.take("slo.onnx") == {"slo.onnx": MODEL}
    assert box.take("dlo.onnx") == {"dlo.onnx": MODEL}
    assert not {"box_segments", "box+segments"} & {item.name for item in sources_of(storage.containers(cloud))}
    listing = box.list("box_segments@GRA")
    assert listing.models == ()
    assert "list that one" in listing.ignored[0].reason


def test_a_container_that_only_sounds_like_segments_is_a_source(box: Box) -> None:
    box.put("m.onnx", MODEL, container="lone_segments")
    assert [model.id for model in box.list("lone_segments@GRA").models] == ["m"]


def test_older_versions_are_no_files(box: Box) -> None:
    box.put("m/m.onnx", MODEL)
    box.put("008m/m.onnx/1795827705.20441", MODEL)
    assert box.models() == {"m": "m"}
    assert box.ignored() == {"008m/m.onnx/1795827705.20441": "1 older versions of objects"}


@ROADS
def test_a_link_is_the_file_that_it_leads_to(box: Box, token: bool) -> None:
    box.put("real.onnx", MODEL, container="other")
    box.put("m.onnx", link="other/real.onnx")
    box.put("n/model.onnx", MODEL)
    box.put("n/weights.bin", link="other/real.onnx")
    box.put("nowhere.onnx", link="other/nothing")
    if token:
        box.by_token()
    assert box.models() == {"m": "m.onnx", "n": "n"}
    assert "links to what is not there" in box.ignored()["nowhere.onnx"]
    assert box.take("m.onnx") == {"m.onnx": MODEL}
    assert box.take("n") == {"model.onnx": MODEL, "weights.bin": MODEL}


def test_a_large_object_is_resumed(box: Box) -> None:
    box.pieces("x_")
    box.put("x.onnx", prefix="box/x_")
    control.fail(box.sandbox, "truncated-download", after_bytes=30_000, times=1, path_regex="x.onnx")
    assert box.take("x.onnx") == {"x.onnx": MODEL}
    assert [status for status, _ in downloads(box.sandbox, "x.onnx")] == [200, 206]


@ROADS
def test_what_cannot_be_read_costs_its_own_model_only(box: Box, token: bool) -> None:
    box.put("iris.onnx", MODEL)
    box.put("bad/slo.onnx", segments=box.pieces("p", "box_segments"))
    box.put("p00", MODEL[:20_000], container="box_segments", expired=True)
    box.put("old.onnx", MODEL, expired=True)
    box.put("dots/../up.onnx", MODEL)
    box.put("good/./model.onnx", MODEL)
    box.put("good/model.onnx", MODEL)
    box.put("odd.onnx", MODEL, encoding="br")
    if token:
        box.by_token()
    assert box.models() == {"iris": "iris.onnx", "good": "good"}
    ignored = box.ignored()
    assert "a segment of it is missing" in ignored["bad/"]
    assert "expired" in ignored["old.onnx"]
    assert "is refused: a part of it is empty, '.' or '..'" in ignored["dots/"]
    assert "Content-Encoding br" in ignored["odd.onnx"]
    assert not downloads(box.sandbox, "up.onnx")
    for path, kind, code in [
        ("bad", NeedsYouError, "object-unreadable"),
        ("old.onnx", RemoteError, "object-gone"),
        ("dots", RefusedError, "hostile-path"),
        ("odd.onnx", NeedsYouError, "encoded-object"),
    ]:
        with pytest.raises(kind) as caught:
            box.take(path)
        assert isinstance(caught.value, MigrateError)
        assert caught.value.code == code


def test_names_that_a_client_changes_are_not_asked_for(box: Box) -> None:
    box.put("a.onnx", MODEL)
    box.put("d/../a.onnx", b"another")
    box.by_token()
    listing = box.list("box@GRA/d")
    assert listing.models == ()
    with pytest.raises(RefusedError):
        box.take("d")
    assert not downloads(box.sandbox, "a.onnx")


@pytest.mark.parametrize("status", [401, 403, 404, 409, 412, 500, 507])
def test_an_answer_about_one_object_is_about_that_object(box: Box, status: int) -> None:
    for name in ("a.onnx", "b.onnx", "c.onnx"):
        box.put(name, MODEL)
    control.fail(box.sandbox, "5xx", service="storage", status=status, path_regex="/b.onnx")
    assert box.models() == {"a": "a.onnx", "c": "c.onnx"}
    assert box.ignored()["b.onnx"].startswith("it cannot be read: ")


def test_a_storage_that_gives_nothing_is_an_error(box: Box) -> None:
    for number in range(9):
        box.put(f"{number}.onnx", MODEL)
    control.fail(box.sandbox, "5xx", service="storage", status=503)
    with pytest.raises(RemoteError) as caught:
        box.list()
    assert caught.value.code == "storage-unavailable"


def test_the_size_of_a_large_object_is_not_the_listed_one(box: Box, cloud: Cloud) -> None:
    box.pieces("dlo.onnx/", "box_segments")
    box.put("dlo.onnx", prefix="box_segments/dlo.onnx/")
    box.put("folder/")
    box.put("folder/m.onnx", MODEL)
    seen = [open_model(at(box.id, path), cloud, stopped=lambda: False) for path in ("dlo.onnx", "folder")]
    assert [files.sizes for files in seen] == [{"dlo.onnx": len(MODEL)}, {"m.onnx": len(MODEL)}]


def test_some_objects_that_the_store_does_not_give_hide_no_others(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_objects, "AT_ONCE", 1)
    for number in range(5):
        box.put(f"{number}.empty")
    box.put("m.onnx", MODEL)
    control.fail(box.sandbox, "5xx", service="storage", status=503, path_regex="/[1-4].empty")
    assert box.models() == {"m": "m.onnx"}
    assert box.ignored()["3.empty"].startswith("it cannot be read: ")


@pytest.mark.parametrize("status", [401, 403, 409])
def test_a_url_that_does_not_reach_is_followed_by_a_token(box: Box, status: int) -> None:
    box.put("m.onnx", MODEL)
    control.fail(box.sandbox, "5xx", service="storage", status=status, times=1)
    assert box.models() == {"m": "m.onnx"}
    assert box.take("m.onnx") == {"m.onnx": MODEL}
    assert calls(box.sandbox, "POST", "/storage/access") == 1


@pytest.mark.parametrize("status", [408, 429, 498, 507])
def test_a_read_waits_as_long_as_it_is_asked_to(box: Box, status: int) -> None:
    box.put("m.onnx", MODEL)
    control.fail(box.sandbox, "5xx", service="storage", status=status, times=2)
    assert box.models() == {"m": "m.onnx"}


@ROADS
@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
def test_what_is_stored_as_compressed_is_the_file_that_it_stands_for(
    box: Box, pack: Callable[[bytes], bytes], token: bool
) -> None:
    coding = "gzip" if pack is gzip.compress else "deflate"
    box.put("m/model.onnx", pack(MODEL), encoding=coding)
    box.put("lie.onnx", MODEL, encoding=coding)
    box.put("half.onnx", pack(MODEL)[:30_000], encoding=coding)
    if token:
        box.by_token()
    assert box.models() == {"m": "m", "lie": "lie.onnx"}
    assert "does not unpack" in box.ignored()["half.onnx"]
    assert box.take("m") == {"model.onnx": MODEL}
    assert box.take("lie.onnx") == {"lie.onnx": MODEL}
    with pytest.raises(NeedsYouError) as caught:
        box.take("half.onnx")
    assert caught.value.code == "object-unreadable"


def test_a_compressed_object_is_resumed_and_checked_as_it_is_stored(box: Box) -> None:
    data = MODEL * 20
    box.put("m.onnx", gzip.compress(data) + gzip.compress(b"more"), encoding="gzip")
    control.fail(box.sandbox, "truncated-download", after_bytes=500_000, times=1)
    assert box.take("m.onnx") == {"m.onnx": data + b"more"}
    assert [status for status, _ in downloads(box.sandbox, "m.onnx")] == [200, 206]


def test_what_was_unpacked_and_not_put_in_its_place_is_not_taken_for_the_bytes_as_stored(
    box: Box, tmp_path: Path, cloud: Cloud
) -> None:
    box.put("m.onnx", gzip.compress(MODEL * 20), encoding="gzip")
    record, store = at(box.id, "m.onnx"), tmp_path / "another store"
    partial = store / "partial" / digest_of(to_json(record.location).decode())[:40]
    in_the_way = partial / "files" / "m.onnx" / "x"
    in_the_way.mkdir(parents=True)
    with pytest.raises(LocalError):
        take(cloud, record, store)
    shutil.rmtree(in_the_way.parent)
    assert content(take(cloud, record, store)) == {"m.onnx": MODEL * 20}
    assert [status for status, _ in downloads(box.sandbox, "m.onnx")] == [200, 416], "it comes once"


def test_markers_are_no_files_whatever_is_in_them(box: Box) -> None:
    box.put("m/", b"\n")
    box.put("m/model.onnx", MODEL)
    assert box.models() == {"m": "m"}
    assert box.take("m") == {"model.onnx": MODEL}


def test_a_segment_that_is_missing_later_is_named_as_that(box: Box) -> None:
    box.put("m.onnx", segments=box.pieces("p", "box_segments"))
    box.put("p02", MODEL[40_000:], container="box_segments", expired=True)
    with pytest.raises(MigrateError) as caught:
        box.take("m.onnx")
    assert (
        "one of its segments may be missing" in caught.value.what or "a segment of it is missing" in caught.value.what
    )


def test_an_empty_object_is_a_file(box: Box) -> None:
    box.put("m/model.onnx", MODEL)
    box.put("m/empty")
    assert box.take("m") == {"model.onnx": MODEL, "empty": b""}

"""S3 buckets of the project, listed and read by OVHcloud's API, and containers of the same name."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.core.errors import ConfigurationError, MigrateError, NeedsYouError, UsageError
from migrate.core.values import BucketLocation, ContainerLocation, Listing, ModelRecord
from migrate.migration.journey.revisions import revisions
from migrate.ovhcloud import objects, presigned, s3
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from migrate.sources.listing import list_models
from migrate.sources.reference import parse_source
from tests.clouds import QUICK, calls, logged, open_cloud
from tests.sources.storing import content, put, take

MODEL = b"ONNX" + os.urandom(50_000)
PARTIAL = "store/partial/*/*.partial"


def recognise(name: str, size: int, read: Callable[[int, int], bytes]) -> str | None:
    return "onnx" if read(0, 4) == b"ONNX" and len(read(size - 1, 1)) == 1 else None


class Shelf:
    """The sandbox's storage, seen through one session."""

    def __init__(self, sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
        self.sandbox, self.tmp_path, self.cloud = sandbox, tmp_path, cloud

    def put(self, content: dict[str, bytes], name: str = "shelf", *, s3: bool = True, **details: object) -> None:
        put(self.sandbox, self.tmp_path, content, name, s3=s3, **details)

    def list(self, source: str = "shelf@GRA") -> Listing:
        return list_models(parse_source(source), self.cloud, recognise)

    def take(self, record: ModelRecord, stop: threading.Event | None = None) -> dict[str, bytes]:
        return content(take(self.cloud, record, self.tmp_path / "store", stop))


@pytest.fixture
def shelf(sandbox: Path, tmp_path: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setattr(objects, "STORAGE_RETRY", QUICK)
    return Shelf(sandbox, tmp_path, cloud)


def place(path: str) -> BucketLocation:
    return BucketLocation(bucket="shelf", region="GRA", endpoint=None, path=path)


def test_a_bucket_is_listed_and_fetched(shelf: Shelf) -> None:
    odd = {f"iris/{name}": name.encode() for name in ("a b", "100%25", "q?x=1#", "ü/日本", "a+b")}
    shelf.put({"iris/v1/model.onnx": MODEL, "other.onnx": MODEL, "notes.txt": b"text", "iris/": b"", **odd})
    listing = shelf.list("shelf@gra")
    assert (listing.source, listing.region) == ("shelf@GRA", "GRA")
    assert [(model.id, model.location) for model in listing.models] == [
        ("iris", place("iris")),
        ("other", place("other.onnx")),
    ]
    assert [item.path for item in listing.ignored] == ["notes.txt"]
    expected = {name.removeprefix("iris/"): data for name, data in odd.items()} | {"v1/model.onnx": MODEL}
    assert shelf.take(listing.models[0]) == expected
    assert [model.location for model in shelf.list("s3:shelf@GRA/other.onnx").models] == [place("other.onnx")]
    assert shelf.take(listing.models[1]) == {"other.onnx": MODEL}


def test_each_object_takes_one_presigned_url(shelf: Shelf) -> None:
    shelf.put({"m/model.onnx": MODEL, "m/w.bin": b"w"})
    (record,) = shelf.list("s3:shelf@GRA").models
    shelf.take(record)
    assert calls(shelf.sandbox, "POST", "/presign") == 2
    assert calls(shelf.sandbox, "POST", "/storage/access") == 0
    assert calls(shelf.sandbox, "GET", "/cloud/project/{serviceName}/storage") == 0


def test_more_objects_than_one_page_holds(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "_PAGE", 3)
    names = [f"m/{number}" for number in range(7)]
    shelf.put({"m/model.onnx": MODEL, **dict.fromkeys(names, b"x")})
    (record,) = shelf.list().models
    assert set(shelf.take(record)) == {"model.onnx", *(name.removeprefix("m/") for name in names)}


def test_a_name_of_both_has_to_be_told_apart(shelf: Shelf) -> None:
    shelf.put({"bucket.onnx": MODEL}, "both")
    shelf.put({"container.onnx": MODEL}, "both", s3=False)
    with pytest.raises(UsageError) as caught:
        shelf.list("both@GRA/a b")
    assert (caught.value.code, caught.value.exit_code) == ("ambiguous-source", 2)
    assert "swift:both@GRA/a b" in caught.value.next_step
    assert "s3:both@GRA/a b" in caught.value.next_step
    swift, bucket = shelf.list("swift:both@GRA"), shelf.list("s3:both@GRA")
    assert [model.id for model in swift.models] == ["container"]
    assert isinstance(swift.models[0].location, ContainerLocation)
    assert [model.id for model in bucket.models] == ["bucket"]
    assert (swift.source, bucket.source) == ("swift:both@GRA", "s3:both@GRA")
    shelf.put({"there.onnx": MODEL}, "both", region="SBG")
    assert [model.id for model in shelf.list("both@SBG").models] == ["there"]


def test_an_unknown_name_is_told_with_what_there_is(shelf: Shelf) -> None:
    shelf.put({"a.onnx": MODEL})
    for source, named in (("shelv@GRA", "Did you mean shelf@GRA?"), ("s3:models@GRA", "shelf@GRA")):
        with pytest.raises(ConfigurationError) as caught:
            shelf.list(source)
        assert caught.value.code == "unknown-container"
        assert named in caught.value.next_step
    with pytest.raises(ConfigurationError) as caught:
        shelf.list("swift:modles@GRA")
    assert caught.value.next_step == "Did you mean models@GRA?"
    with pytest.raises(ConfigurationError) as caught:
        shelf.list("shelf@NOWHERE")
    assert "region" in caught.value.what


def test_keys_without_a_right_to_buckets_still_open_containers(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    put(sandbox, tmp_path, {"a.onnx": MODEL}, "box")
    control.fail(sandbox, "not-granted", path_regex="/region/[^/]+/storage")
    assert [model.id for model in list_models(parse_source("box@GRA"), cloud, recognise).models] == ["a"]
    with pytest.raises(ConfigurationError) as caught:
        list_models(parse_source("other@GRA"), cloud, recognise)
    assert caught.value.code == "unknown-container"
    assert "buckets cannot be seen" in caught.value.what
    region = s3.all_buckets(cloud)
    assert region.buckets == ()
    assert region.refusal is not None
    assert region.refusal.code == "not-granted"


def test_a_cut_download_goes_on_where_it_was(shelf: Shelf) -> None:
    big = os.urandom(3_000_000)
    shelf.put({"m/big.bin": big}, etag="0123456789abcdef0123456789abcdef-2")
    control.fail(shelf.sandbox, "truncated-download", after_bytes=1_000_000, times=1)
    assert shelf.take(ModelRecord(id="m", source="s", location=place("m"))) == {"big.bin": big}
    gets = [line for line in logged(shelf.sandbox) if line.path.startswith("/s3/") and line.method == "GET"]
    assert [line.status for line in gets] == [200, 206]
    assert gets[1].bytes < 2_100_000


def test_damaged_bytes_are_told_where_the_store_gives_their_md5(shelf: Shelf) -> None:
    shelf.put({"m/big.bin": MODEL}, etag="0" * 32)
    with pytest.raises(MigrateError) as caught:
        shelf.take(ModelRecord(id="m", source="s", location=place("m")))
    assert caught.value.code == "corrupt-download"


def test_objects_that_are_listed_as_empty_are_asked_for(shelf: Shelf) -> None:
    """Swift's own S3 interface lists dynamic large objects with 0 bytes."""
    shelf.put({"m/pieces/00": MODEL[:20_000], "m/pieces/01": MODEL[20_000:], "m/empty": b""})
    shelf.put({"m/model.onnx": b""}, kind={"prefix": "shelf/m/pieces/"})
    (record,) = shelf.list().models
    files = shelf.take(record)
    assert files["model.onnx"] == MODEL
    assert files["empty"] == b""


def test_an_url_that_is_no_longer_good_is_made_anew(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.put({"m/model.onnx": MODEL})
    (record,) = shelf.list().models
    store = s3.bucket_store(shelf.cloud, bucket="shelf", region="GRA")
    old = store._urls["m/model.onnx"]
    monkeypatch.setitem(store._urls, "m/model.onnx", presigned.SignedUrl(old.url[:-3] + "000", {}))
    assert shelf.take(record) == {"model.onnx": MODEL}
    assert calls(shelf.sandbox, "POST", "/presign") == 2


def test_an_archive_has_to_be_restored(shelf: Shelf) -> None:
    shelf.put({"m/model.onnx": MODEL}, archive=True)
    with pytest.raises(NeedsYouError) as caught:
        shelf.take(ModelRecord(id="m", source="s", location=place("m")))
    assert caught.value.code == "sealed-archive"


def test_no_files_there(shelf: Shelf) -> None:
    shelf.put({"m/model.onnx": MODEL})
    with pytest.raises(NeedsYouError) as caught:
        shelf.take(ModelRecord(id="x", source="s", location=place("x")))
    assert caught.value.code == "no-files"
    assert "s3:shelf@GRA/x" in caught.value.what


def test_a_revision_tells_a_new_upload(shelf: Shelf) -> None:
    shelf.put({"m/model.onnx": MODEL, "n/model.onnx": MODEL})
    records = shelf.list().models
    before = revisions(shelf.cloud, records, jobs=2)
    shelf.put({"m/model.onnx": MODEL + b"x"})
    after = revisions(shelf.cloud, records, jobs=2)
    assert before["m"] != after["m"]
    assert before["n"] == after["n"] != ""


def test_every_region_is_looked_into(shelf: Shelf, sandbox: Path, tmp_path: Path) -> None:
    shelf.put({"a": b"1"})
    shelf.put({"b": b"22", "c": b"3"}, "far", region="BHS")
    with open_cloud(sandbox, tmp_path) as cloud:
        found = s3.all_buckets(cloud)
    assert found.refusal is None
    assert {(item.name, item.region, item.objects_count, item.objects_size) for item in found.buckets} == {
        ("shelf", "GRA", 1, 1),
        ("far", "BHS", 2, 3),
    }

"""Object Storage itself."""

import base64
import gzip
import hashlib
import hmac
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from migrate.sandbox import control
from migrate.sandbox.base.settings import Folder
from migrate.sandbox.storage.conditions import find_spans

MD5 = hashlib.md5(b"0123456789", usedforsecurity=False).hexdigest()


class Store:
    """The region GRA of a sandbox's object storage."""

    def __init__(self, box: Any, http: requests.Session) -> None:
        access = box.client().post(box.path("/storage/access"))
        (self.url,) = [item["url"] for item in access["endpoints"] if item["region"] == "GRA"]
        self.headers = {"X-Auth-Token": access["token"]}
        self._http = http

    def get(self, path: str, method: str = "GET", **headers: str) -> requests.Response:
        return self._http.request(method, self.url + path, headers=self.headers | headers)


@pytest.fixture
def store(box: Any, http: requests.Session, tmp_path: Path) -> Store:
    file = tmp_path / "content"
    file.write_bytes(b"0123456789")
    for name in ("a", "a/1", "a/2/x", "b", "dir/", "é"):
        control.put_object(box.folder, "c", name, file)
    return Store(box, http)


def test_listings(store: Store) -> None:
    names = ["a", "a/1", "a/2/x", "b", "dir/", "é"]
    listed = store.get("/c?format=json")
    assert [item["name"] for item in listed.json()] == names
    assert listed.headers["X-Container-Object-Count"] == "6"
    assert listed.json()[0]["hash"] == MD5
    assert listed.json()[0]["bytes"] == 10

    def found(query: str) -> list[str]:
        return [item.get("name") or item["subdir"] for item in store.get(f"/c?format=json&{query}").json()]

    assert found("prefix=a/") == ["a/1", "a/2/x"]
    assert found("limit=2") == ["a", "a/1"]
    assert found("limit=2&marker=a/1") == ["a/2/x", "b"]
    assert found("marker=%C3%A9") == []
    assert found("delimiter=/") == ["a", "a/", "b", "dir/", "é"]
    assert found("delimiter=/&prefix=a/") == ["a/1", "a/2/"]
    assert found("end_marker=b") == ["a", "a/1", "a/2/x"]
    assert store.get("/c").text.splitlines() == names
    assert store.get("/c?prefix=nothing").status_code == 204
    assert "c" in [item["name"] for item in store.get("?format=json").json()]


def test_an_object(store: Store) -> None:
    answer = store.get("/c/a/2/x")
    assert answer.content == b"0123456789"
    assert answer.headers["ETag"] == MD5
    assert answer.headers["X-Trans-Id"].startswith("tx")
    head = store.get("/c/a/2/x", "HEAD")
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", "10")
    assert store.get("/c/nothing").status_code == 404
    assert store.get("/nothing/a").status_code == 404


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("bytes=0-3", 206, b"0123"),
        ("bytes=4-", 206, b"456789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=8-100", 206, b"89"),
        ("bytes=0-", 206, b"0123456789"),
        ("bytes=10-", 416, None),
        ("bytes=5-4", 200, b"0123456789"),
        ("bytes=-0", 416, None),
        ("bytes=0-1,20-30", 206, b"01"),
        ("bytes=0-1,5-4", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
        ("bytes=a-b", 200, b"0123456789"),
    ],
)
def test_ranges(store: Store, asked: str, status: int, content: bytes | None) -> None:
    answer = store.get("/c/a", Range=asked)
    assert answer.status_code == status
    if content is None:
        assert answer.headers["Content-Range"] == "bytes */10"
    else:
        assert answer.content == content


def test_several_ranges(store: Store) -> None:
    answer = store.get("/c/a", Range="bytes=0-1, -2")
    boundary = answer.headers["Content-Type"].removeprefix("multipart/byteranges;boundary=")
    parts = answer.content.split(f"--{boundary}".encode())
    assert answer.status_code == 206
    assert [part.partition(b"\r\n\r\n")[2] for part in parts[1:-1]] == [b"01\r\n", b"89\r\n"]
    assert b"Content-Range: bytes 8-9/10\r\n" in parts[2]


def test_conditions(store: Store) -> None:
    past, future = "Mon, 01 Jan 2018 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
    asked = {
        "If-None-Match": (MD5, "other"),
        "If-Match": ("other", f'"{MD5}"'),
        "If-Modified-Since": (future, past),
        "If-Unmodified-Since": (past, future),
    }
    for name, (stopped, passed) in asked.items():
        answer = store.get("/c/a", **{name: stopped})
        status = 304 if name in {"If-None-Match", "If-Modified-Since"} else 412
        assert (answer.status_code, answer.headers["ETag"]) == (status, MD5)
        assert store.get("/c/a", **{name: passed}).content == b"0123456789"
    assert store.get("/c/a", **{"If-None-Match": "*"}).content == b""


def test_if_range_is_not_looked_at(store: Store) -> None:
    tag = store.get("/c/a").headers["ETag"]
    for shown in (tag, "other"):
        assert store.get("/c/a", **{"Range": "bytes=5-", "If-Range": shown}).content == b"56789"


@given(size=st.integers(0, 50), first=st.integers(0, 60), length=st.integers(0, 60))
def test_a_span_stays_in_the_object(size: int, first: int, length: int) -> None:
    content = bytes(range(size))
    for text in (f"bytes={first}-{first + length}", f"bytes={first}-", f"bytes=-{length}", ""):
        for span in find_spans(text, size) or ():
            piece = content[span.start : span.start + span.length]
            assert len(piece) == span.length > 0
            if text == f"bytes={first}-{first + length}":
                assert piece == content[first : first + length + 1]


def test_a_temporary_url_is_checked(box: Any, http: requests.Session, store: Store) -> None:
    (identity,) = [item["id"] for item in box.client().get(box.path("/storage")) if item["name"] == "c"]
    path = box.path(f"/storage/{identity}/publicUrl")
    url = box.client().post(path, objectName="a/1", expirationDate="2099-01-01T00:00:00Z")["getURL"]
    assert http.get(url).status_code == 200
    assert http.head(url).status_code == 200
    assert http.get(url.replace("/a/1?", "/b?")).status_code == 401
    assert http.get(url.replace("temp_url_expires=", "temp_url_expires=1")).status_code == 401
    assert http.get(url.partition("?")[0]).status_code == 401


def test_a_temporary_url_opens_nothing_after_its_time(box: Any, http: requests.Session, store: Store) -> None:
    settings = Folder(box.folder).read()
    assert settings is not None
    for seconds, status in ((60, 200), (-60, 401)):
        expires, place = int(time.time()) + seconds, urlsplit(f"{store.url}/c/a/1")
        text = f"GET\n{expires}\n{place.path.removeprefix('/swift/GRA')}"
        for digest, taken in (("sha1", True), ("sha256", True), ("sha512", True), ("md5", False), ("sha384", False)):
            signature = hmac.new(settings.identity.url_key.encode(), text.encode(), digest)
            coded = base64.urlsafe_b64encode(signature.digest()).decode()
            for sign in (signature.hexdigest(), f"{digest}:{coded}"):
                url = f"{place.geturl()}?temp_url_sig={sign}&temp_url_expires={expires}"
                assert http.get(url).status_code == (status if taken else 401)


def test_swift_is_read_only(store: Store) -> None:
    assert store.get("/c/new", "PUT").status_code == 405
    assert store.get("/c/a", "DELETE").status_code == 405
    assert store.get("/c/a", **{"X-Auth-Token": "wrong"}).status_code == 401
    assert store.get("/c/a", **{"X-Auth-Token": ""}).status_code == 401


def test_a_large_object_has_no_true_md5(box: Any, store: Store, tmp_path: Path) -> None:
    control.put_object(box.folder, "c", "big", tmp_path / "content", slo=True)
    answer = store.get("/c/big")
    assert answer.headers["X-Static-Large-Object"] == "True"
    shown = answer.headers["ETag"]
    assert shown.startswith('"')
    assert shown.strip('"') != hashlib.md5(answer.content, usedforsecurity=False).hexdigest()
    (row,) = store.get("/c?format=json&prefix=big").json()
    assert (row["bytes"], row["slo_etag"]) == (10, shown)
    assert row["hash"] == answer.headers["X-Manifest-Etag"] != shown.strip('"')
    (piece,) = store.get("/c/big?multipart-manifest=get").json()
    assert (piece["name"], piece["bytes"], piece["hash"]) == ("/c_segments/big/00000000", 10, MD5)


def test_an_object_damaged_in_the_store(box: Any, store: Store, tmp_path: Path) -> None:
    control.put_object(box.folder, "c", "damaged", tmp_path / "content", etag="0" * 32)
    answer = store.get("/c/damaged")
    assert answer.headers["ETag"] == "0" * 32
    assert "X-Static-Large-Object" not in answer.headers


def test_an_archive_is_sealed(box: Any, store: Store, tmp_path: Path) -> None:
    identity = control.put_object(box.folder, "cold", "a", tmp_path / "content", archive=True)
    detail = box.client().get(box.path(f"/storage/{identity}"))
    assert detail["archive"] is True
    assert detail["objects"][0]["retrievalState"] == "sealed"
    assert store.get("/cold/a").status_code == 429


def test_the_listing_is_capped(new_box: Callable[..., Any], http: requests.Session, tmp_path: Path) -> None:
    content = tmp_path / "storage" / "many@GRA" / "sub"
    content.mkdir(parents=True)
    for number in range(7):
        (content / f"{number}").write_bytes(b"x")
    (tmp_path / "storage" / "other").mkdir()
    box = new_box(listing_cap=3, storage=str(tmp_path / "storage"))
    containers = {item["name"]: item for item in box.client().get(box.path("/storage"))}
    assert containers["many"]["storedObjects"] == 7
    assert (containers["many"]["region"], containers["other"]["region"]) == ("GRA", "GRA")
    detail = box.client().get(box.path(f"/storage/{containers['many']['id']}"))
    assert [item["name"] for item in detail["objects"]] == ["sub/0", "sub/1", "sub/2"]
    store = Store(box, http)
    seen: list[str] = []
    while page := store.get(f"/many?format=json&marker={seen[-1] if seen else ''}").json():
        seen += [item["name"] for item in page]
    assert seen == [f"sub/{number}" for number in range(7)]
    assert store.get("/many?format=json&limit=4").status_code == 412


def test_a_region_has_its_own_containers(box: Any, http: requests.Session, store: Store, tmp_path: Path) -> None:
    control.put_object(box.folder, "c", "elsewhere", tmp_path / "content", region="SBG")
    other = store.url.replace("/GRA/", "/SBG/")
    names = [item["name"] for item in http.get(f"{other}/c?format=json", headers=store.headers).json()]
    assert names == ["elsewhere"]
    assert "elsewhere" not in store.get("/c").text


def test_downloads_are_counted_with_their_bytes(box: Any, store: Store) -> None:
    store.get("/c/a", Range="bytes=2-4")
    store.get("/c/a")
    lines = [line for line in box.lines(service="storage") if line.path.endswith("/c/a")]
    assert [(line.status, line.bytes) for line in lines] == [(206, 3), (200, 10)]


def test_signatures_are_not_in_the_log(box: Any, http: requests.Session, store: Store) -> None:
    (identity,) = [item["id"] for item in box.client().get(box.path("/storage")) if item["name"] == "c"]
    path = box.path(f"/storage/{identity}/publicUrl")
    url = box.client().post(path, objectName="a", expirationDate="2099-01-01T00:00:00Z")["getURL"]
    http.get(url)
    signature = url.partition("temp_url_sig=")[2].partition("&")[0]
    assert signature not in (box.folder / "requests.jsonl").read_text()
    (line,) = [line for line in box.lines(service="storage") if line.path.endswith("/c/a")]
    assert line.query.startswith("temp_url_sig=***&temp_url_expires=")


def put(box: Any, tmp_path: Path, name: str, data: bytes = b"", **kind: object) -> None:
    file = tmp_path / "put"
    file.write_bytes(data)
    control.put_object(box.folder, "kinds", name, file, kind=kind)


def test_a_dynamic_large_object_is_listed_empty(box: Any, store: Store, tmp_path: Path) -> None:
    put(box, tmp_path, "x_1", b"first ")
    put(box, tmp_path, "x_2", b"second")
    put(box, tmp_path, "x", prefix="kinds/x_")
    (row, *_) = store.get("/kinds?format=json").json()
    assert (row["name"], row["bytes"], row["hash"]) == ("x", 0, "d41d8cd98f00b204e9800998ecf8427e")
    answer = store.get("/kinds/x")
    assert (answer.content, answer.headers["X-Object-Manifest"]) == (b"first second", "kinds/x_")
    assert store.get("/kinds/x", "HEAD").headers["Content-Length"] == "12"
    assert store.get("/kinds/x", Range="bytes=4-7").content == b"t se"


def test_a_link_is_listed_empty_and_followed(box: Any, store: Store, tmp_path: Path) -> None:
    put(box, tmp_path, "target", b"content")
    put(box, tmp_path, "to", link="kinds/target")
    put(box, tmp_path, "to-nothing", link="kinds/nothing")
    put(box, tmp_path, "to-itself", link="kinds/to-itself")
    rows = {row["name"]: row for row in store.get("/kinds?format=json").json()}
    assert (rows["to"]["bytes"], rows["to"]["content_type"]) == (0, "application/symlink")
    assert rows["to"]["symlink_path"].endswith("/kinds/target")
    answer = store.get("/kinds/to")
    assert (answer.content, answer.headers["Content-Location"]) == (b"content", rows["to"]["symlink_path"])
    assert store.get("/kinds/to-nothing").status_code == 404
    assert store.get("/kinds/to-itself").status_code == 409
    assert store.get("/kinds/to?symlink=get").headers["X-Symlink-Target"] == "kinds/target"


def test_a_large_object_without_one_of_its_segments(box: Any, store: Store, tmp_path: Path) -> None:
    for number in range(3):
        put(box, tmp_path, f"part{number}", bytes([number]) * 1000)
    put(box, tmp_path, "slo", segments=[f"kinds/part{number}" for number in range(3)])
    assert store.get("/kinds/slo", Range="bytes=999-1000").content == b"\0\1"
    put(box, tmp_path, "part1", bytes(1000), expired=True)
    with pytest.raises(requests.RequestException):
        store.get("/kinds/slo")
    assert store.get("/kinds/slo", Range="bytes=0-9").content == bytes(10)
    assert store.get("/kinds/slo", Range="bytes=1000-1009").status_code == 409
    put(box, tmp_path, "part0", bytes(1000), expired=True)
    assert store.get("/kinds/slo").status_code == 409
    assert store.get("/kinds/slo", "HEAD").headers["Content-Length"] == "3000"


def test_what_has_expired_is_listed_until_it_is_removed(box: Any, store: Store, tmp_path: Path) -> None:
    put(box, tmp_path, "old", b"content", expired=True)
    assert store.get("/kinds").text == "old\n"
    assert store.get("/kinds/old").status_code == 404


def test_an_encoded_object_is_sent_as_it_is_stored(box: Any, store: Store, tmp_path: Path) -> None:
    put(box, tmp_path, "e", gzip.compress(b"content"), encoding="gzip")
    answer = store.get("/kinds/e", **{"Accept-Encoding": "identity"})
    assert (answer.headers["Content-Encoding"], answer.content) == ("gzip", b"content")
    assert int(answer.headers["Content-Length"]) == len(gzip.compress(b"content"))


def test_the_account_is_listed_in_pages(store: Store) -> None:
    names = store.get("").text.splitlines()
    assert len(names) > 1
    assert store.get("?limit=1").text.splitlines() == names[:1]
    assert store.get(f"?marker={names[0]}").text.splitlines() == names[1:]
    assert store.get(f"?marker={names[-1]}").status_code == 204
    assert store.get("?prefix=c&format=json").json()[0]["name"] == "c"
    assert store.get("?reverse=true").text.splitlines() == names[::-1]
    head = store.get("", "HEAD")
    assert (head.status_code, head.headers["X-Account-Container-Count"]) == (204, str(len(names)))
    assert int(head.headers["X-Account-Object-Count"]) >= 6


def test_forms_of_a_listing(store: Store) -> None:
    assert store.get("/c", Accept="application/json").json()[0]["name"] == "a"
    xml = store.get("/c?format=xml&delimiter=/")
    assert xml.headers["Content-Type"] == "application/xml; charset=utf-8"
    assert '<subdir name="a/"><name>a/</name></subdir>' in xml.text
    assert f"<object><name>a</name><hash>{MD5}</hash><bytes>10</bytes>" in xml.text
    assert store.get("/c?reverse=on&limit=2").text.splitlines() == ["é", "dir/"]
    assert store.get("/c?path=a").text.splitlines() == ["a/1"]
    head = store.get("/c", "HEAD")
    assert (head.status_code, head.headers["X-Container-Object-Count"]) == (204, "6")
    for odd in ("x", "-1"):
        assert len(store.get(f"/c?limit={odd}").text.splitlines()) == 6


def test_what_swift_tells_of_itself(box: Any, http: requests.Session, store: Store) -> None:
    for url in (f"{box.root}/info", f"{box.root}/swift/GRA/info"):
        assert http.get(url).json()["swift"]["container_listing_limit"] == 10000
    refused = http.get(f"{store.url}/c")
    assert (refused.status_code, refused.headers["WWW-Authenticate"][:13]) == (401, 'Swift realm="')


def test_a_temporary_url_is_for_downloads(box: Any, http: requests.Session, store: Store, tmp_path: Path) -> None:
    control.put_object(box.folder, "c", "a/slo", tmp_path / "content", slo=True)
    (identity,) = [item["id"] for item in box.client().get(box.path("/storage")) if item["name"] == "c"]
    path = box.path(f"/storage/{identity}/publicUrl")
    url = box.client().post(path, objectName="a/slo", expirationDate="2099-01-01T00:00:00Z")["getURL"]
    answer = http.get(f"{url}&multipart-manifest=get")
    assert answer.content == b"0123456789"
    assert answer.headers["Content-Disposition"] == "attachment; filename=\"slo\"; filename*=UTF-8''slo"

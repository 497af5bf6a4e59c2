"""The sandbox's object storage held to a real Swift: one list of requests, answered by both in the same way."""

import gzip
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import requests
import urllib3
from msgspec import Struct

from migrate.ovhcloud import storage
from migrate.sandbox import control
from migrate.sandbox.base.settings import Options
from tests.clouds import open_cloud
from tests.swift.service import Swift
from tests.waiting import wait_until

CONTENT = b"0123456789"
MD5 = "781e5e245d69b566979b86e28d23f2c7"
EMPTY = "d41d8cd98f00b204e9800998ecf8427e"
PLAIN = {
    "a": CONTENT,
    "a b/1": b"space",
    "a/1": CONTENT,
    "a/2/x": CONTENT,
    "b": b"",
    "big": b"z" * 5000,
    "dir/": b"",
    "p_1": b"first ",
    "p_2": b"second",
    "é": b"accent",
}

# Headers that say when, where or by whom, and those of one installation.
UNLIKE = re.compile(
    r"date|server|connection|transfer-encoding|keep-alive|x-trans-id|x-openstack-request-id|x-timestamp|last-modified"
    r"|x-account-(storage-policy|meta)-.*|x-manifest-etag|expires|x-account-(container|object)-count|x-account-bytes-used"
    r"|x-container-bytes-used"  # manifests of large objects are counted, whose text is each one's own
)


class Asked(Struct, frozen=True):
    """A request below the account, with a token or by a temporary URL."""

    path: str
    headers: dict[str, str] = {}
    method: str = "GET"
    by_url: bool = False

    def __str__(self) -> str:
        given = " ".join(f"{name}={value}" for name, value in self.headers.items())
        return f"{self.method} {self.path} {given}{' by URL' if self.by_url else ''}".strip()


def objects() -> Iterator[Asked]:
    future, past = "Fri, 01 Jan 2100 00:00:00 GMT", "Mon, 01 Jan 2018 00:00:00 GMT"
    for name in ("a", "b", "dlo", "slo", "link", "encoded"):
        yield Asked(f"/c/{name}")
        yield Asked(f"/c/{name}", method="HEAD")
        yield Asked(f"/c/{name}", {"If-None-Match": "*"})
        yield Asked(f"/c/{name}", {"If-Match": "other"})
        for asked in (
            "0-",
            "0-3",
            "4-",
            "-3",
            "-100",
            "8-100",
            "100-",
            "5-4",
            "-0",
            "0-1,3-4",
            "0-1,200-300",
            "x-y",
            "-",
        ):
            if (name, asked) != ("dlo", "-0"):  # to which Swift 2.30 has no answer
                yield Asked(f"/c/{name}", {"Range": f"bytes={asked}"})
    for headers in (
        {"Range": "lines=1-2"},
        {"Range": "bytes=0-3", "If-Range": "other"},
        {"Range": "bytes=0-3", "If-Range": MD5},
        {"Range": "bytes=0-3", "If-None-Match": MD5},
        {"Range": "bytes=50-", "If-Match": "other"},
        {"If-None-Match": MD5},
        {"If-None-Match": f'"{MD5}"'},
        {"If-None-Match": f'"x", "{MD5}"'},
        {"If-None-Match": "x"},
        {"If-Match": MD5},
        {"If-Match": "*"},
        {"If-Modified-Since": future},
        {"If-Modified-Since": past},
        {"If-Unmodified-Since": past},
        {"If-Unmodified-Since": future},
        {"If-Modified-Since": "no date"},
    ):
        yield Asked("/c/a", headers)
    for name in ("nothing", "dangling", "expired", "half", "none", "circle"):
        yield Asked(f"/c/{name}")
        yield Asked(f"/c/{name}", method="HEAD")
    yield Asked("/c/half", {"Range": "bytes=0-9"})
    yield Asked("/c/half", {"Range": "bytes=5000-5003"})
    yield Asked("/c/slo?multipart-manifest=get")
    yield Asked("/c/link?symlink=get")
    yield Asked("/c/%C3%A9")
    yield Asked("/c/a%20b/1")


def listings() -> Iterator[Asked]:
    for query in (
        "",
        "format=json",
        "format=xml",
        "format=plain",
        "format=odd",
        "limit=3",
        "limit=0",
        "limit=x",
        "limit=-1",
        "limit=10001",
        "limit=2&marker=a/1&format=json",
        "marker=b&format=json",
        "marker=%C3%A9",
        "end_marker=b",
        "end_marker=b&marker=a",
        "prefix=a",
        "prefix=a/&format=json",
        "prefix=zz",
        "prefix=zz&format=json",
        "delimiter=/",
        "delimiter=/&format=json",
        "delimiter=/&format=xml",
        "delimiter=/&prefix=a/",
        "delimiter=/&prefix=a",
        "delimiter=/&marker=a/",
        "delimiter=/&limit=2",
        "delimiter=b",
        "reverse=true",
        "reverse=on&limit=3",
        "reverse=true&marker=b",
        "reverse=true&end_marker=b",
        "reverse=true&delimiter=/",
        "path=a",
        "path=",
        "path=a/",
    ):
        yield Asked(f"/c?{query}")
    yield Asked("/c", method="HEAD")
    yield Asked("/c?format=json", method="HEAD")
    yield Asked("/c", {"Accept": "application/json"})
    yield Asked("/c", {"Accept": "text/xml"})
    yield Asked("/c", {"Accept": "image/png, application/xml;q=0.5"})
    yield Asked("/nothing")
    yield Asked("/nothing", method="HEAD")
    yield Asked("/nothing/a")
    for query in ("", "format=json", "format=xml", "limit=1", "prefix=c_", "marker=c", "marker=zz", "reverse=true"):
        yield Asked(f"?{query}")
    yield Asked("?delimiter=_")
    yield Asked("", method="HEAD")


def rights() -> Iterator[Asked]:
    for name in ("a", "slo", "dlo", "link", "b"):
        yield Asked(f"/c/{name}", by_url=True)
        yield Asked(f"/c/{name}", method="HEAD", by_url=True)
    yield Asked("/c/slo?multipart-manifest=get", by_url=True)
    yield Asked("/c/a?inline", by_url=True)
    yield Asked("/c/a?filename=a%22b.txt", by_url=True)
    yield Asked("/c/a%20b/1", by_url=True)
    yield Asked("/c/a", {"Range": "bytes=2-3"}, by_url=True)
    for path in ("/c/a", "/c", ""):
        yield Asked(path, {"X-Auth-Token": "wrong"})
        yield Asked(path, {"X-Auth-Token": ""}, method="HEAD")


LIST = [*objects(), *listings(), *rights()]


class Side(Struct):
    """One of the two: where its account is, a token, and a way to sign a temporary URL."""

    account: str
    token: str
    sign: Callable[[str], str]
    http: requests.Session

    def answer(self, asked: Asked) -> dict[str, Any]:
        """What is comparable of an answer."""
        path, _, query = asked.path.partition("?")
        headers = {"X-Auth-Token": self.token, "Accept-Encoding": "identity"} | asked.headers
        if asked.by_url:
            query = f"{self.sign(path)}&{query}"
            del headers["X-Auth-Token"]
        url = f"{self.account}{path}" + (f"?{query}" if query else "")
        answer = self.http.request(asked.method, url, headers=headers, stream=True, timeout=60)
        try:
            body = answer.raw.read(decode_content=False)
        except urllib3.exceptions.ProtocolError:
            return {"status": answer.status_code, "length": answer.headers["Content-Length"], "broken": True}
        return comparable(asked, answer, body)


def comparable(asked: Asked, answer: requests.Response, body: bytes) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in answer.headers.items() if not UNLIKE.fullmatch(name.lower())}
    text: Any = body.decode("utf-8", "backslashreplace")
    kind = headers.get("content-type", "")
    if boundary := kind.partition("boundary=")[2]:
        text, headers["content-type"] = text.replace(boundary, "BOUNDARY"), kind.replace(boundary, "BOUNDARY")
    if asked.path.partition("?")[0].count("/") < 2 or answer.status_code >= 400 or "manifest=get" in asked.path:
        headers.pop("content-length", None)  # of texts with times, or with Swift's own words
    if "manifest=get" in asked.path and not asked.by_url:
        del headers["etag"]
    if answer.status_code >= 400:
        text = ""
    elif kind.startswith("application/json"):
        text = [[mask(row) for row in json.loads(text)]] if text else ""
    elif "/xml" in kind:
        text = re.sub(r"<(last_modified|hash|count|bytes)>.*?</\1>|\s*\n\s*", "", text)
        text = re.sub(r'account name="[^"]*"', "account", text)
    headers = {name: re.sub(r"AUTH_\w+", "ACCOUNT", value) for name, value in headers.items()}
    return {"status": answer.status_code, "headers": headers, "body": text}


def mask(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a listing without its times; the hash of a large object is that of a manifest as it was written."""
    unlike = {"last_modified", *({"count", "bytes"} if "count" in row else ())}  # Swift counts later, by a daemon
    found = {name: value for name, value in row.items() if name not in unlike}
    if "slo_etag" in row:
        del found["hash"]
    if "symlink_path" in row:
        found["symlink_path"] = re.sub(r"AUTH_\w+", "ACCOUNT", row["symlink_path"])
    if "symlink_path" not in row and row.get("name", "").startswith("/"):  # a segment: the type is its own
        found.pop("content_type", None)
    return found


@pytest.fixture(scope="module")
def real(started_swift: Swift) -> Side:
    swift = started_swift
    version = swift.http.get(f"{swift.url}/info").json()["swift"]["version"]
    if not version.startswith("2.30."):
        pytest.skip(f"the sandbox is held to Swift 2.30, and this is {version}")
    swift.clear()
    swift.put("c")
    swift.put("c_parts")
    for name, data in PLAIN.items():
        swift.put("c", name, data, Content_Type="application/octet-stream")
    swift.put("c", "dlo", X_Object_Manifest="c/p_")
    swift.put("c", "link", X_Symlink_Target="c/a")
    swift.put("c", "dangling", X_Symlink_Target="c/nothing")
    swift.put("c", "circle", X_Symlink_Target="c/circle2")
    swift.put("c", "circle2", X_Symlink_Target="c/circle")
    swift.put("c", "encoded", gzip.compress(CONTENT, mtime=0), Content_Encoding="gzip")
    for part in ("1", "2", "3", "4"):
        swift.put("c_parts", part, part.encode() * 400_000)
    swift.put_slo("c", "slo", ["c/a", "c/p_1"])
    swift.put_slo("c", "half", ["c_parts/1", "c_parts/2"])
    swift.put_slo("c", "none", ["c_parts/3", "c_parts/4"])
    swift.ask("DELETE", "/c_parts/2")
    swift.ask("DELETE", "/c_parts/3")
    swift.put("c", "expired", CONTENT, X_Delete_After="1")
    wait_until(lambda: swift.ask("HEAD", "/c/expired").status_code == 404, "nothing expires")
    return Side(swift.account, swift.token, swift.sign, swift.http)


@pytest.fixture(scope="module")
def sandbox_side(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    folder, file = tmp_path_factory.mktemp("sandbox"), tmp_path_factory.mktemp("content") / "content"
    control.start(folder, Options(runtime=False, samples=False, rate_limit=0))

    def put(container: str, name: str, data: bytes = b"", **kind: object) -> str:
        file.write_bytes(data)
        return control.put_object(folder, container, name, file, kind=kind)

    identity = ""
    for name, data in PLAIN.items():
        identity = put("c", name, data)
    put("c", "dlo", prefix="c/p_")
    put("c", "link", link="c/a")
    put("c", "dangling", link="c/nothing")
    put("c", "circle", link="c/circle2")
    put("c", "circle2", link="c/circle")
    put("c", "encoded", gzip.compress(CONTENT, mtime=0), encoding="gzip")
    for part in ("1", "2", "3", "4"):
        put("c_parts", part, part.encode() * 400_000)
    put("c", "slo", segments=["c/a", "c/p_1"])
    put("c", "half", segments=["c_parts/1", "c_parts/2"])
    put("c", "none", segments=["c_parts/3", "c_parts/4"])
    for gone in ("2", "3"):
        put("c_parts", gone, gone.encode() * 400_000, expired=True)
    put("c", "expired", CONTENT, expired=True)
    with requests.Session() as http:
        http.trust_env = False
        yield sandbox_side_of(folder, identity, http)
    control.stop(folder)


def sandbox_side_of(folder: Path, identity: str, http: requests.Session) -> Side:
    paths = {asked.path.partition("?")[0] for asked in LIST if asked.by_url}
    with open_cloud(folder, folder) as cloud:
        access = storage.access(cloud)
        urls = {path: storage.temporary_url(cloud, identity, unquote(path.removeprefix("/c/"))) for path in paths}
    return Side(access.endpoints["GRA"], access.token.reveal(), lambda path: urls[path].partition("?")[2], http)


@pytest.mark.slow
@pytest.mark.parametrize("asked", LIST, ids=str)
def test_both_answer_alike(real: Side, sandbox_side: Side, asked: Asked) -> None:
    assert sandbox_side.answer(asked) == real.answer(asked)

"""Stores (or proxies before them) that do not do what was asked, as small HTTP servers."""

import gzip
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from migrate.core.errors import RemoteError
from migrate.core.values import ArtifactFile, to_json
from migrate.ovhcloud.objects import checked_url
from migrate.ovhcloud.session import Cloud
from migrate.ovhcloud.stored import StoredObject, UnreadableObjectError
from migrate.ovhcloud.swift import SwiftStore
from migrate.sources.download import Download, waiter
from migrate.sources.partial import Saved
from migrate.sources.ranges import Connections

pytestmark = pytest.mark.programs

DATA = bytes(range(256)) * 4000
MD5 = hashlib.md5(DATA, usedforsecurity=False).hexdigest()
Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    answers: list[Answer]
    ranges: list[str]

    def do_GET(self) -> None:
        self.ranges.append(self.headers.get("Range", ""))
        self.answers.pop(0)(self) if len(self.answers) > 1 else self.answers[0](self)

    def log_message(self, *_: object) -> None:
        return

    def head(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()


def whole(handler: Handler) -> None:
    handler.head(200, Content_Length=len(DATA), ETag=MD5)
    handler.wfile.write(DATA)


def cut(handler: Handler) -> None:
    handler.head(200, Content_Length=len(DATA), ETag=MD5)
    handler.wfile.write(DATA[:300_000])


def without_length(handler: Handler) -> None:
    handler.head(200, ETag=MD5)
    handler.wfile.write(DATA)


def other_range(handler: Handler) -> None:
    handler.head(206, Content_Length=100, Content_Range=f"bytes 0-99/{len(DATA)}", ETag=MD5)
    handler.wfile.write(DATA[:100])


def no_range(handler: Handler) -> None:
    handler.head(206, Content_Length=len(DATA), ETag=MD5)
    handler.wfile.write(DATA)


def other_version(handler: Handler) -> None:
    handler.head(206, Content_Length=100, Content_Range=f"bytes 300000-300099/{len(DATA)}", ETag="f" * 32)
    handler.wfile.write(b"y" * 100)


def not_satisfiable(handler: Handler) -> None:
    handler.head(416, Content_Length=0, Content_Range="bytes */10")


def too_long(handler: Handler) -> None:
    handler.head(200, Content_Length=len(DATA) + 10, ETag="-")
    handler.wfile.write(DATA + b"0123456789")


def weak(handler: Handler) -> None:
    handler.head(200, Content_Length=len(DATA), ETag='W/"not-an-md5"')
    handler.wfile.write(DATA)


@pytest.fixture
def serve(cloud: Cloud) -> Iterator[Callable[..., tuple[SwiftStore, list[str]]]]:
    """Starts a store whose answers come one after the other, the last one for ever."""
    servers: list[ThreadingHTTPServer] = []

    def start(*answers: Answer) -> tuple[SwiftStore, list[str]]:
        ranges: list[str] = []
        handler = type("Odd", (Handler,), {"answers": list(answers), "ranges": ranges})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        store = SwiftStore(cloud, container_id="x", container="box", region="GRA")
        store._urls["m"] = f"http://127.0.0.1:{server.server_address[1]}/m"
        return store, ranges

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def run(store: SwiftStore, folder: Path, data: bytes = DATA) -> ArtifactFile:
    folder.mkdir(exist_ok=True)
    with closing(Connections(2)) as connections:
        done = Download(
            store,
            StoredObject(name="m", size=len(data), last_modified="2022-01-01T00:00:00"),
            path="m",
            target=folder / "files" / "m",
            partial=folder / "m.partial",
            connections=connections,
            advance=lambda _: None,
            tell=lambda _: None,
            stop=waiter(threading.Event()),
        ).run()
    assert (folder / "files" / "m").read_bytes() == data
    return done


LARGE = DATA * 40
"""Enough for parts."""


def large_part(handler: Handler, etag: str = '"v1"', *, refuses: int = 0) -> None:
    first, last = (int(word) for word in handler.headers["Range"].removeprefix("bytes=").split("-"))
    if refuses and handler.headers["If-Match"]:
        handler.head(refuses, Content_Length=0)
        return
    data = LARGE[first : last + 1]
    handler.head(206, Content_Length=len(data), Content_Range=f"bytes {first}-{last}/{len(LARGE)}", ETag=etag)
    handler.wfile.write(data)


def large_part_without_conditions(handler: Handler) -> None:
    large_part(handler, refuses=412)


def large_part_without_that_header(handler: Handler) -> None:
    large_part(handler, refuses=501)


def large_part_of_a_weak_version(handler: Handler) -> None:
    weak_or_whole(handler, 'W/"v1"')


def large_part_of_no_version(handler: Handler) -> None:
    weak_or_whole(handler, "")


def weak_or_whole(handler: Handler, etag: str) -> None:
    if handler.headers["Range"]:
        large_part(handler, etag)
    else:
        handler.head(200, Content_Length=len(LARGE), ETag=etag)
        handler.wfile.write(LARGE)


def large_whole(handler: Handler) -> None:
    handler.head(200, Content_Length=len(LARGE), ETag='"v1"')
    with suppress(OSError):  # who asked for one byte leaves
        handler.wfile.write(LARGE)


@pytest.mark.parametrize(
    ("answers", "parts"),
    [
        ((large_part,), 4),
        ((large_part_without_conditions,), 4),
        ((large_part_without_that_header,), 4),
        ((large_whole,), 1),
        ((large_part, large_whole), 4),
        ((large_part_of_a_weak_version,), 1),
        ((large_part_of_no_version,), 1),
    ],
    ids=lambda value: "-".join(answer.__name__ for answer in value) if isinstance(value, tuple) else None,
)
def test_a_large_object_comes_in_parts_or_else_as_a_whole(
    serve: Callable[..., tuple[SwiftStore, list[str]]], tmp_path: Path, answers: tuple[Answer, ...], parts: int
) -> None:
    store, ranges = serve(*answers)
    assert run(store, tmp_path / "partial", LARGE).digest == f"sha256:{hashlib.sha256(LARGE).hexdigest()}"
    assert ranges[0] == "bytes=0-0"
    if large_whole in answers or parts == 1:
        assert ranges[-1] == ""  # asked for as a whole
    else:
        assert len(set(ranges)) == parts


def test_parts_of_two_versions_are_not_mixed(
    serve: Callable[..., tuple[SwiftStore, list[str]]], tmp_path: Path
) -> None:
    def other(handler: Handler) -> None:
        large_part(handler, '"v2"')

    store, _ = serve(large_part, large_part, other)
    with pytest.raises(RemoteError) as caught:
        run(store, tmp_path / "partial", LARGE)
    assert caught.value.code == "object-changed"
    assert list((tmp_path / "partial").iterdir()) == []


@pytest.mark.parametrize(
    "answers",
    [
        (cut, whole),
        (cut, other_range, whole),
        (cut, no_range, whole),
        (cut, other_version, whole),
        (cut, not_satisfiable, whole),
        (without_length,),
        (weak,),
    ],
    ids=lambda answers: "-".join(answer.__name__ for answer in answers),
)
def test_the_whole_object_comes_in_the_end(
    serve: Callable[..., tuple[SwiftStore, list[str]]], tmp_path: Path, answers: tuple[Answer, ...]
) -> None:
    store, ranges = serve(*answers)
    done = run(store, tmp_path / "partial")
    assert done.digest == f"sha256:{hashlib.sha256(DATA).hexdigest()}"
    if len(answers) > 1:
        assert ranges[1] == "bytes=300000-"


def test_data_that_was_complete_when_the_process_died(
    serve: Callable[..., tuple[SwiftStore, list[str]]], tmp_path: Path
) -> None:
    folder = tmp_path / "partial"
    folder.mkdir()
    (folder / "m.partial").write_bytes(DATA)
    (folder / "m.json").write_bytes(to_json(Saved(etag=MD5, size=len(DATA), last_modified="2022-01-01T00:00:00")))
    store, ranges = serve(not_satisfiable)
    assert run(store, folder).size == len(DATA)
    assert ranges == [f"bytes={len(DATA)}-"]


def test_data_of_a_dead_process_that_no_checksum_tells_of_is_not_built_on(
    serve: Callable[..., tuple[SwiftStore, list[str]]], tmp_path: Path
) -> None:
    folder = tmp_path / "partial"
    folder.mkdir()
    (folder / "m.partial").write_bytes(bytes(1000))
    saved = Saved(etag="segments-2", size=len(DATA), last_modified="2022-01-01T00:00:00", has_md5=False)
    (folder / "m.json").write_bytes(to_json(saved))
    store, ranges = serve(weak)
    run(store, folder)
    assert ranges == [""]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (cut, "truncated-download"),
        (too_long, "object-changed"),
    ],
)
def test_a_store_that_never_gives_the_object(
    serve: Callable[..., tuple[SwiftStore, list[str]]], tmp_path: Path, answer: Answer, code: str
) -> None:
    store, _ = serve(answer)
    with pytest.raises(RemoteError) as caught:
        run(store, tmp_path / "partial")
    assert caught.value.code == code
    assert not (tmp_path / "partial" / "files").exists()


def test_reads_take_no_more_than_they_need(serve: Callable[..., tuple[SwiftStore, list[str]]]) -> None:
    store, _ = serve(whole)
    assert store.read("m", 10, 5) == DATA[10:15]
    assert store.read("m", len(DATA) - 2, 5) == DATA[-2:]
    gone, _ = serve(not_satisfiable)
    assert gone.read("m", 10, 5) == b""


def test_a_read_waits_as_long_as_the_store_asks(serve: Callable[..., tuple[SwiftStore, list[str]]]) -> None:
    def busy(handler: Handler) -> None:
        handler.head(503, Content_Length=0, Retry_After=2)

    def sealed(handler: Handler) -> None:
        handler.head(429, Content_Length=0, Retry_After=14_000)

    store, _ = serve(busy, whole)
    began = time.monotonic()
    assert store.read("m", 10, 5) == DATA[10:15]
    assert time.monotonic() - began >= 2
    store, asked = serve(sealed)
    with pytest.raises(UnreadableObjectError, match="cold archive"):
        store.read("m", 10, 5)
    assert len(asked) == 1


def test_compression_is_not_asked_for(serve: Callable[..., tuple[SwiftStore, list[str]]]) -> None:
    seen: list[str] = []

    def look(handler: Handler) -> None:
        seen.append(handler.headers["Accept-Encoding"])
        body = gzip.compress(DATA) if "gzip" in seen[-1] else DATA
        handler.head(200, Content_Length=len(body))
        handler.wfile.write(body)

    store, _ = serve(look)
    assert store.read("m", 0, 4) == DATA[:4]
    assert seen == ["identity"]


def test_no_right_is_sent_over_plain_http() -> None:

    with pytest.raises(RemoteError) as caught:
        checked_url("http://storage.example.com/v1/AUTH/c/o?temp_url_sig=abc")
    assert caught.value.code == "insecure-url"
    assert "abc" not in caught.value.what

"""Object Storage itself, as OpenStack Swift answers: account and container listings, objects with Range, TempURL."""

import json
import math
import secrets
from email.utils import formatdate
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, quote, unquote

from starlette.requests import Request
from starlette.responses import Response

from migrate.sandbox.base.requestlog import Line
from migrate.sandbox.storage.conditions import Span, find_spans, unmet
from migrate.sandbox.storage.content import Content, FileStretch, NoContent, Stretch, content_of
from migrate.sandbox.storage.download import Download
from migrate.sandbox.storage.listing import Question, account_listing, container_listing
from migrate.sandbox.storage.service import StorageService
from migrate.sandbox.world.objects import DIGESTS, StoredObject, manifest_of

PREFIX: Final = "/swift/"
_JSON: Final = "application/json; charset=utf-8"

INFO: Final = "/info"  # clients ask for it at the root of the host, wherever the account lies

_SENTENCES: Final = {
    401: "This server could not verify that you are authorized to access the document you requested.",
    404: "The resource could not be found.",
    409: "There was a conflict when trying to complete your request.",
    416: "The Range requested is not available.",
}


class Swift(StorageService):
    """The ASGI application below ``/swift/REGION``."""

    id_headers = ("X-Trans-Id", "X-Openstack-Request-Id")

    def _limited(self) -> Response:
        return _page(498, words="Rate Limited")

    def _expired(self, path: str) -> Response:
        account = path.removeprefix(PREFIX).split("/")[2:3]
        return _page(401, {"WWW-Authenticate": f'Swift realm="{"".join(account)}"'})

    def _failing(self, status: int) -> Response:
        return _page(status, words="Service Unavailable")

    def _answer(self, request: Request, path: str, line: Line) -> Response | Download:
        region, _, rest = path.removeprefix(PREFIX).partition("/")
        parts = [unquote(part) for part in rest.split("/", 3)]
        if request.method not in {"GET", "HEAD"}:
            return _page(405)
        if path == INFO or parts == ["info"]:
            text = json.dumps(_info(self._world.options.listing_cap))
            return Response(text, 200, media_type="application/json; charset=UTF-8")
        return self._find(request, region, parts, line)

    def _find(self, request: Request, region: str, parts: list[str], line: Line) -> Response | Download:
        """``parts`` are v1, the account, and then perhaps a container and an object."""
        world = self._world
        if len(parts) < 2 or parts[0] != "v1":
            return _page(404)
        query = {key: values[-1] for key, values in parse_qs(request.url.query, keep_blank_values=True).items()}
        if not self._entitled(request, parts, query):
            return _page(401, {"WWW-Authenticate": f'Swift realm="{quote(parts[1])}"'})
        name, key = [*parts[2:], "", ""][:2]
        cap, head = world.options.listing_cap, request.method == "HEAD"
        question = Question(query, request.headers.get("accept", ""), cap)
        if name == "":
            return account_listing(world.objects, region, question, head=head, cap=cap)
        container = world.objects.find(name, region)
        if container is not None and key == "":
            return container_listing(world.objects.account, container, question, head=head, cap=cap)
        item = container.objects.get(key) if container is not None else None
        if container is None or item is None:
            return _page(404)
        if container.archive:
            return _page(429)
        return self._object(request, region, item, query, line)

    def _entitled(self, request: Request, parts: list[str], query: dict[str, str]) -> bool:
        if parts[1] != self._world.objects.account:
            return False
        if self._world.swift_tokens.good(request.headers.get("x-auth-token", "")):
            return True
        path = "/" + "/".join(parts)
        signature, expires = query.get("temp_url_sig", ""), query.get("temp_url_expires", "")
        return len(parts) == 4 and self._world.objects.signed(path, signature, expires)

    def _object(
        self, request: Request, region: str, item: StoredObject, query: dict[str, str], line: Line
    ) -> Response | Download:
        by_url = "temp_url_sig" in query
        if not by_url and item.segments and query.get("multipart-manifest") == "get":
            text = json.dumps(manifest_of(item.segments))
            headers = _headers(item, item.etag, {"X-Static-Large-Object": "True", "Content-Type": _JSON})
            return Response(text, 200, headers)
        if not by_url and item.link and query.get("symlink") == "get":
            target = {"X-Symlink-Target": quote(item.link), "Content-Length": "0"}
            return Response(None, 200, _headers(item, item.etag, target))
        content = content_of(self._world.objects, region, item)
        if isinstance(content, NoContent):
            return _page(content.status, content.headers)
        headers = _headers(content.item, content.etag, content.headers) | (_naming(item.name, query) if by_url else {})
        status = unmet(request.headers, content.etag, content.item.modified)
        if status == 412:
            kept = {name: value for name, value in headers.items() if name not in {"Content-Type", "Accept-Ranges"}}
            return _page(412, kept)
        if status:
            return Response(None, status, headers | {"Content-Length": "0"})
        asked, dynamic = request.headers.get("range", ""), bool(content.item.prefix)
        spans = () if dynamic and "," in asked else find_spans(asked, content.size)
        if spans is None:
            kept = {"Accept-Ranges": "bytes"} if dynamic else headers
            return _page(416, kept | {"Content-Range": f"bytes */{content.size}"})
        status, body, length = _body(content, spans, headers)
        if length and request.method == "GET" and not any(isinstance(part, FileStretch) for part in body):
            return _page(409)  # the first segment that is needed is missing
        return Download(self._world.faults, request, body, length, status, headers, line)


def _info(cap: int) -> dict[str, object]:
    """What Swift tells everybody of itself; the parts that the sandbox has."""
    return {
        "swift": {
            "version": "2.30.1",
            "container_listing_limit": cap,
            "account_listing_limit": cap,
            "max_file_size": 5368709122,
            "max_object_name_length": 1024,
            "policies": [{"name": "Policy-0", "aliases": "Policy-0", "default": True}],
        },
        "slo": {"max_manifest_segments": 1000, "min_segment_size": 1},
        "symlink": {"symloop_max": 2, "static_links": True},
        "tempurl": {"methods": ["GET", "HEAD"], "allowed_digests": list(DIGESTS)},
    }


def _headers(item: StoredObject, etag: str, more: dict[str, str]) -> dict[str, str]:
    return {
        "Accept-Ranges": "bytes",
        "Content-Type": item.content_type,
        "ETag": etag,
        "Last-Modified": formatdate(math.ceil(item.modified), usegmt=True),
        "X-Timestamp": f"{item.modified:.5f}",
        **more,
    }


def _naming(name: str, query: dict[str, str]) -> dict[str, str]:
    """What a temporary URL adds, for browsers."""
    expires = formatdate(int(query.get("temp_url_expires", "0")), usegmt=True)
    if "inline" in query:
        return {"Content-Disposition": "inline", "Expires": expires}
    shown = query.get("filename") or name.rstrip("/").rpartition("/")[2]
    quoted = quote(shown, safe=" ")
    return {
        "Content-Disposition": f"attachment; filename=\"{quoted}\"; filename*=UTF-8''{quote(shown, safe='')}",
        "Expires": expires,
    }


def _body(content: Content, spans: tuple[Span, ...], headers: dict[str, str]) -> tuple[int, tuple[Stretch, ...], int]:
    """Status, bytes and announced length of an answer; the headers get what goes with it."""
    if not spans:
        return 200, content.stretch(0, content.size), content.size
    shown = [f"bytes {span.start}-{span.start + span.length - 1}/{content.size}" for span in spans]
    if len(spans) == 1:
        headers["Content-Range"] = shown[0]
        return 206, content.stretch(spans[0].start, spans[0].length), spans[0].length
    boundary = secrets.token_hex(16)
    body: list[Stretch] = []
    length = 0
    for span, text in zip(spans, shown, strict=True):
        head = f"--{boundary}\r\nContent-Type: {content.item.content_type}\r\nContent-Range: {text}\r\n\r\n".encode()
        body += [head, *content.stretch(span.start, span.length), b"\r\n"]
        length += len(head) + span.length + 2
    end = f"--{boundary}--".encode()
    headers["Content-Type"] = f"multipart/byteranges;boundary={boundary}"
    return 206, (*body, end), length + len(end)


def _page(status: int, headers: dict[str, str] | None = None, words: str = "") -> Response:
    title = words or HTTPStatus(status).phrase
    text = f"<html><h1>{title}</h1><p>{_SENTENCES.get(status, title + '.')}</p></html>"
    return Response(text, status, headers, media_type="text/html; charset=UTF-8")

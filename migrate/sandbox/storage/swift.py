"""Object Storage itself, as OpenStack Swift answers: account and container listings, objects with Range, TempURL."""

import json
import secrets
import time
from datetime import UTC, datetime
from email.utils import formatdate
from itertools import islice
from typing import Final
from urllib.parse import parse_qs, unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from migrate.sandbox.base.faults import ServerError, TooMany, on
from migrate.sandbox.base.points import CallerGoneError, Logged, hold
from migrate.sandbox.base.requestlog import Line, timestamp
from migrate.sandbox.storage.download import Download, find_span
from migrate.sandbox.world.objects import Container, StoredObject
from migrate.sandbox.world.world import World

PREFIX: Final = "/swift/"


class Swift:
    """The ASGI application below ``/swift/REGION``."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request and write its line in the log."""
        request = Request(scope, receive)
        path = scope["raw_path"].decode("ascii")
        started = time.time()
        line = Line(
            time=timestamp(started),
            service="storage",
            method=request.method,
            path=path,
            status=0,
            bytes=0,
            query=request.url.query,
            query_id=f"tx{secrets.token_hex(10)}",
        )
        logged = Logged(send, line, self._world.log)
        try:
            answer = await self._respond(request, path, line)
            answer.headers["X-Trans-Id"] = line.query_id
            await answer(scope, receive, logged)
        except CallerGoneError:
            line.fault = "gone"
        finally:
            logged.finish()
        await hold(self._world.faults, "answered", service="storage", method=request.method, path=path)

    async def _respond(self, request: Request, path: str, line: Line) -> Response | Download:
        faults, method = self._world.faults, request.method
        selects = on("storage", method, path)
        if await hold(
            faults, "before", service="storage", method=method, path=path, disconnected=request.is_disconnected
        ):
            line.fault = "hold"
        if faults.strike(TooMany, selects):
            line.fault = "429"
            return _page(498, "Rate Limited")
        if met := faults.strike(ServerError, selects):
            line.fault = "5xx"
            return _page(met[0].status, "Service Unavailable")
        region, _, rest = path.removeprefix(PREFIX).partition("/")
        parts = [unquote(part) for part in rest.split("/", 3)]
        answer = self._find(request, region, parts, line)
        if await hold(
            faults, "after", service="storage", method=method, path=path, disconnected=request.is_disconnected
        ):
            line.fault = "hold"
        return answer

    def _find(self, request: Request, region: str, parts: list[str], line: Line) -> Response | Download:
        """``parts`` are v1, the account, and then perhaps a container and an object."""
        world = self._world
        if request.method not in {"GET", "HEAD"}:
            return _page(405, "Method Not Allowed")
        if len(parts) < 2 or parts[0] != "v1":
            return _page(404, "Not Found")
        query = {key: values[-1] for key, values in parse_qs(request.url.query, keep_blank_values=True).items()}
        if not self._entitled(request, parts, query):
            return _page(401, "Unauthorized")
        name, key = [*parts[2:], "", ""][:2]
        if name == "":
            return self._account(region, query)
        container = world.objects.find(name, region)
        if container is not None and key == "":
            return _listing(container, query, world.options.listing_cap)
        item = container.objects.get(key) if container is not None else None
        if container is None or item is None:
            return _page(404, "Not Found")
        if container.archive:
            return _page(429, "Too Many Requests")
        return self._object(request, item, line)

    def _entitled(self, request: Request, parts: list[str], query: dict[str, str]) -> bool:
        if parts[1] != self._world.objects.account:
            return False
        if self._world.swift_tokens.good(request.headers.get("x-auth-token", "")):
            return True
        path = "/" + "/".join(parts)
        signature, expires = query.get("temp_url_sig", ""), query.get("temp_url_expires", "")
        return len(parts) == 4 and self._world.objects.signed(path, signature, expires)

    def _account(self, region: str, query: dict[str, str]) -> Response:
        held = [item for item in self._world.objects.containers.values() if item.region == region]
        rows = [
            {"bytes": sum(o.size for o in item.objects.values()), "count": len(item.objects), "name": item.name}
            for item in sorted(held, key=lambda item: item.name)
        ]
        return _rows(rows, [item.name for item in held], query, {"X-Account-Container-Count": str(len(rows))})

    def _object(self, request: Request, item: StoredObject, line: Line) -> Response | Download:
        headers = {
            "Accept-Ranges": "bytes",
            "Content-Type": item.content_type,
            "ETag": f'"{item.etag}"' if item.slo else item.etag,
            "Last-Modified": formatdate(item.modified, usegmt=True),
            "X-Timestamp": f"{item.modified:.5f}",
        }
        if item.slo:
            headers["X-Static-Large-Object"] = "True"
        wanted = request.headers.get("range", "")
        if wanted and request.headers.get("if-range", headers["ETag"]).strip('"') != item.etag:
            wanted = ""
        span = find_span(wanted, item.size)
        if span is None:
            return _page(416, "Requested Range Not Satisfiable", {"Content-Range": f"bytes */{item.size}"})
        partial = span.length != item.size or span.start > 0
        if partial:
            headers["Content-Range"] = f"bytes {span.start}-{span.start + span.length - 1}/{item.size}"
        return Download(self._world.faults, request, item, span, 206 if partial else 200, headers, line)


def _listing(container: Container, query: dict[str, str], cap: int) -> Response:
    limit = query.get("limit", str(cap))
    if not limit.isdigit() or int(limit) > cap:
        return _page(412, "Precondition Failed")
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    rows: list[dict[str, object]] = []
    for item in container.listing(prefix=prefix, marker=query.get("marker", ""), end=query.get("end_marker", "")):
        cut = item.name.find(delimiter, len(prefix)) if delimiter else -1
        row: dict[str, object] = {"subdir": item.name[: cut + len(delimiter)]}
        if cut < 0:
            row = _row(item)
        elif rows[-1:] == [row] or row["subdir"] == query.get("marker"):
            continue
        rows.append(row)
    rows = list(islice(rows, int(limit)))
    headers = {
        "X-Container-Object-Count": str(len(container.objects)),
        "X-Container-Bytes-Used": str(sum(item.size for item in container.objects.values())),
    }
    return _rows(rows, [str(row.get("name", row.get("subdir"))) for row in rows], query, headers)


def _row(item: StoredObject) -> dict[str, object]:
    moment = datetime.fromtimestamp(item.modified, UTC).replace(tzinfo=None)
    row: dict[str, object] = {
        "bytes": item.size,
        "content_type": item.content_type,
        "hash": item.etag,
        "last_modified": moment.isoformat(timespec="microseconds"),
        "name": item.name,
    }
    return row | {"slo_etag": item.etag} if item.slo else row


def _rows(rows: list[dict[str, object]], names: list[str], query: dict[str, str], headers: dict[str, str]) -> Response:
    if query.get("format") == "json":
        return Response(json.dumps(rows), 200, headers, media_type="application/json; charset=utf-8")
    if not names:
        return Response(None, 204, headers)
    return Response("".join(f"{name}\n" for name in names), 200, headers, media_type="text/plain; charset=utf-8")


def _page(status: int, words: str, headers: dict[str, str] | None = None) -> Response:
    return Response(f"<html><h1>{words}</h1></html>", status, headers, media_type="text/html; charset=UTF-8")

"""Buckets as S3 answers a GET of a presigned URL: ranges, conditions, errors in XML."""

import secrets
import time
from email.utils import formatdate
from typing import Final
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from migrate.sandbox.base.faults import ServerError, TooMany, on
from migrate.sandbox.base.points import CallerGoneError, Logged, hold
from migrate.sandbox.base.requestlog import Line, timestamp
from migrate.sandbox.storage.conditions import find_spans, unmet
from migrate.sandbox.storage.content import NoContent, content_of
from migrate.sandbox.storage.download import Download
from migrate.sandbox.world.objects import StoredObject
from migrate.sandbox.world.world import World

PREFIX: Final = "/s3/"
_SENTENCES: Final = {
    "AccessDenied": "Access Denied.",
    "InvalidObjectState": "The operation is not valid for the object's storage class",
    "InvalidRange": "The requested range is not satisfiable",
    "MethodNotAllowed": "The specified method is not allowed against this resource.",
    "NoSuchKey": "The specified key does not exist.",
    "PreconditionFailed": "At least one of the pre-conditions you specified did not hold",
    "ServiceUnavailable": "Service is unable to handle request.",
    "SlowDown": "Please reduce your request rate.",
}


class S3:
    """The ASGI application below ``/s3/REGION``."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request and write its line in the log."""
        request = Request(scope, receive)
        path = scope["raw_path"].decode("ascii")
        line = Line(
            time=timestamp(time.time()),
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
            answer.headers["X-Amz-Request-Id"] = line.query_id
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
            return _error(503, "SlowDown")
        if met := faults.strike(ServerError, selects):
            line.fault = "5xx"
            return _error(met[0].status, "ServiceUnavailable")
        answer = self._find(request, path, line)
        if await hold(
            faults, "after", service="storage", method=method, path=path, disconnected=request.is_disconnected
        ):
            line.fault = "hold"
        return answer

    def _find(self, request: Request, path: str, line: Line) -> Response | Download:
        if request.method != "GET":
            # The signature is over the method, so an URL for GET opens nothing else.
            return _error(403 if request.method == "HEAD" else 405, "AccessDenied")
        region, name, key = [*(unquote(part) for part in path.removeprefix(PREFIX).split("/", 2)), "", "", ""][:3]
        query = {key: values[-1] for key, values in parse_qs(request.url.query).items()}
        signature, expires = query.get("X-Amz-Signature", ""), query.get("X-Amz-Expires", "")
        if not self._world.buckets.bears(f"{region}/{name}/{key}", signature, expires):
            return _error(403, "AccessDenied")
        bucket = self._world.buckets.find(name, region)
        item = bucket.objects.get(key) if bucket else None
        if bucket is None or item is None:
            return _error(404, "NoSuchKey")
        if bucket.archive:
            return _error(403, "InvalidObjectState")
        return self._object(request, region, item, line)

    def _object(self, request: Request, region: str, item: StoredObject, line: Line) -> Response | Download:
        content = content_of(self._world.buckets, region, item)
        if isinstance(content, NoContent):
            return _error(404, "NoSuchKey")
        etag = content.etag.strip('"')
        headers = {
            "Accept-Ranges": "bytes",
            "Content-Type": item.content_type,
            "ETag": f'"{etag}"',
            "Last-Modified": formatdate(item.modified, usegmt=True),
            **({"Content-Encoding": item.encoding} if item.encoding else {}),
        }
        if status := unmet(request.headers, headers["ETag"], item.modified):
            return _error(412, "PreconditionFailed") if status == 412 else Response(None, status, headers)
        spans = find_spans(request.headers.get("range", ""), content.size)
        if spans is None:
            return _error(416, "InvalidRange")
        status, start, length = 200, 0, content.size
        if len(spans) == 1:  # of several ranges S3 sends the whole
            status, start, length = 206, spans[0].start, spans[0].length
            headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{content.size}"
        body = content.stretch(start, length)
        return Download(self._world.faults, request, body, length, status, headers, line)


def _error(status: int, code: str) -> Response:
    sentence = escape(_SENTENCES[code])
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{sentence}</Message></Error>'
    return Response(text, status, media_type="application/xml")

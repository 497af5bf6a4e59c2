"""Buckets as S3 answers a GET of a presigned URL: ranges, conditions, errors in XML."""

from email.utils import formatdate
from typing import Final
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response

from migrate.sandbox.base.requestlog import Line
from migrate.sandbox.storage.conditions import find_spans, unmet
from migrate.sandbox.storage.content import NoContent, content_of
from migrate.sandbox.storage.download import Download
from migrate.sandbox.storage.service import StorageService
from migrate.sandbox.world.objects import StoredObject

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


class S3(StorageService):
    """The ASGI application below ``/s3/REGION``."""

    id_headers = ("X-Amz-Request-Id",)

    def _limited(self) -> Response:
        return _error(503, "SlowDown")

    def _expired(self, path: str) -> Response:  # noqa: ARG002
        return _error(403, "AccessDenied")

    def _failing(self, status: int) -> Response:
        return _error(status, "ServiceUnavailable")

    def _answer(self, request: Request, path: str, line: Line) -> Response | Download:
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

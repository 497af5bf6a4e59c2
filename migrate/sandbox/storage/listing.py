"""Listings of an account and of a container, as plain text, JSON or XML."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from itertools import islice
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from starlette.responses import Response

from migrate.sandbox.world.objects import Container, ObjectStore, StoredObject, etag_of

Row = dict[str, object]

_TYPES: Final = {"json": "application/json", "xml": "application/xml", "plain": "text/plain"}
_BY_TYPE: Final = {"text/plain": "plain", "application/json": "json", "application/xml": "xml", "text/xml": "xml"}
_OBJECT_TAGS: Final = ("name", "hash", "bytes", "content_type", "last_modified")
_CONTAINER_TAGS: Final = ("name", "count", "bytes", "last_modified")
_TRUE: Final = frozenset({"1", "true", "yes", "on", "t", "y"})


class Question:
    """What a listing is asked for; ``cap`` is the most that one answer holds."""

    def __init__(self, query: Mapping[str, str], accept: str, cap: int) -> None:
        self.prefix = query.get("prefix", "")
        self.delimiter = query.get("delimiter", "")
        self.flat = "path" in query  # the old way: what lies in a folder, and no folders
        if self.flat:
            path = query["path"].rstrip("/")
            self.prefix, self.delimiter = f"{path}/" if path else "", "/"
        self.backwards = query.get("reverse", "").lower() in _TRUE
        ends = query.get("marker", ""), query.get("end_marker", "")
        self.after, self.before = reversed(ends) if self.backwards else ends
        self.marker = ends[0]
        number = query.get("limit", "")
        self.limit = int(number) if number.isdecimal() else cap
        wanted = query.get("format", "").lower()
        self.negotiated = not wanted
        accepted = (part.partition(";")[0].strip() for part in accept.split(","))
        known = next((part for part in accepted if part in _BY_TYPE), "text/plain")
        self.media = known if self.negotiated else _TYPES.get(wanted, "text/plain")
        self.form = _BY_TYPE[self.media]

    def rows(self, found: Iterable[tuple[str, Row]]) -> list[Row]:
        """The rows of one answer, out of all by their names in order; those below a delimiter become one."""
        rows: list[Row] = []
        for name, row in reversed(list(found)) if self.backwards else found:
            if not self._between(name):
                continue
            cut = name.find(self.delimiter, len(self.prefix)) if self.delimiter else -1
            if cut < 0 or (self.flat and cut + 1 == len(name) and name != self.prefix):
                rows.append(row)
                continue
            if self.flat:
                continue
            below: Row = {"subdir": name[: cut + len(self.delimiter)]}
            if rows[-1:] != [below] and below["subdir"] != self.marker:
                rows.append(below)
        return list(islice(rows, self.limit))

    def _between(self, name: str) -> bool:
        order = name.encode()
        return (
            name.startswith(self.prefix)
            and (not self.after or order > self.after.encode())
            and (not self.before or order < self.before.encode())
        )


def account_listing(store: ObjectStore, region: str, question: Question, *, head: bool, cap: int) -> Response:
    """The containers of a region."""
    held = sorted(store.held(region), key=lambda item: item.name.encode())
    headers = {
        "X-Account-Container-Count": str(len(held)),
        "X-Account-Object-Count": str(sum(len(item.objects) for item in held)),
        "X-Account-Bytes-Used": str(sum(item.size for item in held)),
        "X-Timestamp": f"{store.since:.5f}",
        "Accept-Ranges": "bytes",
    }
    rows = ((item.name, _container_row(item)) for item in held)
    return _answer("account", store.account, rows, question, headers, head=head, cap=cap)


def container_listing(account: str, container: Container, question: Question, *, head: bool, cap: int) -> Response:
    """The objects of a container."""
    headers = {
        "X-Container-Object-Count": str(len(container.objects)),
        "X-Container-Bytes-Used": str(container.size),
        "X-Timestamp": f"{container.modified:.5f}",
        "Last-Modified": formatdate(container.modified, usegmt=True),
        "X-Storage-Policy": "Policy-0",
        "Accept-Ranges": "bytes",
    }
    rows = ((item.name, _object_row(item, account)) for item in container.listing(prefix=question.prefix))
    return _answer("container", container.name, rows, question, headers, head=head, cap=cap)


def _answer(
    kind: str,
    name: str,
    found: Iterable[tuple[str, Row]],
    question: Question,
    headers: dict[str, str],
    *,
    head: bool,
    cap: int,
) -> Response:
    media = f"{question.media}; charset=utf-8"
    if question.negotiated:
        headers["Vary"] = "Accept"
    if question.limit > cap:
        return Response(f"Maximum limit is {cap}", 412, media_type="text/html; charset=UTF-8")
    if head:
        return Response(None, 204, headers | {"Content-Type": media})
    rows = question.rows(found)
    if question.form == "json":
        return Response(json.dumps(rows), 200, headers, media_type=media)
    if question.form == "xml":
        return Response(_xml(kind, name, rows), 200, headers, media_type=media)
    if not rows:
        return Response(None, 204, headers | {"Content-Type": media})
    return Response("".join(f"{row.get('name', row.get('subdir'))}\n" for row in rows), 200, headers, media_type=media)


def _container_row(item: Container) -> Row:
    return {
        "name": item.name,
        "count": len(item.objects),
        "bytes": item.size,
        "last_modified": _moment(item.modified),
    }


def _object_row(item: StoredObject, account: str) -> Row:
    row: Row = {
        "bytes": item.size,
        "hash": item.etag,
        "name": item.name,
        "content_type": item.content_type,
        "last_modified": _moment(item.modified),
    }
    if item.segments:
        row["slo_etag"] = etag_of(segment.etag for segment in item.segments)
    if item.link:
        row["symlink_path"] = f"/v1/{account}/{item.link}"
    return row


def _moment(stamp: float) -> str:
    return datetime.fromtimestamp(stamp, UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def _xml(kind: str, name: str, rows: list[Row]) -> str:
    inner = "container" if kind == "account" else "object"
    lines = []
    for row in rows:
        if "subdir" in row:
            text = str(row["subdir"])
            lines.append(f"<subdir name={quoteattr(text)}><name>{escape(text)}</name></subdir>")
            continue
        order = _CONTAINER_TAGS if inner == "container" else _OBJECT_TAGS
        tags = "".join(f"<{tag}>{escape(str(row[tag]))}</{tag}>" for tag in order)
        lines.append(f"<{inner}>{tags}</{inner}>")
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return f"{head}\n<{kind} name={quoteattr(name)}>{''.join(lines)}</{kind}>"

"""What a GET of an object gives: its own bytes, those of its segments, or those of what it links to."""

from pathlib import Path
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from migrate.sandbox.world.objects import ObjectStore, StoredObject, etag_of

_LINKS: Final = 2  # Swift's symloop_max


class Piece(Struct, frozen=True):
    """A file with the next ``size`` bytes; None where the segment is missing, and the content ends there."""

    file: Path | None
    size: int


class FileStretch(Struct, frozen=True):
    """Some bytes of a file."""

    file: Path
    start: int
    length: int


Stretch = bytes | FileStretch


class Content(Struct, frozen=True, kw_only=True):
    """The bytes of an object, and the headers that come of their kind; ``etag`` is as its header has it."""

    item: StoredObject
    etag: str
    size: int
    pieces: tuple[Piece, ...]
    headers: dict[str, str]

    def stretch(self, start: int, length: int) -> tuple[FileStretch, ...]:
        """The bytes from ``start`` on; fewer than ``length`` where a segment is missing."""
        found: list[FileStretch] = []
        for piece in self.pieces:
            begin, end = max(start, 0), min(start + length, piece.size)
            start -= piece.size
            if begin >= end:
                continue
            if piece.file is None:
                break
            found.append(FileStretch(piece.file, begin, end - begin))
        return tuple(found)


class NoContent(Struct, frozen=True, kw_only=True):
    """Why there are no bytes."""

    status: int
    headers: dict[str, str]


def content_of(store: ObjectStore, region: str, item: StoredObject, links: int = 0) -> Content | NoContent:
    """The content of an object, through links and segments."""
    if item.expired:
        return NoContent(status=404, headers={})
    if item.link:
        return _linked(store, region, item, links)
    if item.prefix:
        container, _, prefix = item.prefix.partition("/")
        found = store.find(container, region)
        parts = [part for part in found.listing(prefix=prefix) if not part.expired] if found else []
        return Content(
            item=item,
            etag=etag_of(part.etag for part in parts),
            size=sum(part.size for part in parts),
            pieces=tuple(Piece(part.file, part.size) for part in parts),
            headers={"X-Object-Manifest": quote(item.prefix)},
        )
    if item.segments:
        return Content(
            item=item,
            etag=etag_of(segment.etag for segment in item.segments),
            size=item.size,
            pieces=tuple(_piece(store, region, segment.path, segment.size) for segment in item.segments),
            headers={"X-Static-Large-Object": "True", "X-Manifest-Etag": item.etag},
        )
    headers = {"Content-Encoding": item.encoding} if item.encoding else {}
    return Content(item=item, etag=item.etag, size=item.size, pieces=(Piece(item.file, item.size),), headers=headers)


def _linked(store: ObjectStore, region: str, item: StoredObject, links: int) -> Content | NoContent:
    container, _, name = item.link.partition("/")
    there = {"Content-Location": store.path_of(container, name)}
    found = store.find(container, region)
    target = found.objects.get(name) if found else None
    if links >= _LINKS:
        return NoContent(status=409, headers={"Content-Type": "text/plain"})
    if target is None:
        return NoContent(status=404, headers=there)
    content = content_of(store, region, target, links + 1)
    if isinstance(content, NoContent):
        return content if content.status == 409 else NoContent(status=content.status, headers=there | content.headers)
    return Content(
        item=content.item,
        etag=content.etag,
        size=content.size,
        pieces=content.pieces,
        headers=there | content.headers,
    )


def _piece(store: ObjectStore, region: str, path: str, size: int) -> Piece:
    container, _, name = path.partition("/")
    found = store.find(container, region)
    segment = found.objects.get(name) if found else None
    return Piece(segment.file if segment and not segment.expired and segment.size == size else None, size)

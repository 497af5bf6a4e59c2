"""Whether an object is sent, and which of its bytes: conditional requests and ranges, as Swift takes them."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from msgspec import Struct

_RANGES: Final = re.compile(r"bytes=(.+)", re.IGNORECASE)
_RANGE: Final = re.compile(r"(\d*)-(\d*)")
_MOST_RANGES: Final = 50


class Span(Struct, frozen=True):
    """A stretch of an object's bytes."""

    start: int
    length: int


def unmet(headers: Mapping[str, str], etag: str, modified: float) -> int:
    """304 or 412 where a condition of the request forbids an answer with the bytes, else 0."""
    if (wanted := headers.get("if-match")) and not _matches(wanted, etag):
        return 412
    if (moment := _moment(headers.get("if-unmodified-since", ""))) is not None and modified > moment:
        return 412
    if (known := headers.get("if-none-match")) and _matches(known, etag):
        return 304
    if (moment := _moment(headers.get("if-modified-since", ""))) is not None and modified <= moment:
        return 304
    return 0


def find_spans(text: str, size: int) -> tuple[Span, ...] | None:
    """The bytes that a Range header asks for; none (the whole is sent) without one, or with one that is ignored.

    A range that runs backwards makes the whole header ignored. None where no range lies in the object: that is 416.
    """
    found = _RANGES.fullmatch(text.strip())
    asked = [_RANGE.fullmatch(part.strip()) for part in found[1].split(",")] if found else []
    pairs = [(part[1], part[2]) for part in asked if part is not None]
    if len(pairs) < len(asked) or ("", "") in pairs or len(pairs) > _MOST_RANGES:
        return ()
    if any(first and last and int(last) < int(first) for first, last in pairs):
        return ()
    if pairs and size == 0 and all(not first and int(last) > 0 for first, last in pairs):
        return ()
    spans = tuple(span for pair in pairs if (span := _span(*pair, size)) is not None)
    return spans if spans or not pairs else None


def _span(first: str, last: str, size: int) -> Span | None:
    if not first:
        length = min(int(last), size)
        return Span(size - length, length) if length else None
    start, end = int(first), min(int(last) if last else size - 1, size - 1)
    return Span(start, end - start + 1) if start <= end else None


def _matches(text: str, etag: str) -> bool:
    given = {part.strip().removeprefix("W/").strip('"') for part in text.split(",")}
    return "*" in given or etag.strip('"') in given


def _moment(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError):
        return None

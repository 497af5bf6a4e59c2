"""What is known of an object: from a listing, and from the headers of an answer."""

import re
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import unquote

import requests
import urllib3
from msgspec import Struct

from migrate.core.errors import RemoteError
from migrate.core.text import printable, type_again
from migrate.machine.patience import LONGEST_RETRY_AFTER
from migrate.ovhcloud.failures import RETRIED

UNASKED: Final = 0
"""The status of a request that is not made, since HTTP clients take `.` and `..` out of an URL before they send it."""

_PASSING: Final = RETRIED | {408, 498, 507}  # 498 is Swift's own "too many requests", 507 a full or absent disk
_CONTENT_RANGE: Final = re.compile(r"bytes (?:\d+-\d+|\*)/(\d+)")


class StoredObject(Struct, frozen=True, kw_only=True):
    """An object as listed; ``sealed`` objects lie in a cold archive and cannot be read.

    Listings say 0 bytes for dynamic large objects and symbolic links (``sources.large_objects`` asks for the true
    size), and the API's listing does not tell static large objects (``large`` is None), as Swift's own does.
    ``indirect`` is an object that was listed with 0 bytes and has some: its ETag need not be an MD5 of them, and S3 has
    no header that tells. ``last_modified`` is UTC to the second, for that much the API and Swift say in the same way.
    ``problem`` is why the object cannot be read, where that is known.
    """

    name: str
    size: int
    last_modified: str = ""
    content_type: str = ""
    sealed: bool = False
    large: bool | None = None
    indirect: bool = False
    problem: str = ""


class Segment(Struct, frozen=True, kw_only=True):
    """A segment of a static large object.

    Attributes:
        path: ``container/name``; empty of bytes that lie in the manifest itself.
        size: Bytes of the object that it is; of a range, all of them.
        etag: Of that object: the MD5 of its bytes, unless it is a large object itself.
        is_whole: Whether it is all of an object that is no large one.
    """

    path: str
    size: int
    etag: str
    is_whole: bool


class ObjectFacts(Struct, frozen=True, kw_only=True):
    """What an answer's headers say of an object.

    Attributes:
        size: Bytes as they are sent, None where nothing says it.
        etag: Without its quotes; an MD5 of the bytes unless the object is large.
        static: A static large object, of the segments in its manifest.
        prefix: For a dynamic large object, ``container/prefix`` of its segments.
        encoding: The Content-Encoding that the object was stored with; the bytes are sent as they are stored.
    """

    size: int | None
    etag: str
    static: bool
    prefix: str
    encoding: str

    @property
    def large(self) -> bool:
        """Whether the object is one of segments, whose ETag is not an MD5 of its bytes."""
        return self.static or bool(self.prefix)


class ObjectRefused(Exception):  # noqa: N818 - a signal to the downloader, which decides what it means
    """The store answered a request for an object with something other than its bytes."""

    def __init__(self, status: int, retry_after: str | None) -> None:
        super().__init__(str(status))
        self.status = status
        self.wait = _seconds(retry_after or "")

    @property
    def passing(self) -> bool:
        """Whether the same request may go well a little later."""
        return self.status in _PASSING and self.wait <= LONGEST_RETRY_AFTER

    @property
    def reason(self) -> str:
        """Why the object cannot be read, as the end of a sentence."""
        match self.status:
            case 0:
                return "it cannot be asked for: a part of its name is empty, '.' or '..'"
            case 404:
                return "it is listed, but not there: it has expired, was deleted, or links to what is not there"
            case 409:
                return "a segment of it is missing, or its links lead in a circle"
            case 401 | 403:
                return f"the storage refuses access to it ({self.status})"
            case 429 if not self.passing:
                return "the storage gives it only later: it lies in a cold archive"
        return f"the storage answers {self.status}"


class UnreadableObjectError(RemoteError):
    """One object cannot be read, which says nothing of the others.

    Attributes:
        reason: Why, as the end of a sentence.
        passing: It may be the whole storage that fails at the moment.
    """

    def __init__(self, name: str, refused: ObjectRefused) -> None:
        super().__init__(
            f"The object {printable(name)!r} cannot be read: {refused.reason}.",
            code="storage-unavailable" if refused.passing else "object-unreadable",
            next_step=type_again("Upload it again, or delete it"),
        )
        self.reason = refused.reason
        self.passing = refused.passing


class OtherBytesError(Exception):
    """The store answered with bytes of another version of an object, or with more than the range that was asked for.

    Attributes:
        reason: What it did, as the end of a sentence.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def facts_of(response: requests.Response) -> ObjectFacts:
    """What the headers of a GET or HEAD of an object say."""
    headers = response.headers
    length = headers.get("Content-Length", "")
    size = int(length) if length.isdecimal() and response.status_code == 200 else None
    if match := _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "")):
        size = int(match[1])
    return ObjectFacts(
        size=size,
        etag=headers.get("ETag", "").removeprefix("W/").strip('"'),
        static="X-Static-Large-Object" in headers,
        prefix=unquote(headers.get("X-Object-Manifest", "")),
        encoding=headers.get("Content-Encoding", "").strip().lower(),
    )


def stored_bytes(response: requests.Response, chunk: int) -> Iterator[bytes]:
    """The body as it is stored, whatever its Content-Encoding says; what breaks it is ``requests``' own error.

    Swift sends the header that an object was stored with whatever the request accepts, ``requests`` unpacks the body
    by it, and then neither ETag nor size nor a range are those of the bytes.
    """
    try:
        yield from response.raw.stream(chunk, decode_content=False)
    except urllib3.exceptions.HTTPError as error:
        raise requests.ConnectionError(str(error)) from error


def _seconds(retry_after: str) -> float:
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0

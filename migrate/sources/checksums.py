"""What tells whether bytes arrived as they were stored: the MD5 of an object, or those of the segments that it is of.

The ETag of a static large object is the MD5 of its segments' ETags one after the other, those of a range as
``ETag:range;`` (OpenStack Swift, static large objects). It tells versions, and nothing of the bytes. The manifest has
the MD5 of each segment.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Final, Protocol

from migrate.core.errors import MigrateError
from migrate.ovhcloud.objects import ObjectStore
from migrate.ovhcloud.stored import Segment

_MD5: Final = re.compile(r"[0-9a-f]{32}")


class Check(Protocol):
    """Told an object's bytes in their order."""

    def update(self, data: bytes, /) -> None:
        """Take the next bytes."""

    def fits(self) -> bool:
        """Whether all of them were as the store says."""


class NoCheck:
    """An object of whose bytes the store gives no checksum."""

    def update(self, data: bytes, /) -> None:
        """Take the next bytes, of which nothing is known."""

    def fits(self) -> bool:
        """Yes: nothing tells damage."""
        return True


class WholeCheck:
    """An object that has one MD5."""

    def __init__(self, md5: str) -> None:
        self._wanted = md5
        self._sum = hashlib.md5(usedforsecurity=False)

    def update(self, data: bytes, /) -> None:
        """Take the next bytes."""
        self._sum.update(data)

    def fits(self) -> bool:
        """Whether all of them were as the store says."""
        return self._sum.hexdigest() == self._wanted


class SegmentCheck:
    """An object of segments, each of which has an MD5."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._left = list(reversed([one for one in segments if one.size]))
        self._sum = hashlib.md5(usedforsecurity=False)
        self._have = 0
        self._fits = True

    def update(self, data: bytes, /) -> None:
        """Take the next bytes."""
        left = memoryview(data)
        while left and self._left:
            segment = self._left[-1]
            taken = left[: segment.size - self._have]
            self._sum.update(taken)
            self._have, left = self._have + len(taken), left[len(taken) :]
            if self._have == segment.size:
                self._fits &= self._sum.hexdigest() == segment.etag
                self._sum, self._have = hashlib.md5(usedforsecurity=False), 0
                self._left.pop()

    def fits(self) -> bool:
        """Whether all of them were as the store says."""
        return self._fits and not self._left


def is_md5(etag: str) -> bool:
    """Whether an ETag looks like an MD5."""
    return _MD5.fullmatch(etag) is not None


def segment_check(store: ObjectStore, name: str, *, etag: str, size: int) -> SegmentCheck | None:
    """The check of a static large object of that version.

    None where the manifest cannot be read, or is of another version, or where a segment is a range of an object, or a
    large object itself, whose MD5 is not that of its bytes.
    """
    try:
        segments = store.segments(name)
    except MigrateError:
        return None
    whole = all(one.is_whole and is_md5(one.etag) for one in segments)
    listed = hashlib.md5("".join(one.etag for one in segments).encode(), usedforsecurity=False).hexdigest()
    if not segments or not whole or listed != etag or sum(one.size for one in segments) != size:
        return None
    return SegmentCheck(segments)

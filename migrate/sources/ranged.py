"""A file that lies elsewhere, read by ranges: few requests, no byte twice, and never more than is allowed."""

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from migrate.core.looked import NotKnown, SeenObject
from migrate.core.text import printable

LEAST_ALLOWED: Final = 2_000_000  # bytes of a model, where it is small
SHARE: Final = 50  # of a larger one, one byte in so many
MOST_HELD: Final = 16 * 1024 * 1024  # bytes, whatever the size: what was read stays in memory while the model is read
MOST_REQUESTS: Final = 1000  # for bytes of one model: half a minute, one after the other

PAGE: Final = 1024
BLOCK: Final = PAGE // 2  # asked for at a place of which little is needed: a reader jumps from part to part
_ENDS: Final = 64 * PAGE  # read of the beginning and of the end, where formats have their tables
_AHEAD: Final = 256 * PAGE  # the most that is read ahead of a reader that goes on in order

Fetch = Callable[[int, int], bytes]
"""``fetch(offset, length)`` gives exactly these bytes, in one request."""


class Budget:
    """What may still be read of one model.

    Args:
        size: Bytes of all its files.
        least: Bytes that may be read of the smallest.

    Attributes:
        allowed: Bytes that may be read in all.
        spent: Bytes that were.
        requests: The requests that took.
        whole: Whether all of the model may be read.
    """

    def __init__(self, size: int, least: int = LEAST_ALLOWED) -> None:
        self.allowed = max(least, min(size // SHARE, MOST_HELD))
        self.spent = 0
        self.requests = 0
        self.whole = size <= self.allowed

    @classmethod
    def of_memory(cls) -> "Budget":
        """No limit: the bytes are here already."""
        return cls(0, sys.maxsize)

    @property
    def left(self) -> int:
        """Bytes that may still be read."""
        return self.allowed - self.spent

    def spend(self, length: int) -> None:
        """Count a request for so many bytes."""
        self.requests += 1
        self.spent += length

    def affords(self, length: int) -> bool:
        """Whether a check of so many bytes leaves enough for what a verdict itself needs."""
        return length <= (self.left if self.whole else self.left // 2)


class RangedFile:
    """The bytes of one file; called as ``formats`` reads: ``file(offset, length)``.

    Args:
        path: Its path in the model, for messages.
        size: How many bytes it has.
        fetch: Gets some of them.
        budget: That of the model.

    Attributes:
        block: How many bytes are worth asking for at a place of which little is needed.

    Raises:
        NotKnown: More of it is asked for than may be read; when it is called.
    """

    def __init__(self, path: str, size: int, fetch: Fetch, budget: Budget) -> None:
        self.path = path
        self.size = size
        self.block = BLOCK
        self._fetch = fetch
        self._budget = budget
        self._pages: dict[int, bytes] = {}
        self._last = -1  # the page behind what was read last
        self._ahead = 0

    def __call__(self, offset: int, length: int) -> bytes:
        """The bytes there; fewer at the end of the file."""
        end = min(offset + length, self.size)
        if offset >= end:
            return b""
        first, last = offset // PAGE, (end - 1) // PAGE
        for start, stop in self._missing(first, last + 1):
            self._read(start, stop)
        data = b"".join(self._pages[number] for number in range(first, last + 1))
        return data[offset - first * PAGE : end - first * PAGE]

    @property
    def unread(self) -> int:
        """Bytes of it that were not read."""
        return max(0, self.size - sum(map(len, self._pages.values())))

    def is_affordable(self, length: int) -> bool:
        """Whether so many bytes of it may be read, and leave enough for the rest."""
        return self._budget.affords(min(length, self.unread))

    def digest(self) -> str:
        """``sha256:...`` of all of it; empty where that is more than may be read."""
        if not self.is_affordable(self.size):
            return ""
        sha = hashlib.sha256()
        for offset in range(0, self.size, _AHEAD):
            sha.update(self(offset, _AHEAD))
        return f"sha256:{sha.hexdigest()}"

    def _missing(self, first: int, end: int) -> Iterator[tuple[int, int]]:
        """The runs of pages from ``first`` to ``end`` (exclusive) that are not here."""
        start = None
        for number in range(first, end + 1):
            here = number == end or number in self._pages
            if here and start is not None:
                yield start, number
                start = None
            elif not here and start is None:
                start = number

    def _read(self, start: int, stop: int) -> None:
        self._check(start, stop)
        start, stop = self._widened(start, stop)
        offset = start * PAGE
        length = min(stop * PAGE, self.size) - offset
        self._budget.spend(length)
        data = self._fetch(offset, length)
        for number in range(start, stop):
            at = (number - start) * PAGE
            self._pages[number] = data[at : at + PAGE]
        self._last = stop

    def _check(self, start: int, stop: int) -> None:
        length = min(stop * PAGE, self.size) - start * PAGE
        if length > self._budget.left:
            raise NotKnown(
                f"The verdict needs more of {named(self.path)} than the {self._budget.allowed:,} bytes that are read "
                "of a model before it is downloaded."
            )
        if self._budget.requests >= MOST_REQUESTS:
            raise NotKnown(
                f"What tells the verdict lies at more than {MOST_REQUESTS} places of {named(self.path)}, which only a "
                "download reads."
            )

    def _widened(self, start: int, stop: int) -> tuple[int, int]:
        """The pages to ask for in one request: those that are needed, and what will probably be needed next."""
        pages = -(-self.size // PAGE)
        lowest, ends = start, _ENDS // PAGE
        if 0 <= self._last <= start <= self._last + 1:  # a reader that goes on in order
            self._ahead = min(2 * self._ahead, _AHEAD)
            lowest = self._last
        else:
            self._ahead = PAGE if start else _ENDS
        highest = start + (_AHEAD if self._budget.whole else self._ahead) // PAGE
        if pages - start <= ends:
            lowest, highest = pages - ends, pages  # tables at the end of a file are read from their beginning
        spare = self._budget.left if self._budget.whole else self._budget.left // 4
        if (highest - lowest) * PAGE > spare:
            return start, stop
        while start > max(lowest, 0) and start - 1 not in self._pages:
            start -= 1
        while stop < min(highest, pages) and stop not in self._pages:
            stop += 1
        return start, stop


class RangedFiles:
    """The files of a model that lies elsewhere; a door for ``formats.inspect.inspect_files``.

    Args:
        files: They.
        budget: What may be read of all of them.
        objects: What they are where they lie.
        asked: Requests that were made to know that.

    Attributes:
        objects: As given.
        sizes: Sizes in bytes by path, as a download has them.
        unchecked: What was left out so far, a sentence each.
    """

    def __init__(
        self, files: Iterable[RangedFile], budget: Budget, objects: tuple[SeenObject, ...], *, asked: int
    ) -> None:
        self._files = {file.path: file for file in files}
        self._budget = budget
        self._asked = asked
        self.objects = objects
        self.sizes = {path: file.size for path, file in self._files.items()}
        self.unchecked: list[str] = []

    @property
    def bytes_read(self) -> int:
        """Bytes of the objects that were read."""
        return self._budget.spent

    @property
    def requests(self) -> int:
        """The requests for objects so far."""
        return self._asked + self._budget.requests

    @contextmanager
    def open(self, path: str) -> Iterator[tuple[RangedFile, int]]:
        """A file, as a reader of ranges and its size in bytes.

        Raises:
            MigrateError: The storage does not give it; when it is read.
            NotKnown: More is asked for than may be read, or it changed; when it is read.
        """
        file = self._files[path]
        yield file, file.size

    def is_plain(self, path: str) -> bool:
        """Whether it will be a file of its own, as what is downloaded always is."""
        return path in self._files

    def digest(self, path: str) -> str:
        """``sha256:...`` of a file; empty, and left out, where that is more than may be read."""
        found = self._files[path].digest()
        if not found:
            self._left_out(f"The digest of {named(path)}, which allows it to be loaded, is not known")
        return found

    def affords(self, path: str, length: int) -> bool:
        """Whether so many bytes of a file may be read, and leave enough for the rest."""
        return self._files[path].is_affordable(length)

    def leave_out(self, path: str, length: int, what: str) -> bool:
        """Whether a check that reads so many bytes of a file is left out (``formats.reading.files.Files``)."""
        if self.affords(path, length):
            return False
        self._left_out(f"In {named(path)}, {what} are not compared")
        return True

    def _left_out(self, what: str) -> None:
        text = f"{what}: that takes more than the {self._budget.allowed:,} bytes that are read before a download."
        if text not in self.unchecked:
            self.unchecked.append(text)


def named(path: str) -> str:
    """A path or a name for a sentence: printable, in quotes, and short."""
    return f'"{printable(path, 80)}"'

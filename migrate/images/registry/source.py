"""The bytes of a blob on their way to a registry: a chunk in memory, the next one read ahead, each byte hashed once.

A blob may be made while it is sent: its digest and size are known when its last byte has been read.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import mmap
from typing import TYPE_CHECKING, Final, Protocol, cast

from msgspec import Struct

from migrate.core.errors import LocalError
from migrate.core.text import printable, type_again
from migrate.core.values import Descriptor  # noqa: TC001 - msgspec looks it up
from migrate.machine.patience import DOWNLOAD_RETRY

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor, Future

    Wait = Callable[[float], None]

_SKIPPED: Final = 1 << 20  # bytes read at a time where a source begins before the wanted place


class Stream(Protocol):
    """Bytes that can be read once, from the beginning on."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""

    def close(self) -> None:
        """Let go of what it reads from."""


class Opener(Protocol):
    """Gives the bytes of a blob."""

    def __call__(self, offset: int, /) -> Stream:
        """The bytes from ``offset`` on.

        Raises:
            io.UnsupportedOperation: It begins at its beginning only; it is then opened there and read past.
        """


class Blob(Struct, frozen=True, kw_only=True):
    """A blob that a registry is to have.

    ``open`` gives its bytes from any offset on; it is asked again after a cut. ``mount_from`` is a repository of the
    same registry that may have the blob, from which it is then taken without being sent.
    """

    descriptor: Descriptor
    open: Opener
    mount_from: str | None = None


class Making(Stream, Protocol):
    """Bytes of a blob that are made as they are read."""

    @property
    def descriptor(self) -> Descriptor:
        """What was made, once the end was read."""


class UnmadeBlob(Struct, frozen=True, kw_only=True):
    """A blob that a registry is to have, and that is made while it is sent.

    ``open`` begins to make it, with the same bytes each time; ``about`` is near its size, in bytes.
    """

    open: Callable[[], Making]
    about: int


class Buffers:
    """Memory for two chunks. The allocator would keep what it was given back."""

    def __init__(self) -> None:
        self._both: list[mmap.mmap] = []

    def next(self, size: int) -> memoryview:
        """One of the two in turn, of at least so many bytes."""
        if len(self._both) == 2:
            self._both.reverse()
        if len(self._both) < 2 or len(self._both[-1]) < size:
            flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
            self._both = [*self._both[:1], mmap.mmap(-1, max(size, 1), flags=flags)]
        return memoryview(self._both[-1])

    def give_back(self) -> None:
        """Give the memory back, whoever still refers to it, such as the errors of a cut."""
        for one in self._both:
            one.madvise(mmap.MADV_DONTNEED)


class Source:
    """A blob's bytes in chunks. Two chunks are in memory: the one that is sent, and the one that is read meanwhile.

    Args:
        blob: What is read.
        chunk: Bytes of a chunk.
        reader: Reads ahead.
        wait: Waits that many seconds before a broken source is opened again.
        buffers: Those of whatever read the blob before, which is closed.
    """

    def __init__(
        self, blob: Blob | UnmadeBlob, chunk: int, reader: Executor, wait: Wait, buffers: Buffers | None = None
    ) -> None:
        self._blob = blob
        self._known = blob.descriptor if isinstance(blob, Blob) else None
        self._chunk = chunk
        self._reader = reader
        self._wait = wait
        self._stream: Stream | None = None
        self._read_to = 0  # where the stream is
        self._hash = hashlib.sha256()
        self._hashed = 0
        self._start = 0
        self._data = memoryview(b"")
        self._next: Future[memoryview] | None = None
        self._buffers = buffers or Buffers()

    def at(self, position: int) -> memoryview:
        """The bytes from a position to the end of the chunk that is in memory, or of the next one; none at the end.

        Raises:
            LocalError: The source ends too early (``push-failed``), or what its opener raises.
        """
        end = self._start + len(self._data)
        if not self._start <= position < end:
            self._data = self._following() if position == end else self._elsewhere(position)
            self._start = position
            if self._known is None or position + len(self._data) < self._known.size:
                self._next = self._reader.submit(self._filled)
        return self._data[position - self._start :]

    def check(self) -> Descriptor:
        """What was read, once everything was; it is compared with the blob's digest where that was known before.

        Raises:
            LocalError: It was something else (``push-failed``).
        """
        known = self._known
        if known is None:
            raise self._failed(f"it goes on after {self._read_to} bytes")
        if isinstance(self._blob, Blob):
            digest = f"sha256:{self._hash.hexdigest()}"
            if self._hashed != known.size or digest != known.digest or self._goes_on(known.size):
                raise self._failed(f"it was to be {known.digest}, and what was read is something else")
        return known

    def close(self) -> None:
        """Let go of the stream; reading ahead ends first."""
        if self._next is not None and not self._next.cancel():
            self._next.exception()
        self._next = None
        self._close()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _following(self) -> memoryview:
        if self._next is None:
            return self._filled()
        ahead, self._next = self._next, None
        return ahead.result()

    def _elsewhere(self, position: int) -> memoryview:
        self.close()
        self._read_to = position
        return self._filled()

    def _filled(self) -> memoryview:
        """The next chunk. A stream that breaks or ends too early is opened again where it was."""
        wanted = self._chunk if self._known is None else min(self._chunk, self._known.size - self._read_to)
        data = self._buffer()[:wanted]
        have = failures = 0
        while have < wanted:
            why = ""
            try:
                if self._stream is None:
                    self._stream = self._opened(self._read_to)
                piece = self._stream.read(min(wanted - have, _SKIPPED))
            except (OSError, EOFError) as error:
                piece, why = b"", str(error) or type(error).__name__
            if piece:
                failures = 0
                self._took(piece)
                data[have : have + len(piece)] = piece
                have += len(piece)
                continue
            if not why and self._ended():
                return data[:have]
            self._close()
            failures += 1
            if failures >= DOWNLOAD_RETRY.attempts:
                of = f" of {self._known.size}" if self._known is not None else ""
                raise self._failed(
                    f"its source has only {self._read_to}{of} bytes ({printable(why or 'it ended', 200)})"
                )
            if failures > 1:
                self._wait(min(DOWNLOAD_RETRY.first_wait * 2**failures, DOWNLOAD_RETRY.longest_wait))
        return data

    def _buffer(self) -> memoryview:
        size = self._chunk if self._known is None else min(self._chunk, self._known.size)
        return self._buffers.next(size)

    def _ended(self) -> bool:
        """Whether a blob that is made on the way has come to its end, by which it is known."""
        if isinstance(self._blob, Blob) or self._stream is None:
            return False
        self._known = cast("Making", self._stream).descriptor
        return True

    def _opened(self, position: int) -> Stream:
        if isinstance(self._blob, Blob):
            try:
                return self._blob.open(position)
            except io.UnsupportedOperation:
                if position == 0:
                    raise
            stream = self._blob.open(0)
        else:
            stream = self._blob.open()
        left = position
        while left > 0:
            passed = len(stream.read(min(left, _SKIPPED)))
            if passed == 0:
                break  # the next look finds that it ends here
            left -= passed
        return stream

    def _took(self, piece: bytes) -> None:
        new = self._read_to + len(piece) - self._hashed
        if new > 0 and isinstance(self._blob, Blob):  # what makes the others hashes them
            self._hash.update(memoryview(piece)[len(piece) - new :])
            self._hashed += new
        self._read_to += len(piece)

    def _goes_on(self, size: int) -> bool:
        try:
            return self._stream is not None and self._read_to == size and bool(self._stream.read(1))
        except (OSError, EOFError):
            return False  # all that was wanted has come

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()

    def _failed(self, why: str) -> LocalError:
        return LocalError(
            f"A layer of the image could not be read whole: {why}.",
            code="push-failed",
            next_step=type_again(note="layers that arrived are not sent twice"),
        )

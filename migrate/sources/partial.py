"""The partial data of one object on this machine's disk, and what is known of it when a process died."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

_SPARE: Final = 64 * 1024

Span = tuple[int, int]
"""Bytes from an offset up to another one."""


class Saved(Struct, frozen=True, kw_only=True):
    """Beside partial data: which version of the object it is of.

    ``size`` is that of the bytes as stored, and when the file is whole (``digest`` is set) that of the file; ``listed``
    is what the listing said, -1 where an earlier release did not keep it.
    ``has_md5`` is whether the ETag tells damaged data: bytes of a stream that nobody synced are of use then only.
    ``spans`` are bytes that are on the disk: each was synced before it was written here. Of an object in parts they are
    all that there is; a stream has one, from its beginning, where its reading ended in good order.
    """

    etag: str = ""
    size: int
    last_modified: str
    listed: int = -1
    digest: str = ""
    encoding: str = ""
    has_md5: bool = True
    spans: tuple[Span, ...] = ()


class Partial:
    """The files of one object: bytes in their order (``stream``), or in parts (``parts``), and the state of either.

    Args:
        path: Of the stream; the others lie beside it.
    """

    def __init__(self, path: Path) -> None:
        self.stream = path
        self.parts = path.with_suffix(".parts")
        self._state = path.with_suffix(".json")
        self._spare = path.with_suffix(".spare")

    def saved(self) -> Saved | None:
        """The state, where there is one that can be read."""
        try:
            return msgspec.json.decode(self._state.read_bytes(), type=Saved)
        except (OSError, msgspec.DecodeError):
            return None

    def keep(self, saved: Saved, *, at_the_end: bool = False) -> None:
        """Write the state, whole or not at all, so that it is never newer than the bytes that it speaks of.

        Args:
            saved: The state.
            at_the_end: Nobody writes any more: where the disk is full, there is the room that was set aside for this.
        """
        content = msgspec.json.encode(saved)
        if at_the_end:
            self._spare.unlink(missing_ok=True)
        elif not self._spare.exists():
            self._spare.write_bytes(bytes(_SPARE))
        self._write(content)

    def _write(self, content: bytes) -> None:
        temporary = self._state.with_suffix(".new")
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            sync(file.fileno())
        temporary.replace(self._state)

    def received(self) -> int:
        """The bytes of the stream that are there."""
        return self.stream.stat().st_size if self.stream.exists() else 0

    def cut_to_synced(self, saved: Saved) -> int:
        """Leave of the stream only what was synced; its bytes, and none where everything had to be discarded."""
        synced = min(self.received(), saved.spans[0][1]) if saved.spans and saved.spans[0][0] == 0 else 0
        if synced:
            os.truncate(self.stream, synced)
        else:
            self.discard()
        return synced

    def adopt(self, saved: Saved) -> Saved:
        """The state of the parts: what an earlier release, or a shorter listing, received as a stream is one of them.

        Spans that the file cannot hold are not believed.
        """
        have = self.received()
        if have and not self.parts.exists():
            with self.stream.open("rb") as file:
                sync(file.fileno())
            self.stream.replace(self.parts)
            saved = msgspec.structs.replace(saved, spans=((0, min(have, saved.size)),))
            self.keep(saved)
            return saved
        held = self.parts.stat().st_size if self.parts.exists() else 0
        return msgspec.structs.replace(saved, spans=tuple(span for span in saved.spans if span[1] <= held))

    def discard(self) -> None:
        """Remove the bytes and the state."""
        for path in (self._state, self._spare, self.stream, self.parts):
            path.unlink(missing_ok=True)


def sync(descriptor: int) -> None:
    """Have the disk keep what was written to a file."""
    with contextlib.suppress(AttributeError):  # not on macOS
        os.fdatasync(descriptor)
        return
    os.fsync(descriptor)


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same bytes as few spans in order."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif start < end:
            found.append((start, end))
    return tuple(found)


def missing(spans: Iterable[Span], size: int, part: int) -> list[Span]:
    """What is not in the spans of an object of that size, in order, in pieces that end at multiples of ``part``."""
    found: list[Span] = []
    start = 0
    for begin, end in (*merged(spans), (size, size)):
        while start < begin:
            found.append((start, min(begin, (start // part + 1) * part)))
            start = found[-1][1]
        start = max(start, end)
    return found

"""The protobuf wire format, read in place from a file of any size.

A model's weights lie in a few huge fields; its structure is small. So the reader looks at tags and lengths, jumps over
what nobody asked for, and keeps one block of the file in memory. Nothing is parsed into message objects.

Format: https://protobuf.dev/programming-guides/encoding/.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final, Literal, NamedTuple

Read = Callable[[int, int], bytes]
"""``read(offset, length)`` gives the bytes there; fewer only at the end of the file."""


def block_of(read: Read, usual: int) -> int:
    """How many bytes to read at a time: fewer where each costs, as a reader says that has a ``block``."""
    return min(usual, getattr(read, "block", usual))


class Stretch:
    """Some bytes of a file, read as a file of their own.

    Args:
        read: The file.
        start: Where they begin.
        size: How many there are.
    """

    def __init__(self, read: Read, start: int, size: int) -> None:
        self._read = read
        self._start = start
        self._size = size
        self.block = block_of(read, BLOCK)

    def __call__(self, offset: int, length: int) -> bytes:
        """The bytes there; fewer at the end."""
        return self._read(self._start + offset, max(0, min(length, self._size - offset)))


VARINT: Final = 0
FIXED64: Final = 1
LENGTH: Final = 2
FIXED32: Final = 5

BLOCK: Final = 64 * 1024
MAXIMUM_DEPTH: Final = 100  # protobuf's own limit on nested messages
MAXIMUM_STEPS: Final = 25_000_000  # fields looked at one by one: some ten seconds, far above any real graph
MAXIMUM_TEXT: Final = 64 * 1024  # a name or a path
_STEPS_OF_A_TEXT: Final = 8  # texts are kept: there may be fewer of them than of fields


class WireError(Exception):
    """The bytes are not a protobuf message, or not one that may be read further."""

    def __init__(self, kind: Literal["truncated", "malformed", "too-complex"], text: str) -> None:
        self.kind = kind
        self.text = text
        super().__init__(text)


class Field(NamedTuple):
    """One field: ``value`` of a number; ``start`` and ``end`` (exclusive) of the content's bytes."""

    number: int
    wire: int
    value: int
    start: int
    end: int


class Wire:
    """A protobuf message in ``size`` bytes behind ``read``."""

    def __init__(self, read: Read, size: int, *, block: int | None = None, steps: int | None = None) -> None:
        self.size = size
        self._read = read
        self._block = block_of(read, BLOCK) if block is None else block
        self._steps = MAXIMUM_STEPS if steps is None else steps
        self._buffer = b""
        self._at = 0

    def fields(self, start: int, end: int, wanted: frozenset[int] | None = None) -> Iterator[Field]:
        """The fields of the message in ``start`` to ``end`` whose number is ``wanted`` (None: all), in order.

        Raises:
            WireError: A field is broken, or reaches beyond the end of its message.
        """
        at = start
        while at < end:
            first = at
            tag, at = self.varint(at, end)
            number, wire = tag >> 3, tag & 7
            if not 1 <= number < 1 << 29:
                raise WireError("malformed", f"field number {number} at byte {first}")
            value = 0
            content = at
            if wire == VARINT:
                value, at = self.varint(at, end)
            elif wire == LENGTH:
                value, content = self.varint(at, end)
                at = content + value
            elif wire == FIXED32:
                at += 4
            elif wire == FIXED64:
                at += 8
            else:
                raise WireError("malformed", f"wire type {wire} at byte {first}")
            if at > end:
                if at > self.size:
                    raise WireError("truncated", f"it ends at byte {self.size}, and a part of it reaches to byte {at}")
                raise WireError("malformed", f"a part at byte {first} reaches beyond the whole, which ends at {end}")
            if wanted is None or number in wanted:
                yield Field(number, wire, value, content, at)
            elif number < 16:
                at = self._skip_run(tag, at, end)

    def varint(self, at: int, end: int) -> tuple[int, int]:
        """The variable-length number at a byte, as unsigned 64 bits, and the byte after it."""
        self._count()
        index = at - self._at
        if 0 <= index < len(self._buffer) and at < end and (short := self._buffer[index]) < 0x80:
            return short, at + 1
        value = shift = 0
        while True:
            if at >= end:
                raise WireError("truncated" if end >= self.size else "malformed", f"a number is cut at byte {at}")
            byte = self._byte(at)
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF, at
            shift += 7
            if shift >= 70:
                raise WireError("malformed", f"a number of more than ten bytes at byte {at}")

    def text(self, field: Field) -> str:
        """The UTF-8 text of a field (a name, a path, a domain)."""
        if field.wire != LENGTH or field.end - field.start > MAXIMUM_TEXT:
            raise WireError("malformed", f"no text at byte {field.start}")
        self._count(_STEPS_OF_A_TEXT)
        try:
            return self.data(field.start, field.end).decode("utf-8")
        except UnicodeDecodeError:
            raise WireError("malformed", f"a text at byte {field.start} is not UTF-8") from None

    def data(self, start: int, end: int) -> bytes:
        """The bytes from ``start`` to ``end``; for small contents only."""
        low = start - self._at
        if low >= 0 and end - self._at <= len(self._buffer):
            return self._buffer[low : end - self._at]
        data = self._read(start, end - start)
        if len(data) != end - start:
            raise WireError("truncated", f"the file ends before byte {end}")
        return data

    def packed(self, field: Field) -> Iterator[int]:
        """The numbers of a repeated integer field, which writers store one by one or packed."""
        if field.wire == VARINT:
            yield field.value
        elif field.wire == LENGTH:
            at = field.start
            while at < field.end:
                value, at = self.varint(at, field.end)
                yield value
        else:
            raise WireError("malformed", f"no integers at byte {field.start}")

    def _byte(self, at: int) -> int:
        index = at - self._at
        if not 0 <= index < len(self._buffer):
            self._load(at)
            index = 0
        return self._buffer[index]

    def _load(self, at: int) -> None:
        self._buffer = self._read(at, min(self._block, self.size - at))
        self._at = at
        if not self._buffer:
            raise WireError("truncated", f"the file ends at byte {at}, not at byte {self.size}")

    def _skip_run(self, tag: int, at: int, end: int) -> int:
        """Jump over more fields of the same tag: tree ensembles store millions of numbers one by one."""
        pattern = _run(tag)
        while pattern is not None and at < end and self._byte(at) == tag:
            if len(self._buffer) - (at - self._at) < _LONGEST and self._at != at:
                self._load(at)
            found = pattern.match(self._buffer, at - self._at, min(len(self._buffer), end - self._at))
            if found is None:
                break  # a long field, or a broken one: read one by one
            at = self._at + found.end()
            self._count()
        return at

    def _count(self, steps: int = 1) -> None:
        self._steps -= steps
        if self._steps < 0:
            raise WireError("too-complex", "it has more fields than any model this tool knows of")


_LONGEST: Final = 66  # tag, length and content of the longest field that a run holds


@cache
def _run(tag: int) -> re.Pattern[bytes] | None:
    """Matches as many whole fields of a one-byte tag as there are; possessive, so it never goes back."""
    one = re.escape(bytes([tag]))
    wire = tag & 7
    if wire == VARINT:
        body = rb"[\x80-\xff]{0,9}[\x00-\x7f]"
    elif wire == FIXED32:
        body = rb".{4}"
    elif wire == FIXED64:
        body = rb".{8}"
    elif wire == LENGTH:
        body = rb"(?:" + b"|".join(re.escape(bytes([n])) + rb".{%d}" % n for n in range(65)) + rb")"
    else:
        return None
    return re.compile(rb"(?:" + one + body + rb")++", re.DOTALL)


def signed(value: int) -> int:
    """An unsigned 64-bit number as the signed one that protobuf's ``int64`` means."""
    return value - (1 << 64) if value >= 1 << 63 else value


def expect(item: Field, wire: int) -> None:
    """Refuse a field of another wire type.

    Raises:
        WireError: It has another one (``malformed``).
    """
    if item.wire != wire:
        raise WireError("malformed", f"field {item.number} at byte {item.start} has wire type {item.wire}, not {wire}")


def messages(wire: Wire, item: Field, *numbers: int) -> Iterator[Field]:
    """The sub-messages of a message with these field numbers."""
    for part in wire.fields(item.start, item.end, frozenset(numbers)):
        expect(part, LENGTH)
        yield part

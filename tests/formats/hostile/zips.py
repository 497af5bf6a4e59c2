"""ZIP archives by hand: every field of every header can say something else than the truth."""

import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

UNIX = 3
REGULAR = 0o100644


class Member(Struct):
    """An entry; what is None is as it should be. ``length`` and ``body`` are of its packed bytes."""

    name: bytes
    data: bytes = b""
    packed: bool = False
    flags: int = 0
    mode: int = REGULAR
    made_by: int = UNIX
    crc: int | None = None
    size: int | None = None
    length: int | None = None
    offset: int | None = None
    extra: bytes = b""
    body: bytes | None = None
    local_name: bytes | None = None
    local_flags: int | None = None
    local_method: int | None = None
    local_crc: int | None = None


def members(files: dict[str, bytes]) -> list[Member]:
    """Plain entries."""
    return [Member(name.encode(), data) for name, data in files.items()]


def pack(
    entries: Sequence[Member],
    *,
    gap: bytes = b"",
    before_directory: bytes = b"",
    comment: bytes = b"",
    count: int | None = None,
    wide: Mapping[str, Any] | None = None,
) -> bytes:
    """The archive; ``gap`` lies behind its first entry, ``wide`` changes a 64-bit end record that it has."""
    out = bytearray()
    directory = bytearray()
    for number, entry in enumerate(entries):
        offset = len(out) if entry.offset is None else entry.offset
        body = _deflated(entry.data) if entry.packed else entry.data
        body = body if entry.body is None else entry.body
        method = 8 if entry.packed else 0
        crc = zlib.crc32(entry.data) if entry.crc is None else entry.crc
        size = len(entry.data) if entry.size is None else entry.size
        length = len(body) if entry.length is None else entry.length
        if entry.offset is None:
            name = entry.name if entry.local_name is None else entry.local_name
            flags = entry.flags if entry.local_flags is None else entry.local_flags
            local = method if entry.local_method is None else entry.local_method
            again = crc if entry.local_crc is None else entry.local_crc
            out += struct.pack("<4s5H3I2H", b"PK\3\4", 20, flags, local, 0, 33, again, length, size, len(name), 0)
            out += name + body
        made, attributes = entry.made_by << 8 | 20, entry.mode << 16
        header = (b"PK\1\2", made, 20, entry.flags, method, 0, 33, crc, length, size, len(entry.name))
        directory += struct.pack("<4s6H3I5H2I", *header, len(entry.extra), 0, 0, 0, attributes, offset)
        directory += entry.name + entry.extra
        if number == 0:
            out += gap
    out += before_directory
    total = len(entries) if count is None else count
    between = b"" if wide is None else wide_end(len(directory), len(out), **{"count": len(entries), **wide})
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, total, total, len(directory), len(out), len(comment))
    return bytes(out + directory + between + end + comment)


def wide_end(
    length: int, offset: int, *, count: int, mark: bytes = b"PK\6\6", short: int | None = None, away: int = 0
) -> bytes:
    """The 64-bit end record behind a directory, and its locator, which says that it lies ``away`` from there."""
    size = length if short is None else short
    record = struct.pack("<4sQ2H2I4Q", mark, 44, 45, 45, 0, 0, count, count, size, offset)
    return record + struct.pack("<4sIQI", b"PK\6\7", 0, offset + length + away, 1)


def patched(archive: bytes, record: bytes, at: int, content: bytes) -> bytes:
    """An archive with other bytes at a place of the last record that begins with a mark."""
    start = archive.rindex(record) + at
    return archive[:start] + content + archive[start + len(content) :]


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()

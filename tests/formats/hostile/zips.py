"""ZIP archives by hand: every field of every header can say something else than the truth."""

import struct
import zlib
from collections.abc import Sequence

from msgspec import Struct

UNIX = 3
REGULAR = 0o100644


class Member(Struct):
    """An entry; what is None is as it should be."""

    name: bytes
    data: bytes = b""
    packed: bool = False
    flags: int = 0
    mode: int = REGULAR
    made_by: int = UNIX
    crc: int | None = None
    size: int | None = None
    offset: int | None = None
    extra: bytes = b""
    local_name: bytes | None = None
    local_flags: int | None = None
    local_method: int | None = None
    local_data: bytes | None = None


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
) -> bytes:
    """The archive; ``gap`` lies behind its first entry."""
    out = bytearray()
    directory = bytearray()
    for number, entry in enumerate(entries):
        offset = len(out) if entry.offset is None else entry.offset
        held = entry.data if entry.local_data is None else entry.local_data
        body = _deflated(held) if entry.packed else held
        method = 8 if entry.packed else 0
        crc = zlib.crc32(entry.data) if entry.crc is None else entry.crc
        size = len(entry.data) if entry.size is None else entry.size
        length = len(body)
        if entry.offset is None:
            name = entry.name if entry.local_name is None else entry.local_name
            flags = entry.flags if entry.local_flags is None else entry.local_flags
            local = method if entry.local_method is None else entry.local_method
            out += struct.pack("<4s5H3I2H", b"PK\3\4", 20, flags, local, 0, 33, crc, length, size, len(name), 0)
            out += name + body
        made, attributes = entry.made_by << 8 | 20, entry.mode << 16
        header = (b"PK\1\2", made, 20, entry.flags, method, 0, 33, crc, length, size, len(entry.name))
        directory += struct.pack("<4s6H3I5H2I", *header, len(entry.extra), 0, 0, 0, attributes, offset)
        directory += entry.name + entry.extra
        if number == 0:
            out += gap
    out += before_directory
    total = len(entries) if count is None else count
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, total, total, len(directory), len(out), len(comment))
    return bytes(out + directory + end + comment)


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()

"""The blocks of an HDF5 file: superblock, object headers and their messages. Bounds are checked before every read.

What Keras writes is a small part of the format. Only that part is read, by the few lines below and in this process;
the rest of the format is refused, and the HDF5 library sees a customer's file in a container only.

Format: https://docs.hdfgroup.org/hdf5/develop/_f_m_t3.html (HDF5 File Format Specification 3.0; sections in comments).
"""

import struct
from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct

from migrate.formats.reading.wire import Read

MAGIC: Final = b"\x89HDF\r\n\x1a\n"
UNDEFINED: Final = 0xFFFF_FFFF_FFFF_FFFF
MAXIMUM_MESSAGES: Final = 2_000_000

_MAXIMUM_BLOCK: Final = 16 * 1024 * 1024
_MAXIMUM_EFFORT: Final = 64 * 1024 * 1024  # bytes of structure that are looked at, some seconds of work
_EFFORT_OF_A_BLOCK: Final = 64
_CONTINUATION: Final = 0x0010
_SHARED: Final = 0x02


class Hdf5Error(Exception):
    """The file is broken, cut, or uses what no model needs.

    Attributes:
        kind: ``truncated``, ``malformed`` or ``unsupported``.
    """

    def __init__(self, kind: Literal["truncated", "malformed", "unsupported"], text: str) -> None:
        self.kind = kind
        self.text = text
        super().__init__(text)


class Message(Struct, frozen=True):
    """A message of an object header: its type, and its content where it is not shared."""

    type: int
    data: bytes
    shared: bool = False


class Blocks:
    """The bytes of one HDF5 file.

    Args:
        read: Its bytes.
        size: How many there are.

    Attributes:
        root: The address of the root group's object header.

    Raises:
        Hdf5Error: It is none, cut, or longer than it says.
    """

    def __init__(self, read: Read, size: int) -> None:
        self._read = read
        self.size = size
        self._messages = 0
        self._effort = 0
        self.root = self._superblock()

    def get(self, address: int, length: int) -> bytes:
        """The bytes at an address.

        Raises:
            Hdf5Error: They are not there.
        """
        self._effort += length + _EFFORT_OF_A_BLOCK
        if self._effort > _MAXIMUM_EFFORT:
            raise Hdf5Error("unsupported", "more parts than any model has, or the same ones over and over")
        if length > _MAXIMUM_BLOCK:
            raise Hdf5Error("unsupported", f"a block of {length} bytes at byte {address}")
        if address + length > self.size:
            raise Hdf5Error("truncated", f"it ends at byte {self.size}, and a block reaches to byte {address + length}")
        data = self._read(address, length)
        if len(data) != length:
            raise Hdf5Error("truncated", f"it ends before byte {address + length}")
        return data

    def messages(self, address: int) -> list[Message]:
        """The messages of the object header at an address (IV.A)."""
        if self.get(address, 4) == b"OHDR":
            return list(self._new_messages(address))
        return list(self._old_messages(address))

    def _superblock(self) -> int:
        """Where the root group is (II)."""
        head = self.get(0, 12)
        if head[:8] != MAGIC:
            raise Hdf5Error("malformed", "it does not begin as one")
        version = head[8]
        if version in (0, 1):
            sizes = self.get(13, 2)
            at = 24 if version == 0 else 28
            base, _, end, _, _, root = struct.unpack("<6Q", self.get(at, 48))
        elif version in (2, 3):
            sizes = head[9:11]
            base, _, end, root = struct.unpack("<4Q", self.get(12, 32))
        else:
            raise Hdf5Error("unsupported", f"a superblock of version {version}")
        if sizes != b"\x08\x08" or base:
            raise Hdf5Error("unsupported", "addresses that do not have 8 bytes, or do not begin at 0")
        if end > self.size:
            raise Hdf5Error("truncated", f"it has {self.size} bytes, and says that it has {end}")
        if end < self.size:
            raise Hdf5Error("malformed", f"{self.size - end} bytes follow its end")
        return int(root)

    def _old_messages(self, address: int) -> Iterator[Message]:
        version, _, count, _, length = struct.unpack("<BBHII", self.get(address, 12))
        if version != 1:
            raise Hdf5Error("malformed", f"no object header at byte {address}")
        waiting = [(address + 16, length)]
        read = [(address, address + 16 + length)]
        left = count
        while waiting and left > 0:
            at, size = waiting.pop(0)
            block = self.get(at, size)
            place = 0
            while place + 8 <= size and left > 0:
                kind, length, flags = struct.unpack_from("<HHB", block, place)
                data = block[place + 8 : place + 8 + length]
                if len(data) != length:
                    raise Hdf5Error("malformed", f"a message reaches beyond its block at byte {at + place}")
                place, left = place + 8 + length, left - 1
                yield from self._counted(Message(kind, data, bool(flags & _SHARED)), waiting, read)

    def _new_messages(self, address: int) -> Iterator[Message]:
        version, flags = struct.unpack("<BB", self.get(address + 4, 2))
        if version != 2:
            raise Hdf5Error("unsupported", f"an object header of version {version}")
        at = address + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        length = int.from_bytes(self.get(at, width), "little")
        prefix = 6 if flags & 0x04 else 4
        waiting = [(at + width, length)]
        read = [(address, at + width + length)]
        first = True
        while waiting:
            at, size = waiting.pop(0)
            if not first:
                if self.get(at, 4) != b"OCHK" or size < 8:
                    raise Hdf5Error("malformed", f"no continuation of an object header at byte {at}")
                at, size = at + 4, size - 8
            first = False
            block = self.get(at, size)
            place = 0
            while place + prefix <= size:
                kind, length, marks = struct.unpack_from("<BHB", block, place)
                data = block[place + prefix : place + prefix + length]
                if len(data) != length:
                    raise Hdf5Error("malformed", f"a message reaches beyond its block at byte {at + place}")
                place += prefix + length
                yield from self._counted(Message(kind, data, bool(marks & _SHARED)), waiting, read)

    def _counted(
        self, message: Message, waiting: list[tuple[int, int]], read: list[tuple[int, int]]
    ) -> Iterator[Message]:
        """A message that is no continuation; those grow what waits, and what counts as read."""
        self._messages += 1
        if self._messages > MAXIMUM_MESSAGES:
            raise Hdf5Error("unsupported", "more parts than any model has")
        if message.type != _CONTINUATION:
            yield message
        elif len(message.data) < 16 or len(waiting) > 1000:
            raise Hdf5Error("malformed", "a broken continuation of an object header")
        else:
            at, size = struct.unpack_from("<2Q", message.data)
            if any(start < at + size and at < end for start, end in read):
                raise Hdf5Error("malformed", f"an object header goes on in itself, at byte {at}")
            waiting.append((at, size))
            read.append((at, at + size))

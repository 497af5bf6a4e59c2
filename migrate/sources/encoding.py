"""Objects that were stored with a Content-Encoding: what they are when it is undone."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final

_NONE: Final = frozenset({"", "identity", "aws-chunked"})  # the last is of a transfer, and some clients store it
_KNOWN: Final = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP: Final = b"\x1f\x8b"
_EITHER: Final = 47  # zlib's word for a gzip or a zlib header
_PIECE: Final = 256 * 1024
_LOOKED_INTO: Final = 32 * 1024 * 1024


def codings(header: str) -> tuple[str, ...]:
    """The codings of a Content-Encoding that change the bytes."""
    return tuple(word for part in header.lower().split(",") if (word := part.strip()) not in _NONE)


def unknown(header: str) -> str:
    """The codings that are not undone here, or an empty text."""
    words = codings(header)
    return ", ".join(words) if len(words) > 1 or not _KNOWN.issuperset(words) else ""


def is_packed(header: str, head: bytes) -> bool:
    """Whether bytes that begin so are what the header says; what is not is taken as it is stored."""
    if not codings(header):
        return False
    return head[:2] == _GZIP or (len(head) > 1 and head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0)


def unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of gzip (of several members, too) or zlib data, in pieces of limited size.

    Raises:
        zlib.error: It is damaged.
        EOFError: It ends too early.
    """
    inner = zlib.decompressobj(_EITHER)
    begun = False
    for chunk in chunks:
        data = chunk
        while data:
            begun = True
            if inner.eof:
                if not data.startswith(_GZIP[:1]):
                    return  # padding after the last member
                inner = zlib.decompressobj(_EITHER)
            piece = inner.decompress(data, _PIECE)
            data = inner.unconsumed_tail or inner.unused_data
            if piece:
                yield piece
    while not inner.eof:
        piece = inner.decompress(inner.unconsumed_tail, _PIECE)
        if not piece:
            break
        yield piece
    if begun and not inner.eof:
        message = "the compressed data ends too early"
        raise EOFError(message)


class PackedReader:
    """Reads at offsets of the unpacked bytes of an object; its first 32 MiB are enough to know a model by.

    ``size`` is that of the unpacked bytes: gzip keeps it (its last 32 bits), and else it is counted.

    Raises:
        zlib.error: It is damaged; when it is read, too.
        EOFError: It ends too early.
    """

    def __init__(self, read: Callable[[int, int], bytes], stored: int) -> None:
        self._pieces = unpacked(read(offset, _PIECE) for offset in range(0, stored, _PIECE))
        self._data = bytearray()
        if read(0, 2) == _GZIP:
            self.size = int.from_bytes(read(max(0, stored - 4), 4), "little")
        else:
            self.size = len(self._upto(_LOOKED_INTO))

    def __call__(self, offset: int, length: int) -> bytes:
        """The bytes there; fewer at the end, or where they are not looked into."""
        return bytes(self._upto(offset + length)[offset : offset + length])

    def _upto(self, end: int) -> bytearray:
        while len(self._data) < min(end, _LOOKED_INTO) and (piece := next(self._pieces, b"")):
            self._data += piece
        return self._data

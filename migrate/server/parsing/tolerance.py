"""Picture files as the Java runtime took them, where Pillow is stricter: measured on OpenJDK 17.0.15.

Java checks no checksum of a PNG, and nothing of the chunks that no pixel depends on. A JPEG that ends behind the header
of its first scan has gray where it lacks data; cut before that, it is refused by both.
"""

import zlib
from itertools import pairwise
from typing import Final

_JPEG: Final = b"\xff\xd8\xff"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
# Java's decoder reads an end marker whenever it lacks bytes: as many as fill the longest segment that may be cut
_ENDS: Final = b"\xff\xd9" * (1 << 15)
_FRAME: Final = 12  # length, name and checksum of a chunk
_SMALL: Final = frozenset({b"IHDR", b"PLTE", b"tRNS"})
_LOWER: Final = 0x20


def tolerated(body: bytes) -> bytes:
    """The file without what Java passes over, and with the end that Java supplies; its pixels are the same."""
    if body.startswith(_JPEG):
        return body + _ENDS
    return _bare(body) if body.startswith(_PNG) else body


def _bare(body: bytes) -> bytes:
    """A PNG without ancillary chunks, but for ``tRNS``, and with the checksums that its small chunks should have."""
    starts = [len(_PNG)]
    while starts[-1] + _FRAME <= len(body):
        starts.append(starts[-1] + _FRAME + int.from_bytes(body[starts[-1] : starts[-1] + 4]))
    pieces = [_PNG]
    for start, end in pairwise(starts):
        name = body[start + 4 : start + 8]
        if name in _SMALL and end <= len(body):
            pieces += [body[start : end - 4], zlib.crc32(body[start + 4 : end - 4]).to_bytes(4)]
        elif not name[0] & _LOWER or not name.isalpha():
            pieces.append(body[start:end])
    return b"".join([*pieces, body[starts[-1] :]])

"""PNG files written by their definition alone, uncompressed: the same bytes wherever this runs."""

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from golden.java import Array

GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6


def png(
    samples: Array, *, colour: int | None = None, depth: int = 8, palette: Sequence[tuple[int, int, int]] = ()
) -> bytes:
    """A PNG file.

    Args:
        samples: [height, width] or [height, width, bands], of 0 to 2**depth - 1.
        colour: Its colour type; gray or RGB by the number of bands when None.
        depth: Bits of a sample, 1, 8 or 16.
        palette: The colours of a file whose samples are numbers of colours.
    """
    rows = samples.reshape(*samples.shape[:2], -1)
    height, width, bands = rows.shape
    kind = {1: GRAY, 3: RGB}[bands] if colour is None else colour
    packed = b"".join(b"\0" + _row(row.reshape(-1), depth) for row in rows)
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(packed, 0)), (b"IEND", b"")]
    if palette:
        chunks.insert(1, (b"PLTE", bytes(value for entry in palette for value in entry)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in chunks)


def _row(samples: Array, depth: int) -> bytes:
    if depth == 1:
        return np.packbits(samples.astype(np.uint8)).tobytes()
    return samples.astype(">u2" if depth == 16 else "u1").tobytes()


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

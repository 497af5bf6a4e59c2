"""Tensors as PNG and JPEG files, byte for byte as the JDK writes them."""

import struct
import zlib
from io import BytesIO
from typing import Final

import numpy as np

from migrate.server.errors import bad_request
from migrate.server.layouts import BATCH, CHANNEL, HEIGHT, WIDTH, Layout
from migrate.server.tensors import Array, convert

_PNG_LEVEL: Final = 4
_PNG_CHUNK: Final = 32768
_JPEG_MINOR_VERSION: Final = 12
_BANDS: Final = {"RED": 0, "GREEN": 1, "BLUE": 2}


def images_of(name: str, data: Array, layout: Layout | None) -> list[Array]:
    """Each image of a tensor as bytes [height, width] or [height, width, 3].

    A value is cut to an integer, of which the low 8 bits stay.

    Raises:
        migrate.server.errors.HttpError: 400, when the tensor is no image.
    """
    if layout is None or data.ndim != len(layout.axes) or data.size == 0 or data.dtype.kind == "O":
        raise bad_request(f"Impossible to convert tensor '{name}' into image")
    found = layout.size(data.shape, CHANNEL)
    if found != len(layout.channels):
        raise bad_request(
            f"Chanel is expected to be of size {len(layout.channels)} but found tensor with chanel size of {found}"
        )
    order = [layout.axes.index(axis) for axis in (BATCH, HEIGHT, WIDTH, CHANNEL) if axis in layout.axes]
    pixels = data.transpose(order)
    pixels = convert(pixels, "integer") if pixels.dtype.kind == "f" else pixels
    pixels = (pixels.astype(np.int64) & 255).astype(np.uint8)
    batch = pixels if BATCH in layout.axes else pixels[np.newaxis]
    return [_bands(image, layout.channels) for image in batch]


def _bands(image: Array, channels: tuple[str, ...]) -> Array:
    if len(channels) == 1:
        return image[..., 0]
    colour = np.zeros((*image.shape[:2], 3), np.uint8)
    for place, channel in enumerate(channels):
        if channel in _BANDS:
            colour[..., _BANDS[channel]] = image[..., place]
    return colour


def encode(image: Array, media_type: str) -> bytes:
    """The file of one image; ``image/jpeg`` or PNG."""
    return encode_jpeg(image) if media_type == "image/jpeg" else encode_png(image)


def encode_png(image: Array) -> bytes:
    """No filter, zlib level 4, chunks of 32 KiB, nothing but header, data and end."""
    height, width = image.shape[:2]
    rows = image.reshape(height, -1)
    packed = zlib.compress(np.hstack([np.zeros((height, 1), np.uint8), rows]).tobytes(), _PNG_LEVEL)
    header = struct.pack(">IIBBBBB", width, height, 8, 0 if image.ndim == 2 else 2, 0, 0, 0)
    chunks = [packed[start : start + _PNG_CHUNK] for start in range(0, len(packed), _PNG_CHUNK)]
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            *(_chunk(b"IDAT", chunk) for chunk in chunks),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def encode_jpeg(image: Array) -> bytes:
    """Quality 75, colours at 4:2:0; Pillow's bytes are the JDK's but for the JFIF version, 1.02 there."""
    from PIL import Image  # noqa: PLC0415 - few models answer with images

    buffer = BytesIO()
    subsampling = "4:4:4" if image.ndim == 2 else "4:2:0"
    Image.fromarray(image).save(buffer, "JPEG", quality=75, subsampling=subsampling)
    content = bytearray(buffer.getvalue())
    content[_JPEG_MINOR_VERSION] = 2
    return bytes(content)

"""Image files into integer tensors, pixel by pixel as the Java runtime read them.

Java takes gray for linear light: asked for its colour it lifts it to sRGB. It does so for an RGB model, and whenever
a gray image is resized. Resizing is area averaging in 32-bit floats (``java.awt.image.AreaAveragingScaleFilter``).
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from migrate.server.errors import HttpError, bad_request
from migrate.server.layouts import BATCH, CHANNEL, HEIGHT, RGB, WIDTH, Layout
from migrate.server.parsing.colours import (
    deep_bands,
    deep_tiff_bands,
    in_srgb,
    is_deep_png,
    is_deep_tiff,
    palette_colours,
)
from migrate.server.parsing.resize import area_average
from migrate.server.parsing.tolerance import tolerated
from migrate.server.tensors import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrate.server.model import Field
    from migrate.server.tensors import Array

UNREADABLE: Final = "Unable to load image from given bytes..."
_FORMATS: Final = ("PNG", "JPEG", "GIF", "BMP", "TIFF")
_COLOUR_BANDS: Final = {"RED": 0, "GREEN": 1, "BLUE": 2}
_PLANES: Final = {CHANNEL: 0, HEIGHT: 1, WIDTH: 2}
_PNG_DEPTH: Final = 24
_PNG_COLOUR_TYPE: Final = 25

# The size is checked here, by our own limit, before anything is decoded.
Image.MAX_IMAGE_PIXELS = None


def lift_table() -> Array:
    """SRGB of 8-bit linear gray: ``floor(255 * srgb(v / 255) + 0.5)`` (measured on JDK 17 for every value)."""
    linear = np.arange(256) / 255
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.floor(255 * encoded + 0.5).astype(np.int32)


_LIFT: Final = lift_table()


@dataclass(frozen=True)
class Picture:
    """A decoded image: ``gray`` is [height, width] or None, ``colour`` [height, width, 3], ``alpha`` as gray.

    Values of 8 bits are bytes or 32-bit integers, as they came.

    ``linear`` says that the gray is a brightness (not a palette's index), from which the colour was lifted.
    """

    gray: Array | None
    colour: Array
    alpha: Array | None = None
    linear: bool = False
    plain: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.colour.shape[:2]
        return width, height

    def band(self, channel: str) -> Array:
        """One channel, by the old runtime's word for it; colours become gray by their luma (ITU-R 601)."""
        if channel in _COLOUR_BANDS:
            return self.colour[..., _COLOUR_BANDS[channel]]
        if self.gray is not None:
            return self.gray
        red, green, blue = (self.colour[..., band].astype(np.int32) for band in range(3))
        luma: Array = (299 * red + 587 * green + 114 * blue + 500) // 1000
        return luma

    def resized(self, width: int, height: int) -> Picture:
        """The image in another size, whatever its aspect."""
        if self.size == (width, height):
            return self
        colour = area_average(self.colour, None if self.linear else self.alpha, width, height)
        if self.linear:
            gray = colour[..., 0]
            return Picture(gray, _lifted(gray, plain=self.plain), linear=True, plain=self.plain)
        return Picture(None, colour)


def read_picture(body: bytes, *, pixel_limit: int, plain_gray: bool) -> Picture:
    """Decode a PNG, JPEG, GIF, BMP or TIFF, whatever its declared type.

    Raises:
        HttpError: 400 when it cannot be decoded, 413 when it has more pixels than allowed.
    """
    body = tolerated(body)
    try:
        image = Image.open(BytesIO(body), formats=_FORMATS)
    except Exception as error:
        raise bad_request(UNREADABLE, _cause(error)) from error
    if image.width * image.height > pixel_limit:
        raise HttpError(413, f"The image has {image.width} x {image.height} pixels, more than {pixel_limit}")
    try:
        image.load()
        if is_deep_png(image, body):
            return _deep_picture(deep_bands(body), plain=plain_gray)
        if is_deep_tiff(image):
            return _deep_picture(deep_tiff_bands(image, body), plain=plain_gray)
        return _picture(in_srgb(image), body, plain=plain_gray)
    except Exception as error:
        # Decoders of hostile bytes raise anything.
        raise bad_request(UNREADABLE, _cause(error)) from error


def _cause(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "it is no PNG, JPEG, GIF, BMP or TIFF, or its beginning is damaged"
    return f"{type(error).__name__}: {error}"[:200]


def _picture(image: Image.Image, body: bytes, *, plain: bool) -> Picture:
    depth = _small_gray_depth(image, body)
    if image.mode == "1" or depth:
        shades = np.asarray(image.convert("L"), np.int32)
        index = shades // (255 // (2 ** (depth or 1) - 1))
        return Picture(index, np.repeat(shades[..., None], 3, axis=2))
    if image.mode == "P":
        return Picture(np.asarray(image, np.int32), palette_colours(image))
    if image.mode in {"I;16", "I;16B", "I;16L", "I", "F"}:
        # A TIFF of floats may hold what no integer is; it has no value that anybody could expect.
        with np.errstate(invalid="ignore"):
            return _deep_gray(np.asarray(image).astype(np.int32), plain=plain)
    if image.mode in {"L", "LA"}:
        data = np.asarray(image)
        gray = data if image.mode == "L" else data[..., 0]
        return Picture(gray, _lifted(gray, plain=plain), linear=True, plain=plain)
    if image.mode in {"RGB", "RGBA", "RGBX"}:
        data = np.asarray(image)
        return Picture(None, data[..., :3], data[..., 3] if image.mode == "RGBA" else None)
    if image.mode == "YCbCr":
        return Picture(None, np.asarray(image.convert("RGB")))
    raise ValueError(f"images of mode {image.mode} are not read")


def _small_gray_depth(image: Image.Image, body: bytes) -> int:
    """2 or 4 for a gray PNG of so many bits, which Java reads as a palette; Pillow spreads them over 8 bits."""
    if image.format == "PNG" and image.mode == "L" and body[_PNG_COLOUR_TYPE] == 0 and body[_PNG_DEPTH] in {2, 4}:
        return body[_PNG_DEPTH]
    return 0


def _deep_gray(values: Array, *, plain: bool) -> Picture:
    linear = np.clip(values, 0, 65535) / 65535
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    shades = np.floor(255 * (linear if plain else encoded) + 0.5).astype(np.int32)
    return Picture(values, np.repeat(shades[..., None], 3, axis=2), linear=True, plain=plain)


def _deep_picture(bands: Array, *, plain: bool) -> Picture:
    """A picture of 16 bits in several bands; Java rounds its colours to 8."""
    narrow = (bands * 255 + 32767) // 65535
    if bands.shape[-1] == 2:
        return _deep_gray(bands[..., 0], plain=plain)
    return Picture(None, narrow[..., :3], narrow[..., 3] if bands.shape[-1] == 4 else None)


def _lifted(gray: Array, *, plain: bool) -> Array:
    shades = gray if plain else _LIFT[np.clip(gray, 0, 255)]
    return np.repeat(shades[..., None], 3, axis=2)


def tensor_of(pictures: Sequence[Picture], field: Field, layout: Layout) -> Tensor:
    """The pictures as one integer tensor of raw values (never scaled), laid out as the field wants it.

    Without a batch dimension the last picture wins.

    Raises:
        HttpError: 400, when the pictures differ in size.
    """
    fitted = [_fit(picture, field, layout) for picture in pictures]
    for word, side in (("height", 1), ("width", 0)):
        found = {picture.size[side] for picture in fitted}
        if len(found) > 1:
            raise bad_request(
                f"To merge several images as a tensor, all images should have the same {word}. "
                f"Found several : {len(found)}"
            )
    if BATCH not in layout.axes:
        return Tensor("integer", np.ascontiguousarray(_laid_out(fitted[-1], layout)))
    views = [np.expand_dims(_laid_out(picture, layout), layout.axes.index(BATCH)) for picture in fitted]
    # Pixels are laid out as the bytes that they are: what is wider costs more to move than to convert afterwards.
    joined = views[0] if len(views) == 1 else np.concatenate(views, axis=layout.axes.index(BATCH))
    return Tensor("integer", np.ascontiguousarray(joined))


def _fit(picture: Picture, field: Field, layout: Layout) -> Picture:
    shape = field.shape or ()
    if len(shape) != len(layout.axes):
        return picture
    width, height = layout.size(shape, WIDTH), layout.size(shape, HEIGHT)
    if width in {-1, picture.size[0]} and height in {-1, picture.size[1]}:
        return picture
    if -1 in {width, height}:
        raise bad_request(
            f"Unable to resize an image of {picture.size[0]} x {picture.size[1]} for tensor {field.name}",
            "one of height and width is fixed and the other is not",
        )
    return picture.resized(width, height)


def _laid_out(picture: Picture, layout: Layout) -> Array:
    """The channels in the order of the layout's axes; a view where the picture has them as they are wanted."""
    if layout.channels == RGB:
        bands, order = picture.colour, {HEIGHT: 0, WIDTH: 1, CHANNEL: 2}
    else:
        bands, order = np.stack([picture.band(channel) for channel in layout.channels]), _PLANES
    return bands.transpose([order[axis] for axis in layout.axes if axis != BATCH])

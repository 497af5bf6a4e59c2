"""Colours that a decoder does not give as Java gave them: those of a colour profile, and those of 16 bits."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageCms

if TYPE_CHECKING:
    from migrate.server.tensors import Array

_PNG_DEPTH: Final = 24
_PNG_COLOUR_TYPE: Final = 25
_GRAY_ALPHA: Final = 4
# 17 levels of each colour: what a profile does to them tells it from sRGB
_LEVELS: Final = np.linspace(0, 255, 17).round().astype(np.uint8)
_PROBE: Final = np.stack(np.meshgrid(_LEVELS, _LEVELS, _LEVELS), axis=-1).reshape(17, -1, 3)


def in_srgb(image: Image.Image) -> Image.Image:
    """A JPEG or TIFF in the colours that its profile means.

    Java converts these, and neither PNGs nor grays (measured on OpenJDK 17.0.21). A profile that is broken, of another
    colour space, or that of sRGB itself, changes nothing.
    """
    profile = image.info.get("icc_profile")
    if image.format not in {"JPEG", "TIFF"} or image.mode not in {"RGB", "RGBA", "RGBX"} or not profile:
        return image
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), "RGB", "RGB")
        probed = np.asarray(ImageCms.applyTransform(Image.fromarray(_PROBE), transform), np.int32)
        if np.abs(probed - _PROBE).max() <= 1:
            return image
        colours = ImageCms.applyTransform(image.convert("RGB"), transform)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    if colours is None:
        return image
    if image.mode == "RGBA":
        colours.putalpha(image.getchannel("A"))
    return colours


def is_deep_png(image: Image.Image, body: bytes) -> bool:
    """Whether this is a PNG of 16 bits in several bands, which Pillow narrows to their high bytes."""
    return image.format == "PNG" and body[_PNG_DEPTH] == 16 and body[_PNG_COLOUR_TYPE] in {2, _GRAY_ALPHA, 6}


def deep_bands(body: bytes) -> Array:
    """The values of 16 bits of such a PNG: [height, width, band], where gray with alpha has two bands."""
    if body[_PNG_COLOUR_TYPE] == _GRAY_ALPHA:
        data = _decoded(body, "RGBA")
        return data[..., 0::2] * 256 + data[..., 1::2]
    mode = "RGB" if body[_PNG_COLOUR_TYPE] == 2 else "RGBA"
    # read as little-endian, the high byte is the low one
    return _decoded(body, f"{mode};16B") * 256 + _decoded(body, f"{mode};16L")


def _decoded(body: bytes, raw: str) -> Array:
    image = Image.open(BytesIO(body), formats=("PNG",))
    image.tile = [tile._replace(args=raw) for tile in image.tile]
    return np.asarray(image, np.int32)

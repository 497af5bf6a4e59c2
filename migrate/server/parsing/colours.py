"""Colours that a decoder does not give as Java gave them: those of a colour profile, and those of 16 bits."""

from __future__ import annotations

import sys
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image, ImageCms

if TYPE_CHECKING:
    from migrate.server.tensors import Array

_PNG_DEPTH: Final = 24
_PNG_COLOUR_TYPE: Final = 25
_GRAY_ALPHA: Final = 4
# tags of a TIFF
_BITS_PER_SAMPLE: Final = 258
_COLOUR_MAP: Final = 320
_OTHER_ORDER: Final = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
# 17 levels of each colour: what a profile does to them tells it from sRGB
_LEVELS: Final = np.linspace(0, 255, 17).round().astype(np.uint8)
_PROBE: Final = np.stack(np.meshgrid(_LEVELS, _LEVELS, _LEVELS), axis=-1).reshape(17, -1, 3)


def in_srgb(image: Image.Image) -> Image.Image:
    """A JPEG or TIFF in the colours that its profile means; an MPO is a JPEG of several pictures, as phones write it.

    Java converts these, and neither PNGs nor grays (measured on OpenJDK 17.0.21). A profile that is broken, of another
    colour space, or that of sRGB itself, changes nothing.
    """
    profile = image.info.get("icc_profile")
    if image.format not in {"JPEG", "MPO", "TIFF"} or image.mode not in {"RGB", "RGBA", "RGBX"} or not profile:
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


def is_deep_tiff(image: Image.Image) -> bool:
    """Whether this is a TIFF of 16 bits a colour, which Pillow narrows too; one with a profile keeps its high bytes."""
    if image.format != "TIFF" or image.mode not in {"RGB", "RGBA"} or image.info.get("icc_profile"):
        return False
    tags: Any = getattr(image, "tag_v2", {})
    return set(tags.get(_BITS_PER_SAMPLE, ())) == {16}


def deep_tiff_bands(image: Image.Image, body: bytes) -> Array:
    """The values of 16 bits of such a TIFF, [height, width, band], where ``image`` has their high bytes."""
    low = Image.open(BytesIO(body), formats=("TIFF",))
    low.tile = [tile._replace(args=_other_bytes(tile.args)) for tile in low.tile]
    return np.asarray(image, np.int32) * 256 + np.asarray(low, np.int32)


def _other_bytes(arguments: Any) -> Any:
    """What a decoder is told to take the low bytes: the other order of bytes."""
    order = arguments[0][-1]
    if order not in _OTHER_ORDER:
        raise ValueError(f"16 bits of the layout {arguments[0]} are not read")
    return (arguments[0][:-1] + _OTHER_ORDER[order], *arguments[1:])


def palette_colours(image: Image.Image) -> Array:
    """The colours of a picture with a palette, [height, width, band]; that of a TIFF has 16 bits, which Java scales."""
    tags: Any = getattr(image, "tag_v2", {})
    table = tags.get(_COLOUR_MAP) if image.format == "TIFF" else None
    if not table:
        image.info.pop("transparency", None)  # it changes no colour
        return np.asarray(image.convert("RGB"), np.int32)
    colours = np.asarray(table, np.int32).reshape(3, -1).T * 255 // 65535
    found: Array = colours[np.asarray(image)]
    return found


def _decoded(body: bytes, raw: str) -> Array:
    image = Image.open(BytesIO(body), formats=("PNG",))
    image.tile = [tile._replace(args=raw) for tile in image.tile]
    return np.asarray(image, np.int32)

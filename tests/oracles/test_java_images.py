"""Odd picture files, read as Java reads them: cut, with damaged chunks, of 16 bits, with more pictures behind."""

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from migrate.server.errors import HttpError
from migrate.server.parsing.images import read_picture
from tests.oracles.java_image import read_by_java

_Y, _X = np.mgrid[0:24, 0:40]
COLOURS = np.stack([_X * 6, _Y * 10, (_X + _Y) * 3], axis=-1).astype(np.uint8)
DEEP = np.random.default_rng(7).integers(0, 1 << 16, (4, 5, 4), dtype=np.uint16)

Chunks = list[tuple[bytes, bytes]]


def saved(pixels: Any, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def cut(name: str, file: bytes, step: int) -> dict[str, bytes]:
    """A JPEG that ends at many places before and in its scans, where a decoder smooths nothing."""
    return {f"{name} cut at {end}": file[:end] for end in range(3, len(file), step)}


def chunks(file: bytes) -> Chunks:
    found, start = [], 8
    while start < len(file):
        end = start + 8 + int.from_bytes(file[start : start + 4])
        found.append((file[start + 4 : start + 8], file[start + 8 : end]))
        start = end + 4
    return found


def joined(parts: Chunks, damaged: bytes = b"") -> bytes:
    """A PNG of these chunks, those of one name with a wrong checksum."""
    made = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data) ^ (name == damaged))
        for name, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(made)


def pngs() -> dict[str, bytes]:
    plain, palette = chunks(saved(COLOURS, "PNG")), chunks(paletted())
    side = {
        b"pHYs": struct.pack(">IIB", 1, 1, 1),
        b"tEXt": b"a\0b",
        b"gAMA": struct.pack(">I", 100000),
        b"iCCP": b"p\0\0" + zlib.compress(turned_profile()),
    }
    full = [plain[0], *side.items(), *plain[1:]]
    found = {f"checksum of {name.decode()}": joined(full, name) for name in (*side, b"IHDR", b"IDAT", b"IEND")}
    found |= {f"checksum of {name.decode()}": joined(palette, name) for name in (b"PLTE", b"tRNS")}
    odd = {
        b"zTXt": b"k\0\0" + zlib.compress(b"x" * (2 << 20)),
        b"iTXt": b"k\0\1\0\0\0" + zlib.compress(b"x" * (2 << 20)),
        b"pHYs": b"\0",
        b"gAMA": b"",
        b"acTL": b"\0",
        b"vpAg": b"x",
        b"ABCD": b"x",
    }
    found |= {f"odd {name.decode()}": joined([plain[0], (name, data), *plain[1:]]) for name, data in odd.items()}
    whole = joined(plain)
    return found | {"no end": joined(plain[:-1]), "cut": whole[:-60], "no data": joined([plain[0], plain[-1]])}


def paletted() -> bytes:
    return saved(Image.fromarray(COLOURS).convert("P"), "PNG", transparency=bytes(range(200)))


def tiff(values: Any, *, order: str, packed: bool) -> bytes:
    """A TIFF of 16 bits in several bands, which Pillow does not write."""
    height, width, bands = values.shape
    data = values.astype(f"{order}u2").tobytes()
    data = zlib.compress(data) if packed else data
    place = 8 + 2 + 12 * 10 + 4
    tags = [
        (256, 3, 1, width),
        (257, 3, 1, height),
        (258, 3, bands, place),
        (259, 3, 1, 8 if packed else 1),
        (262, 3, 1, 2),
        (273, 4, 1, place + 2 * bands),
        (277, 3, 1, bands),
        (278, 3, 1, height),
        (279, 4, 1, len(data)),
        (338, 3, 1, 2) if bands > 3 else (339, 3, 1, 1),
    ]
    made = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}IH", 8, len(tags))
    for tag, kind, count, value in tags:
        form = "HHIHH" if kind == 3 and count == 1 else "HHII"
        made += struct.pack(order + form, tag, kind, count, *([value, 0] if form == "HHIHH" else [value]))
    return made + struct.pack(f"{order}I{bands}H", 0, *[16] * bands) + data


def turned_profile() -> bytes:
    """A profile of sRGB whose red and green columns have changed places."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return data.replace(b"rXYZ", b"?XYZ").replace(b"gXYZ", b"rXYZ").replace(b"?XYZ", b"gXYZ")


def several(**options: Any) -> bytes:
    """A JPEG with a second one behind it, as phones write their photos."""
    return saved(COLOURS, "MPO", save_all=True, append_images=[Image.fromarray(COLOURS[:8, :8])], **options)


FILES = {
    **cut("baseline", saved(COLOURS, "JPEG", quality=80), 37),
    **cut("gray", saved(COLOURS[..., 0], "JPEG", quality=80), 41),
    "progressive, no end": saved(COLOURS, "JPEG", quality=80, progressive=True)[:-2],
    "more behind": saved(COLOURS, "JPEG") + b"more\xff" * 9,
    "several": several(),
    "several with a profile": several(icc_profile=turned_profile(), quality=100, subsampling=0),
    **pngs(),
    **{
        f"tiff {order}{bands}": tiff(DEEP[..., :bands], order=order, packed=False) for order in "<>" for bands in (3, 4)
    },
    **{f"packed tiff {order}": tiff(DEEP[..., :3], order=order, packed=True) for order in "<>"},
    "tiff with a palette": saved(Image.fromarray(COLOURS).convert("P"), "TIFF"),
}


@pytest.fixture(scope="module")
def by_java() -> dict[str, Any]:
    return dict(zip(FILES, read_by_java(list(FILES.values())), strict=True))


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_as_java_reads_it(by_java: dict[str, Any], name: str) -> None:
    wanted = by_java[name]
    if wanted is None:
        with pytest.raises(HttpError) as caught:
            read_picture(FILES[name], pixel_limit=10_000, plain_gray=False)
        assert caught.value.status == 400
        assert " at 0x" not in (caught.value.detail or "")
        return
    found = read_picture(FILES[name], pixel_limit=10_000, plain_gray=False).colour
    assert found.shape == wanted.shape
    # decoders of JPEG and transforms of profiles round in their own ways
    assert np.abs(found - wanted.astype(int)).max() <= (0 if "tiff" in name or FILES[name][:1] == b"\x89" else 2)

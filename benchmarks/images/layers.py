"""The layers of an image as a registry keeps them: compressed one by one."""

import json
import tarfile
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from migrate.images.engine.connection import Engine

_GZIP: Final = 31  # zlib's word for gzip
_LEVEL: Final = 6  # what engines push with
_PIECE: Final = 1 << 20


@dataclass(frozen=True)
class LayerSize:
    """Bytes of a layer as a tar archive, and compressed by gzip at the level of a push."""

    unpacked: int
    compressed: int


def layer_sizes(engine: Engine, image: str, *, skip: int, scratch: Path) -> list[LayerSize]:
    """The sizes of an image's layers above the first ``skip``, in their order.

    Args:
        engine: Where the image is.
        image: Its id or reference.
        skip: How many layers the base has: they are not looked at.
        scratch: Where the image is saved meanwhile; as large as the image.
    """
    with tempfile.TemporaryFile(dir=scratch) as saved:
        for piece in engine.client.api.get_image(image):
            saved.write(piece)
        saved.seek(0)
        with tarfile.open(fileobj=saved) as packed:
            manifest = packed.extractfile("manifest.json")
            if manifest is None:
                message = f"the engine saved {image} without a manifest"
                raise ValueError(message)
            names = json.load(manifest)[0]["Layers"][skip:]
            return [_sizes(packed.extractfile(name)) for name in names]


def _sizes(layer: IO[bytes] | None) -> LayerSize:
    if layer is None:
        message = "a layer of the saved image is no file"
        raise ValueError(message)
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    unpacker = zlib.decompressobj(_GZIP) if layer.read(2) == b"\x1f\x8b" else None
    layer.seek(0)
    unpacked = compressed = 0
    while piece := layer.read(_PIECE):
        # Some engines save layers as they came from a registry.
        data = unpacker.decompress(piece) if unpacker is not None else piece
        unpacked += len(data)
        compressed += len(packer.compress(data))
    return LayerSize(unpacked, compressed + len(packer.flush()))

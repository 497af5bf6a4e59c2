"""The layers of an image as tar members, from the lowest layer to the highest.

Bounded and verified: what a layer unpacks to is held against the digest that the configuration names.
"""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import zlib
from typing import TYPE_CHECKING, Any, Final, cast

from migrate.boxes.layers import LayerError, members_of
from migrate.core.text import printable
from migrate.images.base.fit import unusable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrate.boxes.layers import Member
    from migrate.images.oci.blobs import BaseImage, LayerBlob, Stream

_MOST_UNPACKED: Final = 64 << 30  # bytes, of a layer


def members(image: BaseImage, layer: LayerBlob, name: str) -> Iterator[Member]:
    """The members of a layer; all of it is verified once they were all asked for.

    Args:
        image: The image.
        layer: A layer of it.
        name: What a person calls the image.

    Raises:
        LocalError: It is damaged, too large, compressed in an unknown way, or has a name that leaves the root (code
            ``base-unusable``).
    """
    stream = image.open(layer.descriptor, 0)
    try:
        unpacked = _Unpacked(_decompressed(stream, layer.descriptor.media_type, name), name)
        try:
            yield from members_of(unpacked)
            while unpacked.read(1 << 20):
                pass
        except LayerError as error:
            raise unusable(name, str(error)) from error
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, UnicodeError) as error:
            raise unusable(name, f"a layer of it is damaged ({printable(str(error), 100)})") from error
        while stream.read(1 << 20):
            pass
        if unpacked.digest() != layer.diff_id:
            raise unusable(name, f"its layer {layer.diff_id} unpacks to something else")
    finally:
        stream.close()


def _decompressed(stream: Stream, media_type: str, name: str) -> Any:
    if media_type.endswith("gzip"):
        return gzip.GzipFile(fileobj=cast("Any", _Readable(stream)), mode="rb")
    if media_type.endswith("zstd"):
        try:
            import zstandard  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415 - where it is installed
        except ImportError:
            raise unusable(name, "its layers are compressed with zstd, and the package zstandard is missing") from None
        return zstandard.ZstdDecompressor().stream_reader(_Readable(stream), read_across_frames=True)
    return stream


class _Readable:
    """A stream as a file that is read forward only."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def read(self, size: int = -1, /) -> bytes:
        return self._stream.read(size if size >= 0 else 1 << 20)


class _Unpacked:
    """The bytes of a layer's archive, bounded and hashed."""

    def __init__(self, file: Any, name: str) -> None:
        self._file = file
        self._name = name
        self._hash = hashlib.sha256()
        self._size = 0

    def read(self, size: int, /) -> bytes:
        data: bytes = self._file.read(size)
        self._size += len(data)
        if self._size > _MOST_UNPACKED:
            raise unusable(self._name, f"a layer of it unpacks to more than {_MOST_UNPACKED >> 30} GiB")
        self._hash.update(data)
        return data

    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"

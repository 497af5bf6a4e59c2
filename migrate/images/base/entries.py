"""The layers of an image as tar members, from the lowest layer to the highest, and what one layer takes away.

Bounded and verified: what a layer unpacks to is held against the digest that the configuration names, and names are
made harmless before anybody sees them. OCI image specification 1.1, "Image Layer Filesystem Changeset".
"""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import zlib
from typing import IO, TYPE_CHECKING, Any, Final, cast

from msgspec import Struct

from migrate.core.text import printable
from migrate.images.base.fit import unusable
from migrate.images.base.stored import BoundedInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrate.images.oci.blobs import BaseImage, LayerBlob, Stream

REMOVES: Final = ".wh."
"""What the name of a member begins with that takes away the entry of this name in the layers below."""

_OPAQUE: Final = ".wh..wh..opq"
_MOST_UNPACKED: Final = 64 << 30  # bytes, of a layer
_MEMBERS: Final = 2_000_000  # of a layer


class Member(Struct, frozen=True, kw_only=True):
    """An entry of a layer.

    Attributes:
        parts: The folders of its path and its name; none is empty, ``.`` or ``..``, and there is at least one.
        info: Its type, mode, size and times; its own names are not to be used.
        target: What it links to: the text of a symbolic link, or the path in the archive of a hard one.
        data: Its bytes, until the next member is asked for; None for what is no regular file.
        removes: Whether it stands for the removal of ``parts`` from the layers below.
        opaque: Whether it stands for the removal of what is in ``parts`` there.
    """

    parts: tuple[str, ...]
    info: tarfile.TarInfo
    target: str
    data: IO[bytes] | None
    removes: bool = False
    opaque: bool = False


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
            with tarfile.open(fileobj=cast("Any", unpacked), mode="r|", tarinfo=BoundedInfo, bufsize=1 << 18) as packed:
                for number, info in enumerate(packed):
                    cast("Any", packed).members = []  # it would keep them all
                    if number >= _MEMBERS:
                        raise unusable(name, f"a layer of it has more than {_MEMBERS} entries")
                    if (found := _member(packed, info, name)) is not None:
                        yield found
            while unpacked.read(1 << 20):
                pass
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, UnicodeError) as error:
            raise unusable(name, f"a layer of it is damaged ({printable(str(error), 100)})") from error
        while stream.read(1 << 20):
            pass
        if unpacked.digest() != layer.diff_id:
            raise unusable(name, f"its layer {layer.diff_id} unpacks to something else")
    finally:
        stream.close()


def _member(packed: tarfile.TarFile, info: tarfile.TarInfo, name: str) -> Member | None:
    parts = tuple(part for part in info.name.split("/") if part not in ("", "."))
    if ".." in parts or "\0" in info.name:
        raise unusable(name, f"an entry of it has the name {printable(info.name, 200)}")
    if not parts:
        return None
    if info.issparse():
        raise unusable(name, f"{printable(info.name, 200)} in it is a sparse file, which layers have none of")
    if parts[-1] == _OPAQUE:
        return Member(parts=parts[:-1], info=info, target="", data=None, opaque=True)
    if parts[-1].startswith(REMOVES):
        gone = parts[-1].removeprefix(REMOVES)
        if gone.startswith(REMOVES) or gone in ("", ".", ".."):
            return None  # what a storage driver noted for itself
        return Member(parts=(*parts[:-1], gone), info=info, target="", data=None, removes=True)
    data = packed.extractfile(info) if info.isreg() else None
    return Member(parts=parts, info=info, target=info.linkname, data=data)


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

"""Blobs in the content store, named by their digests: whole or not there, whoever writes and whatever is killed.

    blobs/sha256/<hex>      the bytes
    layers/<key>.json       which layer was made of what: a LayerBlob

A blob is written aside, synced and renamed, so a name never stands for a part of its bytes. A record is written after
its blob. Several processes may write the same blob: each renames the same bytes to the same name.

The layer of a large model is not kept: the disk has the model itself already. Its bytes are made where they are read,
on their way to a registry, and they are the same each time.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec

from migrate.core.errors import LocalError
from migrate.core.names import digest_of
from migrate.core.text import printable, type_again
from migrate.core.values import Descriptor, to_json
from migrate.images.oci.blobs import LayerBlob
from migrate.images.oci.layer import LayerReader, LayerStream, Reader
from migrate.machine.disk import disk_errors, scratch_folder
from migrate.machine.locks import exclusive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from migrate.images.engine.tarstream import Entry
    from migrate.images.oci.blobs import Stream
    from migrate.images.oci.compression import Compression

_PIECE: Final = 1 << 20
_RECIPE: Final = "1"  # the version of how entries become a layer's bytes


class BlobStore:
    """The blobs of one content store, whose folder is ``store``."""

    def __init__(self, store: Path) -> None:
        """``store`` is the workspace's content store; the folders in it are made when the first blob is."""
        self.store = store
        self._blobs = store / "blobs" / "sha256"
        self._layers = store / "layers"
        self._makers: dict[str, Callable[[], LayerStream]] = {}  # of layers that are not kept, by their digests

    def layer(
        self,
        content: str,
        entries: Callable[[], Iterable[Entry]],
        compression: Compression,
        read: Callable[[int], None] | None = None,
        *,
        keep: bool = True,
    ) -> LayerBlob:
        """The layer of some content: made once, by one process at a time, and then found.

        Args:
            content: Names all that the entries depend on; different entries have different names.
            entries: Makes the entries; not called where the layer is known. Where it is not kept, they are made each
                time that the layer is read.
            compression: How it is compressed, which is a part of the layer's key.
            read: Called with numbers of uncompressed bytes while it is made.
            keep: Whether its bytes stay in the store, or are made by this object when they are asked for.

        Raises:
            LocalError: A file changed (code ``file-changed``), or the disk (``disk``, ``disk-full``).
        """
        key = _key(content, compression)
        found = self._recorded(key, keep=keep)
        if found is None:
            with exclusive(self.store / "locks" / f"layer-{key[:40]}"):
                found = self._recorded(key, keep=keep)
                if found is None:
                    found = self._make(key, LayerStream(entries(), compression, read), keep=keep)
        if not keep:
            self._makers[found.descriptor.digest] = lambda: LayerStream(entries(), compression)
        return found

    def is_known(self, content: str, compression: Compression) -> bool:
        """Whether it was made before, so that its digests are known; its bytes may be kept or not."""
        return self._recorded(_key(content, compression), keep=False) is not None

    def on_the_way(
        self,
        content: str,
        entries: Callable[[], Iterable[Entry]],
        compression: Compression,
        read: Callable[[int], None] | None = None,
    ) -> LayerReader:
        """The layer of some content, made as it is read; ``layer`` knows it once its end was read.

        Args:
            content: As for ``layer``, and so are the others and the errors, which come where it is read.
            entries: The same.
            compression: The same.
            read: The same.
        """
        key = _key(content, compression)

        def made(layer: LayerBlob) -> None:
            self._rename(to_json(layer), self._layers / f"{key}.json")

        return LayerReader(LayerStream(entries(), compression, read), made)

    def take(self, descriptor: Descriptor, open_blob: Callable[[Descriptor, int], Stream]) -> None:
        """Copy a blob of somebody else's into the store, where it is missing.

        Raises:
            LocalError: Its bytes are not those of its digest (code ``blob-damaged``), or the disk.
        """
        if self.has(descriptor):
            return
        with contextlib.closing(open_blob(descriptor, 0)) as source:
            pieces = _checked(iter(lambda: source.read(_PIECE), b""), descriptor)
            self._write(pieces, lambda: descriptor.digest)

    def put(self, data: bytes, media_type: str) -> Descriptor:
        """Write a small blob, such as a manifest."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        descriptor = Descriptor(media_type=media_type, digest=digest, size=len(data))
        if not self.has(descriptor):
            self._write(iter((data,)), lambda: digest)
        return descriptor

    def has(self, descriptor: Descriptor) -> bool:
        """Whether the blob is there, with its size."""
        try:
            return self.path(descriptor).stat().st_size == descriptor.size
        except OSError:
            return False

    def gives(self, descriptor: Descriptor) -> bool:
        """Whether ``open`` gives the blob: it is there, or is a layer that this object makes."""
        return self.has(descriptor) or descriptor.digest in self._makers

    def document(self, digest: str) -> bytes:
        """A small blob, such as a manifest, in memory.

        Raises:
            FileNotFoundError: It is not there, or not what its digest says.
        """
        data = (self._blobs / digest.removeprefix("sha256:")).read_bytes()
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
            raise FileNotFoundError(digest)
        return data

    def path(self, descriptor: Descriptor) -> Path:
        """Where a blob lies, or would."""
        return self._blobs / descriptor.digest.removeprefix("sha256:")

    def open(self, descriptor: Descriptor, offset: int = 0) -> Stream:
        """A blob's bytes from an offset on, such as for what sends it to a registry; a whole blob is checked.

        Raises:
            io.UnsupportedOperation: The layer is not kept, so it begins at its beginning only.
            LocalError: See ``pieces``; raised where the bytes are read.
        """
        if not offset:
            return Reader(self.pieces(descriptor))
        if not self.has(descriptor) and descriptor.digest in self._makers:
            raise io.UnsupportedOperation
        with disk_errors(self.path(descriptor)):
            file = self.path(descriptor).open("rb")
        file.seek(offset)
        return file

    def pieces(self, descriptor: Descriptor) -> Iterator[bytes]:
        """The bytes of a blob, checked: one that the disk spoiled is removed, to be made anew.

        Raises:
            LocalError: It is not what its digest says (code ``blob-damaged``), or the disk.
        """
        path, maker = self.path(descriptor), self._makers.get(descriptor.digest)
        if maker is not None and not self.has(descriptor):
            yield from _checked(iter(maker()), descriptor)
            return
        with disk_errors(path), path.open("rb") as file:
            try:
                yield from _checked(iter(lambda: file.read(_PIECE), b""), descriptor)
            except LocalError:
                path.unlink(missing_ok=True)
                raise

    def _recorded(self, key: str, *, keep: bool) -> LayerBlob | None:
        try:
            data = (self._layers / f"{key}.json").read_bytes()
            layer = msgspec.json.decode(data, type=LayerBlob)
        except (OSError, msgspec.MsgspecError):
            return None
        return layer if not keep or self.has(layer.descriptor) else None

    def _make(self, key: str, stream: LayerStream, *, keep: bool) -> LayerBlob:
        if keep:
            self._write(iter(stream), lambda: stream.layer.descriptor.digest)
        else:
            deque(stream, maxlen=0)
        self._rename(to_json(stream.layer), self._layers / f"{key}.json")
        return stream.layer

    def _rename(self, data: bytes, target: Path) -> None:
        with disk_errors(target), scratch_folder(self.store, "blob-") as folder:
            partial = folder / "record"
            partial.write_bytes(data)
            _sync(partial)
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.replace(target)

    def _write(self, pieces: Iterator[bytes], digest: Callable[[], str]) -> None:
        """Write a blob; ``digest`` is asked once the last piece is there."""
        with disk_errors(self.store), scratch_folder(self.store, "blob-") as folder:
            partial = folder / "blob"
            with partial.open("wb") as file:
                file.writelines(pieces)
            _sync(partial)
            self._blobs.mkdir(parents=True, exist_ok=True)
            partial.replace(self._blobs / digest().removeprefix("sha256:"))
            _sync(self._blobs)


def _key(content: str, compression: Compression) -> str:
    return digest_of(_RECIPE, content, compression.key)


def _checked(pieces: Iterator[bytes], descriptor: Descriptor) -> Iterator[bytes]:
    """The pieces as they come; those of another blob end in an error."""
    sha, size = hashlib.sha256(), 0
    for piece in pieces:
        sha.update(piece)
        size += len(piece)
        yield piece
    if (f"sha256:{sha.hexdigest()}", size) != (descriptor.digest, descriptor.size):
        raise LocalError(
            f"The bytes of the layer {printable(descriptor.digest, 80)} are not those that its digest names.",
            code="blob-damaged",
            next_step=type_again(note="what this tool made is made anew"),
        )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

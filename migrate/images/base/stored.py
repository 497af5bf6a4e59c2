"""Images in an OCI layout, as a folder or as one archive, read without an engine.

Nobody vouches for what is read: every document is bounded before it is parsed and held against its digest, files are
named by digests alone, and no name in an image becomes a path. OCI image specification 1.1, "Image Layout".
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tarfile
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import msgspec

from migrate.boxes.layers import BoundedInfo
from migrate.core.options.shared import BASE_PATH
from migrate.core.text import printable
from migrate.core.values import Descriptor
from migrate.images.base.fit import unusable
from migrate.images.oci.blobs import BaseImage, LayerBlob

if TYPE_CHECKING:
    import io
    from pathlib import Path

    from migrate.images.oci.blobs import Stream

PREFIX: Final = BASE_PATH
"""What the name of a base image in a layout or archive begins with."""

_INDEXES: Final = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)
_MANIFESTS: Final = frozenset(
    {"application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"}
)
_LAYERS: Final = re.compile(
    r"application/vnd\.(oci\.image\.layer\.v1\.tar(\+gzip|\+zstd)?|docker\.image\.rootfs\.diff\.tar(\.gzip|\.zstd)?)"
)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_DOCUMENT: Final = 8 << 20  # bytes; a manifest or an image's configuration is a few kB
_LARGEST: Final = 32 << 30  # bytes, of a layer
_MOST: Final = 127  # layers, as many as Docker takes
_DEEPEST: Final = 3  # indexes in one another
_MEMBERS: Final = 10_000  # of an archive


class Blobs(Protocol):
    """Where the blobs of an image are."""

    name: str
    """What a person calls the image."""

    def top(self) -> bytes:
        """The index, or the manifest, that leads to everything else; at most 8 MiB."""

    def open(self, descriptor: Descriptor, offset: int, /) -> Stream:
        """The bytes of a blob from an offset on; not compared with its digest.

        Raises:
            LocalError: There is no such blob.
        """


def read_image(blobs: Blobs) -> BaseImage:
    """The image for linux/amd64, whose layers are verified while they are read from their beginning.

    Raises:
        LocalError: There is none, or something of it is damaged, too large or unknown (code ``base-unusable``).
    """
    document = _parsed(blobs, blobs.top())
    manifest = document if "config" in document else _manifest(blobs, document, 0)
    if manifest is None:
        raise unusable(blobs.name, "it has no image for linux/amd64")
    configuration = document_of(blobs, _descriptor(blobs, manifest.get("config")))
    facts = _parsed(blobs, configuration)
    if (facts.get("os"), facts.get("architecture")) != ("linux", "amd64"):
        shown = printable(f"{facts.get('os')}/{facts.get('architecture')}", 60)
        raise unusable(blobs.name, f"it is for {shown}, not linux/amd64")
    layers = manifest.get("layers")
    root = facts.get("rootfs")
    diff_ids = root.get("diff_ids") if isinstance(root, dict) else None
    if not isinstance(layers, list) or not isinstance(diff_ids, list) or len(layers) != len(diff_ids):
        raise unusable(blobs.name, "its configuration is of other layers than its manifest")
    if len(layers) > _MOST:
        raise unusable(blobs.name, f"it has more than {_MOST} layers")
    found = tuple(_layer(blobs, one, diff_id) for one, diff_id in zip(layers, diff_ids, strict=True))
    return BaseImage(
        layers=found, open=lambda descriptor, offset: _opened(blobs, descriptor, offset), configuration=configuration
    )


def document_of(blobs: Blobs, descriptor: Descriptor) -> bytes:
    """A JSON document, bounded and held against its digest."""
    if descriptor.size > _DOCUMENT:
        raise unusable(blobs.name, f"a document of it has {descriptor.size} bytes")
    stream = _opened(blobs, descriptor, 0)
    try:
        pieces = []
        while piece := stream.read(1 << 20):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        stream.close()


def at_path(path: Path) -> Blobs:
    """The layout in a folder, or in an archive that is not compressed.

    Raises:
        LocalError: There is none (code ``base-unusable``).
    """
    name = f"{PREFIX}{path}"
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return Layout(path, name)
        if stat.S_ISREG(mode):
            return Archive(path, name)
    except OSError as error:
        raise unusable(name, f"it cannot be read ({error.strerror})") from error
    raise unusable(name, "it is neither a folder nor a file")


class Layout:
    """A layout in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._folder = folder

    def top(self) -> bytes:
        """Part of ``Blobs``."""
        with self._file("index.json", None) as file:
            return _bounded(self.name, file)

    def open(self, descriptor: Descriptor, offset: int, /) -> Stream:
        """Part of ``Blobs``."""
        file = self._file(f"blobs/sha256/{_hex(self.name, descriptor.digest)}", descriptor.size)
        file.seek(offset)
        return file

    def _file(self, name: str, size: int | None) -> io.BufferedReader:
        try:
            file = os.fdopen(os.open(self._folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
        except OSError as error:
            raise unusable(self.name, f"{name} in it cannot be read ({error.strerror})") from error
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode) or size not in (None, state.st_size):
            file.close()
            raise unusable(self.name, f"{name} in it is not the file that it should be")
        return file


class Archive:
    """A layout in a tar archive, in which files are found by one look at all headers."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self._path = path
        self._found: dict[str, tuple[int, int]] = {}
        try:
            with tarfile.open(path, "r:", tarinfo=BoundedInfo) as packed:
                for number, member in enumerate(packed):
                    if number >= _MEMBERS:
                        raise unusable(name, f"it has more than {_MEMBERS} files")
                    if member.isreg() and not member.issparse():
                        self._found[member.name.removeprefix("./")] = (member.offset_data, member.size)
                    cast("Any", packed).members = []  # it would keep them all
        except tarfile.TarError as error:
            why = f"it is no tar archive that is uncompressed and whole ({printable(str(error), 100)})"
            raise unusable(name, why) from error

    def top(self) -> bytes:
        """Part of ``Blobs``."""
        return _bounded(self.name, self._part("index.json", 0))

    def open(self, descriptor: Descriptor, offset: int, /) -> Stream:
        """Part of ``Blobs``."""
        return self._part(f"blobs/sha256/{_hex(self.name, descriptor.digest)}", offset, descriptor.size)

    def _part(self, name: str, offset: int, size: int | None = None) -> Stream:
        start, length = self._found.get(name, (0, -1))
        if length < 0:
            raise unusable(self.name, f"{name} is missing in it; an OCI layout is needed")
        if size not in (None, length):
            raise unusable(self.name, f"{name} in it is not the file that it should be")
        file = self._path.open("rb")
        file.seek(start + offset)
        return _Part(file, max(0, length - offset))


class _Part:
    """So many bytes of a file, from where it is."""

    def __init__(self, file: io.BufferedReader, left: int) -> None:
        self._file = file
        self._left = left

    def read(self, size: int, /) -> bytes:
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._file.close()


class _Verified:
    """A blob that is held against its size and digest while it is read."""

    def __init__(self, stream: Stream, descriptor: Descriptor, name: str) -> None:
        self._stream = stream
        self._descriptor = descriptor
        self._name = name
        self._hash = hashlib.sha256()
        self._size = 0

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self._size += len(data)
        self._hash.update(data)
        ended = not data and size > 0
        whole = self._size == self._descriptor.size and f"sha256:{self._hash.hexdigest()}" == self._descriptor.digest
        if self._size > self._descriptor.size or (ended and not whole):
            raise unusable(self._name, f"its blob {self._descriptor.digest} is damaged")
        return data

    def close(self) -> None:
        self._stream.close()


def _opened(blobs: Blobs, descriptor: Descriptor, offset: int) -> Stream:
    stream = blobs.open(descriptor, offset)
    return stream if offset else _Verified(stream, descriptor, blobs.name)


def _manifest(blobs: Blobs, index: dict[str, Any], depth: int) -> dict[str, Any] | None:
    """The manifest for linux/amd64: of those that say so, else the only one that says nothing."""
    manifests = index.get("manifests")
    if not isinstance(manifests, list) or depth >= _DEEPEST:
        raise unusable(blobs.name, "its index lists no images")
    silent: list[dict[str, Any]] = []
    for one in manifests:
        platform = one.get("platform") if isinstance(one, dict) else None
        if platform is not None and _platform(platform) != ("linux", "amd64"):
            continue
        descriptor = _descriptor(blobs, one)
        if descriptor.media_type not in _INDEXES | _MANIFESTS:
            continue
        document: dict[str, Any] | None = _parsed(blobs, document_of(blobs, descriptor))
        if descriptor.media_type in _INDEXES and document is not None:
            document = _manifest(blobs, document, depth + 1)
        if document is not None and platform is not None:
            return document
        silent += [document] if document is not None else []
    if len(silent) > 1:
        raise unusable(blobs.name, f"it has {len(silent)} images, and which one is meant is not said")
    return silent[0] if silent else None


def _platform(value: object) -> tuple[object, object]:
    return (value.get("os"), value.get("architecture")) if isinstance(value, dict) else (None, None)


def _layer(blobs: Blobs, value: object, diff_id: object) -> LayerBlob:
    descriptor = _descriptor(blobs, value)
    if _LAYERS.fullmatch(descriptor.media_type) is None:
        raise unusable(blobs.name, f"a layer of it is of the unknown kind {printable(descriptor.media_type, 100)}")
    if descriptor.size > _LARGEST:
        raise unusable(blobs.name, f"a layer of it has {descriptor.size} bytes")
    if not isinstance(diff_id, str) or _DIGEST.fullmatch(diff_id) is None:
        raise unusable(blobs.name, "its configuration names a layer by no SHA-256")
    return LayerBlob(descriptor=descriptor, diff_id=diff_id)


def _descriptor(blobs: Blobs, value: object) -> Descriptor:
    found = value if isinstance(value, dict) else {}
    media_type, digest, size = found.get("mediaType"), found.get("digest"), found.get("size")
    if not isinstance(media_type, str) or type(size) is not int or size < 0 or not isinstance(digest, str):
        raise unusable(blobs.name, "a descriptor in it is damaged")
    _hex(blobs.name, digest)
    return Descriptor(media_type=media_type, digest=digest, size=size)


def _hex(name: str, digest: str) -> str:
    if _DIGEST.fullmatch(digest) is None:
        raise unusable(name, f"it names a blob by something else than a SHA-256: {printable(digest, 100)}")
    return digest.removeprefix("sha256:")


def _parsed(blobs: Blobs, data: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unusable(blobs.name, "a document of it is no JSON") from error
    if not isinstance(found, dict):
        raise unusable(blobs.name, "a document of it is no JSON object")
    return found


def _bounded(name: str, stream: Stream) -> bytes:
    try:
        data = stream.read(_DOCUMENT + 1)
    finally:
        stream.close()
    if len(data) > _DOCUMENT:
        raise unusable(name, f"its index has more than {_DOCUMENT >> 20} MiB")
    return data

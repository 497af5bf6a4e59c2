"""A base image from an OCI layout: a folder, or an archive of one (``skopeo copy``, ``podman save``, this tool's own).

Nothing is unpacked and nothing is run: the layers are read where they lie.
"""

from __future__ import annotations

import io
import re
import tarfile
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from migrate.core.errors import LocalError, UsageError
from migrate.core.text import printable
from migrate.core.values import Descriptor
from migrate.images.oci.blobs import BaseImage, LayerBlob, Stream
from migrate.machine.disk import unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCHEME: Final = "oci:"
"""What stands before the path of a layout where a base image is named."""

_LARGEST: Final = 4 << 20  # bytes of a manifest or a configuration; registries take no larger ones
_DEEPEST: Final = 4  # indexes in indexes
_LAYERS: Final = re.compile(
    r"application/vnd\.(oci\.image\.layer(\.nondistributable)?\.v1\.tar|docker\.image\.rootfs\.diff\.tar)([+.]gzip)?"
)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_PROGRAM: Final = re.compile(r"(?:\./)?usr/(?:local/)?bin/python3\.(\d+)")
_PYTHONS: Final = ("3.11", "3.12", "3.13")
_DAMAGED: Final = (RecursionError, TypeError, AttributeError, EOFError)
_NEXT_STEP: Final = (
    "Name another with --base-image oci:PATH: an OCI layout or archive of a Debian-like linux/amd64 image with "
    "Python 3.11 to 3.13, such as skopeo copy docker://python:3.11-slim-bookworm oci-archive:base.tar writes."
)


class LayoutBase(Struct, frozen=True, kw_only=True):
    """A base image of a layout; ``python`` is major.minor, ``digest`` that of its manifest."""

    image: BaseImage
    python: str
    digest: str


def read_layout(path: Path) -> LayoutBase:
    """Read a base image.

    Args:
        path: A folder or a tar archive, which stay as they are while the image is used.

    Raises:
        UsageError: There is nothing (code ``no-such-file``).
        LocalError: It is none for linux/amd64, or has no Python that is served (code ``base-unusable``), or the disk
            does not let it be read (``disk``).
    """
    if not path.exists():
        raise UsageError(f"There is no {printable(str(path), 300)}.", code="no-such-file", next_step=_NEXT_STEP)
    try:
        blobs = _Folder(path) if path.is_dir() else _Archive(path)
        index = blobs.json("index.json")
        manifest, named, digest = _manifest(blobs, index, _DEEPEST)
        diff_ids = named["rootfs"]["diff_ids"]
        layers = tuple(
            LayerBlob(descriptor=_layer(layer), diff_id=diff_ids[place])
            for place, layer in enumerate(manifest["layers"])
        )
        configuration = blobs.data(_file(manifest["config"]["digest"]))
        python = _python(blobs, layers)
    except OSError as error:
        raise unreadable(path, error) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, tarfile.TarError, LookupError, *_DAMAGED) as error:
        raise _unusable(path, "it is no OCI layout, or it is damaged") from error
    except ValueError as error:
        raise _unusable(path, str(error)) from error

    def opened(descriptor: Descriptor, offset: int) -> Stream:
        return blobs.open(_file(descriptor.digest), offset)

    image = BaseImage(layers=layers, open=opened, configuration=configuration)
    return LayoutBase(image=image, python=python, digest=digest)


class _Folder:
    """The files of a layout that is a folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self, name: str, offset: int = 0) -> io.BufferedIOBase:
        file = (self._path / name).open("rb")
        file.seek(offset)
        return file

    def data(self, name: str) -> bytes:
        with closing(self.open(name)) as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            message = f"{name} is too large"
            raise ValueError(message)
        return data

    def json(self, name: str) -> Mapping[str, Any]:
        return msgspec.json.decode(self.data(name), type=dict[str, Any])


class _Archive(_Folder):
    """The same in an archive that is not compressed: each file is read where it lies in it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with tarfile.open(path, "r:") as packed:
            members = [member for member in packed if member.isreg()]
        self._places = {member.name.removeprefix("./"): (member.offset_data, member.size) for member in members}

    def open(self, name: str, offset: int = 0) -> io.BufferedIOBase:
        start, size = self._places[name]
        return io.BufferedReader(_Part(self._path, start + offset, max(size - offset, 0)))


class _Part(io.RawIOBase):
    """A part of a file."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        self._file = path.open("rb", buffering=0)
        self._file.seek(start)
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._file.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _manifest(blobs: _Folder, index: Mapping[str, Any], depth: int) -> tuple[Mapping[str, Any], Mapping[str, Any], str]:
    """The manifest of the image for linux/amd64, its configuration, and its digest."""
    seen: list[str] = []
    for named in index["manifests"] if depth else ():
        found = blobs.json(_file(named["digest"]))
        if "manifests" in found:
            try:
                return _manifest(blobs, found, depth - 1)
            except ValueError as error:
                seen.append(str(error))
                continue
        if "config" not in found:
            continue
        configuration = blobs.json(_file(found["config"]["digest"]))
        platform = f"{configuration.get('os')}/{configuration.get('architecture')}"
        if platform == "linux/amd64":
            return found, configuration, str(named["digest"])
        seen.append(f"it is for {printable(platform, 60)}, not linux/amd64")
    raise ValueError(seen[0] if seen else "it holds no image")


def _layer(named: Mapping[str, Any]) -> Descriptor:
    kind = str(named["mediaType"])
    if not _LAYERS.fullmatch(kind):
        message = f"its layers are {printable(kind, 80)}, and not every engine reads those"
        raise ValueError(message)
    _file(named["digest"])
    return Descriptor(media_type=kind, digest=named["digest"], size=int(named["size"]))


def _file(digest: object) -> str:
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        message = "it names a blob by something else than its SHA-256"
        raise ValueError(message)
    return digest.replace("sha256:", "blobs/sha256/")


def _python(blobs: _Folder, layers: tuple[LayerBlob, ...]) -> str:
    """The Python of the highest layer that has one."""
    for layer in reversed(layers):
        with (
            closing(blobs.open(_file(layer.descriptor.digest))) as file,
            tarfile.open(fileobj=file, mode="r|*") as packed,
        ):
            found = {f"3.{match[1]}" for member in packed if (match := _PROGRAM.fullmatch(member.name))}
        if found:
            usable = sorted(found & set(_PYTHONS))
            if not usable:
                message = f"it has Python {', '.join(sorted(found))}, and the wheels are for CPython 3.11 to 3.13"
                raise ValueError(message)
            return usable[0]
    message = "it has no Python"
    raise ValueError(message)


def _unusable(path: Path, why: str) -> LocalError:
    return LocalError(
        f"The base image {SCHEME}{printable(str(path), 300)} cannot be used: {why}.",
        code="base-unusable",
        next_step=_NEXT_STEP,
    )

"""What a base image is, read from its layers: nothing of it is run, and nothing is unpacked to the disk.

One pass over all layers keeps what is needed to follow paths: links, and the few files that tell. Which Python a
command would start is found as a shell would, along the image's PATH and through links.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from migrate.core.text import printable
from migrate.images.base.entries import members
from migrate.images.base.fit import demand_fit, unusable
from migrate.images.base.image import Base

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migrate.boxes.layers import Member
    from migrate.images.oci.blobs import BaseImage

_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TELLING: Final = re.compile(r"python3(\.\d+)?|pypy[\d.]*|libc\.so\.6|libc-2\.\d+\.so|ld-musl-.+\.so\.1")
_PYTHON: Final = re.compile(r"python(3\.\d+)")
_GLIBC: Final = re.compile(rb"GNU C Library \([^)]{0,200}\) \w+ release version (\d+\.\d+)")
_LIBC_PLACES: Final = ("/lib/x86_64-linux-gnu", "/lib64", "/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib")
_MOST_LINKS: Final = 500_000
_MOST_FILES: Final = 100
_LARGEST_FILE: Final = 64 << 20  # bytes; Debian's libc has 2 MB, a static Python 20
_HOPS: Final = 40  # links in one another, as many as Linux follows
_X86_64: Final = 62  # e_machine in an ELF header (elf(5))


class Contents(Struct, frozen=True, kw_only=True):
    """What an image carries: ``python`` is major.minor, ``libc`` such as ``glibc 2.36``, or empty."""

    python: str
    libc: str


class _File(Struct, frozen=True):
    """A file that tells: its machine where it is an ELF file, and the version that a C library names."""

    machine: int
    glibc: str


class _Tree:
    """Links and telling files of all layers so far, by path."""

    def __init__(self) -> None:
        self.links: dict[tuple[str, ...], str] = {}
        self.files: dict[tuple[str, ...], _File] = {}
        self._layer = 0
        self._of: dict[tuple[str, ...], int] = {}  # the layer of each

    def begin(self) -> None:
        """A layer begins."""
        self._layer += 1

    def put(self, member: Member, name: str) -> None:
        """Take a member in."""
        if member.removes or member.opaque:
            self._drop(member.parts, itself=member.removes, below=self._layer)
            return
        if not member.info.isdir():
            self._drop(member.parts, itself=True, below=self._layer + 1)
        if member.info.issym():
            self.links[member.parts] = member.target
        elif member.info.islnk():
            linked = tuple(part for part in member.target.split("/") if part not in ("", "."))
            if linked in self.files:
                self.files[member.parts] = self.files[linked]
        elif member.data is not None and _TELLING.fullmatch(member.parts[-1]):
            self.files[member.parts] = _told(member)
        else:
            return
        self._of[member.parts] = self._layer
        if len(self.links) > _MOST_LINKS or len(self.files) > _MOST_FILES:
            raise unusable(name, "it has more links, or more Pythons, than any base image")

    def _drop(self, parts: tuple[str, ...], *, itself: bool, below: int) -> None:
        if itself and parts not in self.links and parts not in self.files and not self._has(parts):
            return
        depth = len(parts)
        for path in [path for path in self._of if path[:depth] == parts and self._of[path] < below]:
            if itself or len(path) > depth:
                self.links.pop(path, None)
                self.files.pop(path, None)
                del self._of[path]

    def _has(self, parts: tuple[str, ...]) -> bool:
        depth = len(parts)
        return any(path[:depth] == parts for path in self._of)

    def resolved(self, path: str) -> tuple[str, ...] | None:
        """Where a path leads; None where its links go round in circles."""
        done: list[str] = []
        left = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        hops = 0
        while left:
            part = left.pop()
            if part == "..":
                del done[-1:]
                continue
            target = self.links.get((*done, part))
            if target is None:
                done.append(part)
                continue
            hops += 1
            if hops > _HOPS:
                return None
            if target.startswith("/"):
                done = []
            left += [piece for piece in reversed(target.split("/")) if piece not in ("", ".")]
        return tuple(done)


def look_into(image: BaseImage, name: str) -> Base:
    """Check that a base image can carry the runtimes: architecture, Python, C library.

    Its ``image_id`` is the digest of its configuration, as an engine has it.

    Args:
        image: The image.
        name: What a person calls it.

    Raises:
        LocalError: It cannot, and why (code ``base-unusable``).
    """
    found = look(image, name)
    demand_fit(name, "cpython", found.python, found.libc)
    identity = f"sha256:{hashlib.sha256(image.configuration).hexdigest()}"
    return Base(reference=name, image_id=identity, python=found.python, libc=found.libc)


def look(image: BaseImage, name: str) -> Contents:
    """What an image carries; every layer is read and verified.

    Args:
        image: The image.
        name: What a person calls it.

    Raises:
        LocalError: It is damaged, or has no CPython or no C library that tells its version, or they are for another
            machine (code ``base-unusable``).
    """
    tree = _Tree()
    for layer in image.layers:
        tree.begin()
        for member in members(image, layer, name):
            tree.put(member, name)
    python = next(filter(None, (_python(tree, folder) for folder in _folders(image))), None)
    if python is None:
        raise unusable(name, "there is no python3 in it, along its PATH")
    path, file = python
    version = _PYTHON.fullmatch(path[-1])
    if version is None:
        raise unusable(name, f"its python3 is {printable('/' + '/'.join(path), 200)}, which tells no version")
    if file.machine != _X86_64:
        raise unusable(name, "its Python is built for another machine than x86-64")
    return Contents(python=version[1], libc=_libc(tree))


def _folders(image: BaseImage) -> Iterable[str]:
    facts: Any = msgspec.json.decode(image.configuration)
    settings = facts.get("config") if isinstance(facts, dict) else None
    variables = settings.get("Env") if isinstance(settings, dict) else None
    texts = [text for text in variables or () if isinstance(text, str)] if isinstance(variables, list) else []
    return next((text.removeprefix("PATH=") for text in texts if text.startswith("PATH=")), _PATH).split(":")


def _python(tree: _Tree, folder: str) -> tuple[tuple[str, ...], _File] | None:
    path = tree.resolved(f"{folder}/python3")
    file = tree.files.get(path) if path else None
    return (path, file) if path and file else None


def _libc(tree: _Tree) -> str:
    """Such as ``glibc 2.36``; ``musl`` for that, and empty where there is none that tells."""
    for folder in _LIBC_PLACES:
        path = tree.resolved(f"{folder}/libc.so.6")
        file = tree.files.get(path) if path else None
        if file is not None and file.glibc:
            return f"glibc {file.glibc}"
    return "musl" if any(path[-1].startswith("ld-musl-") for path in (*tree.files, *tree.links)) else ""


def _told(member: Member) -> _File:
    """What a file says of itself, in pieces that overlap, so that memory stays small."""
    assert member.data is not None  # noqa: S101 - it was asked for
    machine, glibc, kept, left = 0, "", b"", _LARGEST_FILE
    first = True
    while left > 0 and (piece := member.data.read(1 << 18)):
        left -= len(piece)
        if first and piece[:6] == b"\x7fELF\x02\x01":  # 64 bits, little-endian
            machine = int.from_bytes(piece[18:20], "little")
        first = False
        if not glibc and (found := _GLIBC.search(kept + piece)):
            glibc = found[1].decode()
        kept = piece[-300:]
    return _File(machine, glibc)

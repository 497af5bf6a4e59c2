"""What a box sees of the disk: the unpacked root of an image, and folders beside it."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from migrate.boxes.view import Mount, Root
from migrate.images.base.unpack import unpacked
from migrate.images.engine import tarstream
from migrate.machine.disk import disk_errors

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from migrate.images.oci.blobs import BaseImage


def root_of(image: BaseImage, name: str, store: Path) -> Root:
    """The root of an image that an archive, a registry or this tool holds; unpacked where it is not yet.

    Args:
        image: The image, its own layers last.
        name: What a person calls it.
        store: The content store.

    Raises:
        LocalError: A layer is damaged (code ``base-unusable``), or the disk is full.
    """
    facts: Any = msgspec.json.decode(image.configuration)
    settings = facts.get("config") or {}
    variables = (text.partition("=") for text in settings.get("Env") or ())
    return Root(
        path=unpacked(image, name, store),
        environment={variable: value for variable, _, value in variables},
        working_dir=settings.get("WorkingDir") or "/",
    )


def with_entries(image: Root, entries: Iterable[tarstream.Entry], folder: Path) -> Root:
    """The root of an image that adds layers to another one; files of this machine are linked where that can be.

    Args:
        image: What it starts from.
        entries: What the layers hold; what they have at their top, such as ``models``, the image has not.
        folder: A new folder for what is in them, to be kept as long as the root is used.

    Raises:
        LocalError: As for ``place``.
        ValueError: The image has a folder of that name itself.
    """
    place(entries, folder)
    tops = sorted(path.name for path in folder.iterdir())
    if hidden := [name for name in tops if os.path.lexists(image.path / name)]:
        message = f"the image has {', '.join(hidden)} itself"
        raise ValueError(message)
    return replace(image, mounts=(*image.mounts, *(Mount(folder / name, f"/{name}") for name in tops)))


def place(entries: Iterable[tarstream.Entry], folder: Path) -> None:
    """Write entries into a new folder: files of this machine are linked where that can be, else copied.

    Everybody can read the result, as in a container, except a linked file that only its owner could.

    Args:
        entries: Folders before what is in them, as for an archive; one that comes twice is one.
        folder: It does not exist.

    Raises:
        LocalError: The disk is full, or a file cannot be read (``disk``, ``file-changed``).
    """
    with disk_errors(folder):
        folder.mkdir()
        for entry in entries:
            target = folder / entry.name
            if entry.kind == tarfile.DIRTYPE:
                target.mkdir(exist_ok=True)
                target.chmod(entry.mode)
            elif entry.source is None:
                target.write_bytes(entry.content)
                target.chmod(entry.mode)
            else:
                _link(entry.source, target, entry)


def _link(source: Path, target: Path, entry: tarstream.Entry) -> None:
    state = source.lstat()
    # Root becomes another user in the box, who must be able to read it too.
    linked = stat.S_ISREG(state.st_mode) and (os.geteuid() != 0 or state.st_mode & stat.S_IROTH)
    if linked:
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError:  # another file system, or somebody else's file
            linked = False
    if not linked:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as read, target.open("xb") as written:
            shutil.copyfileobj(read, written, tarstream.CHUNK)
        target.chmod(entry.mode)
    if target.stat().st_size != entry.size:
        raise tarstream.changed(source, "its size is another one")

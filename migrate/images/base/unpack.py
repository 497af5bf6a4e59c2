"""The layers of an image unpacked into a folder, for a box to see as its root.

Nothing leaves the folder: names have no ``..``, links that lie in a path are followed within the folder as a process
in it would, and the last part of a path is never followed. Devices and pipes are left out. Files belong to whoever
unpacks them, who is their reader in a box too; so they get for everybody the mode that they have for others, as the
user of AI Deploy would find them.

Roots are kept by what they are made of. A root that begins with the layers of one that is there is made of links to
its files, which nobody changes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from typing import TYPE_CHECKING, Final

from migrate.core.text import printable
from migrate.images.base.entries import Member, members
from migrate.images.base.fit import unusable
from migrate.machine.disk import disk_errors, scratch_folder
from migrate.machine.locks import exclusive

if TYPE_CHECKING:
    from pathlib import Path

    from migrate.images.oci.blobs import BaseImage

_HOPS: Final = 40
_RECIPE: Final = "1"  # the version of how layers become a folder


def unpacked(image: BaseImage, name: str, store: Path) -> Path:
    """The folder of an image's files, made where it is missing.

    Args:
        image: The image.
        name: What a person calls it.
        store: The content store; the folder is in its ``roots``.

    Raises:
        LocalError: A layer is damaged or leaves its root (code ``base-unusable``), or the disk is full.
    """
    chains = _chains([layer.diff_id for layer in image.layers])
    roots = store / "roots"
    place = roots / chains[-1]
    if place.is_dir():
        return place
    with disk_errors(store):
        roots.mkdir(parents=True, exist_ok=True)
        (store / "locks").mkdir(exist_ok=True)
    with exclusive(store / "locks" / f"root-{chains[-1][:16]}"), disk_errors(store):
        if place.is_dir():
            return place
        with scratch_folder(store, "root-") as scratch:
            known = max((number for number, chain in enumerate(chains) if (roots / chain).is_dir()), default=0)
            root = scratch / "root"
            if known:
                _link_tree(roots / chains[known], root)
            else:
                root.mkdir()
            for layer in image.layers[known:]:
                tree = Unpacking(root, name)
                for member in members(image, layer, name):
                    tree.put(member)
                tree.finish()
            root.rename(place)
    return place


class Unpacking:
    """One layer on its way into a folder."""

    def __init__(self, root: Path, name: str) -> None:
        """``root`` holds the layers below; ``name`` is what a person calls the image."""
        self._root = root
        self._name = name
        self._made: set[tuple[str, ...]] = set()  # by this layer; what it removes is not among them
        self._real: dict[tuple[str, ...], tuple[str, ...]] = {}  # where folders lead, as far as nothing changed
        self._times: dict[tuple[str, ...], float] = {}

    def put(self, member: Member) -> None:
        """Take a member in."""
        info = member.info
        if member.opaque:
            self._clear(self._where(member.parts))
            return
        path = (*self._where(member.parts[:-1], make=not member.removes), member.parts[-1])
        if member.removes:
            if path not in self._made:
                self._delete(path)
            return
        target = self._at(path)
        if info.isdir():
            self._folder(path)
            target.chmod(0o700 | _others(info.mode) & 0o1077)
            self._times[path] = info.mtime
        elif info.issym():
            self._delete(path)
            target.symlink_to(member.target)
        elif info.islnk():
            self._link(member, path)
        elif member.data is not None:
            self._delete(path)
            with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
                shutil.copyfileobj(member.data, file, 1 << 20)
            target.chmod(_others(info.mode) & 0o777)
            os.utime(target, (info.mtime, info.mtime))
        else:
            return  # a device or a pipe
        self._made.add(path)

    def finish(self) -> None:
        """The times of folders, which change while they are filled."""
        for path, when in self._times.items():
            if self._at(path).is_dir() and not self._at(path).is_symlink():
                os.utime(self._at(path), (when, when))

    def _link(self, member: Member, path: tuple[str, ...]) -> None:
        parts = tuple(part for part in member.target.split("/") if part not in ("", "."))
        if not parts or ".." in parts:
            raise unusable(self._name, f"a link in it leads to {printable(member.target, 200)}")
        source = (*self._where(parts[:-1]), parts[-1])
        if source == path:
            return
        self._delete(path)
        try:
            state = self._at(source).lstat()
            if stat.S_ISDIR(state.st_mode):
                raise IsADirectoryError
            os.link(self._at(source), self._at(path), follow_symlinks=False)
        except OSError as error:
            why = f"{printable(member.target, 200)}, to which a link in it leads, is no file"
            if isinstance(error, (FileNotFoundError, NotADirectoryError, IsADirectoryError)):
                raise unusable(self._name, why) from error
            raise

    def _where(self, parts: tuple[str, ...], *, make: bool = False) -> tuple[str, ...]:
        """The folder that a path leads to within the root, without links; made where it is missing."""
        if parts in self._real:
            return self._real[parts]
        done: list[str] = []
        left = list(reversed(parts))
        hops = 0
        while left:
            part = left.pop()
            if part in ("", "."):
                continue
            if part == "..":
                del done[-1:]
                continue
            path = self._at((*done, part))
            if path.is_symlink():
                hops += 1
                if hops > _HOPS:
                    raise unusable(self._name, f"links in it go round in circles: {printable('/'.join(parts), 200)}")
                target = str(path.readlink())
                if target.startswith("/"):
                    done = []
                left += reversed(target.split("/"))
                continue
            done.append(part)
            if make:
                self._folder(tuple(done))
        found = tuple(done)
        if make:
            self._real[parts] = found
        return found

    def _folder(self, path: tuple[str, ...]) -> None:
        target = self._at(path)
        if target.is_dir() and not target.is_symlink():
            return
        self._delete(path)
        target.mkdir(0o755)

    def _clear(self, folder: tuple[str, ...]) -> None:
        """Remove what the layers below have in a folder."""
        place = self._at(folder)
        if not place.is_dir() or place.is_symlink():
            return
        for entry in os.scandir(place):
            path = (*folder, entry.name)
            if path not in self._made:
                self._delete(path)
            elif entry.is_dir(follow_symlinks=False):
                self._clear(path)

    def _delete(self, path: tuple[str, ...]) -> None:
        target = self._at(path)
        try:
            mode = target.lstat().st_mode
        except OSError:
            return
        self._real.clear()
        if stat.S_ISDIR(mode):
            shutil.rmtree(target)
        else:
            target.unlink()

    def _at(self, path: tuple[str, ...]) -> Path:
        return self._root.joinpath(*path)


def _others(mode: int) -> int:
    """The mode that an entry has for others, for everybody; with the sticky bit of a folder."""
    others = mode & 0o7
    return others << 6 | others << 3 | others | mode & 0o1000


def _chains(diff_ids: list[str]) -> list[str]:
    """A name for the layers up to each, after that of none."""
    found = [hashlib.sha256(_RECIPE.encode()).hexdigest()]
    for diff_id in diff_ids:
        found.append(hashlib.sha256(f"{found[-1]} {diff_id}".encode()).hexdigest())
    return found


def _link_tree(source: Path, target: Path) -> None:
    """The same folders, with links to the same files."""
    target.mkdir()
    for entry in os.scandir(source):
        path = target / entry.name
        if entry.is_dir(follow_symlinks=False):
            _link_tree(source / entry.name, path)
        elif entry.is_symlink():
            path.symlink_to(os.readlink(entry.path))  # noqa: PTH115
        else:
            os.link(entry.path, path, follow_symlinks=False)
    state = source.stat()
    target.chmod(stat.S_IMODE(state.st_mode))
    os.utime(target, (state.st_atime, state.st_mtime))

"""Layers unpacked into a folder, for a box to see as its root.

Nothing leaves the folder: names have no ``..``, links that lie in a path are followed within the folder as a process
in it would, and the last part of a path is never followed. Devices and pipes are left out. Files belong to whoever
unpacks them, who is their reader in a box too; so they get for everybody the mode that they have for others, as the
user of AI Deploy would find them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from typing import TYPE_CHECKING, Final

from migrate.boxes.layers import LayerError, Member

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_HOPS: Final = 40
_RECIPE: Final = "1"  # the version of how layers become a folder


def chains(diff_ids: Sequence[str]) -> list[str]:
    """A name for the layers up to each, after that of none."""
    found = [hashlib.sha256(_RECIPE.encode()).hexdigest()]
    for diff_id in diff_ids:
        found.append(hashlib.sha256(f"{found[-1]} {diff_id}".encode()).hexdigest())
    return found


def unpack(members: Iterable[Member], root: Path) -> None:
    """Put a layer on top of the layers below, which a folder holds.

    Raises:
        LayerError: A link leads nowhere, or round in circles.
        OSError: The disk is full, or what ``members`` raises.
    """
    tree = Unpacking(root)
    for member in members:
        tree.put(member)
    tree.finish()


class Unpacking:
    """One layer on its way into a folder."""

    def __init__(self, root: Path) -> None:
        """``root`` holds the layers below."""
        self._root = root
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
            message = f"a link in it leads to {member.target[:200]!a}"
            raise LayerError(message)
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
            if isinstance(error, (FileNotFoundError, NotADirectoryError, IsADirectoryError)):
                message = f"{member.target[:200]!a}, to which a link in it leads, is no file"
                raise LayerError(message) from error
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
                    message = f"links in it go round in circles: {'/'.join(parts)[:200]!a}"
                    raise LayerError(message)
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


def link_tree(source: Path, target: Path) -> None:
    """The same folders, with links to the same files, which nobody may change from then on."""
    target.mkdir()
    for entry in os.scandir(source):
        path = target / entry.name
        if entry.is_dir(follow_symlinks=False):
            link_tree(source / entry.name, path)
        elif entry.is_symlink():
            path.symlink_to(os.readlink(entry.path))  # noqa: PTH115
        else:
            os.link(entry.path, path, follow_symlinks=False)
    state = source.stat()
    target.chmod(stat.S_IMODE(state.st_mode))
    os.utime(target, (state.st_atime, state.st_mtime))

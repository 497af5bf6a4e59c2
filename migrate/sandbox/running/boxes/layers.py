"""The layers of images, unpacked once and shared by the apps that run them.

A folder holds some layers of an image, one on top of the other, and is named by their digests. An image is one folder,
or two: where its last layers have at their top nothing but folders that the layers below do not have, as a model's
have, they are unpacked apart and bound beside the others. So models of one runtime share it, and the disk holds it
once. Where they do, a folder of more layers begins with links to the files of those below.
"""

import contextlib
import itertools
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from migrate.boxes.bubblewrap import MOUNTED
from migrate.boxes.layers import LayerError, Member
from migrate.boxes.unpacking import chains, link_tree, unpack
from migrate.sandbox.running.backend import LaunchError
from migrate.sandbox.running.boxes.pulling import Image
from migrate.sandbox.running.references import pull_failed


class _TouchesError(Exception):
    """A layer changes what is below it."""


class Layers:
    """Unpacked layers in a folder.

    Args:
        folder: Theirs alone; it is made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True)
        self._turn = threading.Lock()
        self._users: dict[Path, set[str]] = {}  # the apps that see a folder
        self._last: set[Path] = set()  # those with the last layers of an image

    def of(self, image: Image, app_id: str) -> tuple[Path, ...]:
        """The folders of an image for an app, from the lowest; what is missing is fetched and unpacked.

        Raises:
            LaunchError: A layer cannot be fetched, is damaged, or the disk is full.
        """
        with self._turn:
            try:
                found = self._found(image)
            except (LayerError, OSError) as error:
                raise LaunchError(pull_failed(image.reference, str(error))) from error
            self._last.add(found[-1])
            for folder in found:
                self._users.setdefault(folder, set()).add(app_id)
            return found

    def forget(self, app_id: str) -> None:
        """An app is gone: the last layers of its images go with it, those below them stay for the next one."""
        with self._turn:
            for folder, users in self._users.items():
                users.discard(app_id)
                if not users and folder in self._last:
                    self._last.discard(folder)
                    shutil.rmtree(folder, ignore_errors=True)

    def _found(self, image: Image) -> tuple[Path, ...]:
        names = chains(image.diff_ids)
        known = max((number for number, name in enumerate(names) if (self._folder / name).is_dir()), default=0)
        while known < len(image.diff_ids):
            lower, upper = self._folder / names[known], self._folder / chains(image.diff_ids[known:])[-1]
            numbers = range(known, len(image.diff_ids))
            if known and self._is_apart(upper, [image.members(number) for number in numbers], lower):
                return lower, upper
            known = self._grow(image, names, known)
        return (self._folder / names[-1],)

    def _is_apart(self, upper: Path, layers: Sequence[Iterator[Member]], lower: Path) -> bool:
        """Unpack layers apart, where they leave alone what is below them."""
        taken = _tops(lower)
        if not upper.is_dir():
            try:
                self._make(upper, [_apart(members, taken) for members in layers])
            except _TouchesError:
                return False
        # Also once it is made: a path through a link of its own may have led it there.
        return not (taken | MOUNTED) & _tops(upper)

    def _grow(self, image: Image, names: Sequence[str], known: int) -> int:
        """Unpack further layers on top of those that are there, up to one that begins apart; how many are there now.

        The lowest layer is a folder of its own: it is the base, which images of other runtimes have too.
        """
        with self._scratch() as scratch:
            if known:
                _links(self._folder / names[known], scratch)
            for number in range(known, len(image.diff_ids)):
                if number and not known:
                    break
                with contextlib.closing(image.members(number)) as members:
                    first = next(members, None)
                    if number > known and first is not None and _starts_apart(first, _tops(scratch)):
                        break
                    unpack(itertools.chain(() if first is None else (first,), members), scratch)
            else:
                number += 1
            scratch.rename(self._folder / names[number])
        return number

    def _make(self, place: Path, layers: Sequence[Iterator[Member]]) -> None:
        with self._scratch() as scratch:
            for members in layers:
                unpack(members, scratch)
            scratch.rename(place)

    @contextlib.contextmanager
    def _scratch(self) -> Iterator[Path]:
        path = Path(tempfile.mkdtemp(prefix="part-", dir=self._folder))
        path.chmod(0o755)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def _links(below: Path, folder: Path) -> None:
    folder.rmdir()
    link_tree(below, folder)


def _tops(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _apart(members: Iterator[Member], taken: set[str]) -> Iterator[Member]:
    """The members of a layer, as long as it leaves alone what is below."""
    for member in members:
        if not _starts_apart(member, taken):
            raise _TouchesError
        yield member


def _starts_apart(member: Member, taken: set[str]) -> bool:
    # A link at the top could not be bound, and what a box has of its own is not the image's.
    plain = len(member.parts) > 1 or (member.info.isdir() and not member.removes and not member.opaque)
    return plain and bool(member.parts) and member.parts[0] not in taken | MOUNTED

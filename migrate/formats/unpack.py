"""Artifacts that are one ZIP archive with a model in it: they stand for what is in the archive.

What reads archives itself keeps them: files of PyTorch and Keras, and a SavedModel's archive without a manifest.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from migrate.core.looked import NotKnown
from migrate.formats.archive.packed_model import content_of
from migrate.formats.archive.structure import STORED, Archive, Entry
from migrate.formats.manifest.structure import MAXIMUM_SIZE
from migrate.formats.reading.errors import FormatError, quoted
from migrate.formats.reading.files import Files
from migrate.formats.reading.wire import Read
from migrate.formats.recognise import recognise

_PACKED: Final = "zip"
_SAVED_MODEL: Final = "tensorflow"
_UNPACKED_MOST: Final = 32 * 1024 * 1024  # bytes of a file that is unpacked for a look


def packed_in(files: Files) -> str | None:
    """The name of the archive that these files are, where a model has to be taken out of it.

    Raises:
        MigrateError: It cannot be read.
    """
    path = next(iter(files.sizes)) if len(files.sizes) == 1 else ""
    if not path.lower().endswith(".zip"):
        return None
    with files.open(path) as (read, size):
        word = recognise(path, size, read)
        if word == _PACKED or (word == _SAVED_MODEL and _has_manifest(files, path, read, size)):
            return path
    return None


@contextmanager
def opened(files: Files, path: str, unread: Callable[[str], bool]) -> Iterator[tuple[Archive, dict[str, Entry]]]:
    """The archive that files are, checked, and what is in it by the paths that it is unpacked to.

    Args:
        files: The files.
        path: What ``packed_in`` says of it.
        unread: Whether no runtime reads a file of this path.

    Raises:
        FormatError: The archive is cut, broken, or not plain.
        LocalError: It cannot be read.
    """
    with files.open(path) as (read, size):
        archive = Archive(path, read, size, files.leave_out)
        yield archive, content_of(archive, unread)


class PackedFiles:
    """The files in an archive as they are when it is unpacked; a door for ``inspect.inspect_files``.

    What is stored in the archive is read by ranges of it. What is packed is unpacked in memory where it is small and
    may be read as a whole.

    Args:
        files: The archive alone.
        path: Its name.
        archive: It, checked.
        wanted: What is in it by the paths that it is unpacked to.
    """

    def __init__(self, files: Files, path: str, archive: Archive, wanted: Mapping[str, Entry]) -> None:
        self._files = files
        self._path = path
        self._archive = archive
        self._wanted = wanted
        self.sizes = {name: entry.size for name, entry in wanted.items()}

    @contextmanager
    def open(self, path: str) -> Iterator[tuple[Read, int]]:
        """A file, as a reader of ranges and its size in bytes.

        Raises:
            FormatError: Its bytes are broken.
            NotKnown: It is packed, and large, or more than may be read.
        """
        entry = self._wanted[path]
        if not self._is_at_hand(entry):
            raise NotKnown(
                f"{quoted(path)} is packed in the archive {quoted(self._path)}, and only unpacking all of its "
                f"{entry.size:,} bytes tells what it is."
            )
        with self._archive.open(entry) as read:
            yield read, entry.size

    def is_plain(self, path: str) -> bool:
        """Whether it will be a file of its own, as what is unpacked always is."""
        return path in self._wanted

    def digest(self, path: str) -> str:
        """``sha256:...`` of a file; empty, and left out, where that is more than may be read."""
        entry = self._wanted[path]
        if self.leave_out(path, entry.size, f"the digest of {quoted(path)}, which allows it to be loaded,"):
            return ""
        sha = hashlib.sha256()
        for piece in self._archive.chunks(entry):
            sha.update(piece)
        return f"sha256:{sha.hexdigest()}"

    def affords(self, path: str, length: int) -> bool:
        """Whether so many bytes of a file may be read."""
        return self._files.affords(self._path, min(length, self._wanted[path].packed))

    def leave_out(self, path: str, length: int, what: str) -> bool:
        """Whether a check that reads so many bytes of a file is left out, and told of the archive."""
        return self._files.leave_out(self._path, min(length, self._wanted[path].packed), what)

    def verify(self) -> None:
        """Compare sizes and checksums of what is unpacked, unless they are left out.

        Raises:
            FormatError: A file is not what the archive says.
        """
        self._archive.verify(self._wanted.values())

    def _is_at_hand(self, entry: Entry) -> bool:
        if entry.method == STORED:
            return True
        return entry.size <= _UNPACKED_MOST and self._files.affords(self._path, entry.packed)


def _has_manifest(files: Files, path: str, read: Read, size: int) -> bool:
    """Whether an archive has a manifest, which the SavedModel's own reader does not look for."""
    try:
        archive = Archive(path, read, size, files.leave_out)
        for name, entry in content_of(archive, lambda _: False).items():
            if "/" not in name and name.lower().endswith(".json") and entry.size <= MAXIMUM_SIZE:
                with archive.open(entry) as inner:
                    if recognise(name, entry.size, inner) == "manifest":
                        return True
    except FormatError:
        pass  # which the reader of what it seems to be says
    return False

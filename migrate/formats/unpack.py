"""Artifacts that are one ZIP archive with a model in it: they stand for what is in the archive.

What reads archives itself keeps them: files of PyTorch and Keras, and a SavedModel's archive without a manifest.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from migrate.formats.archive.packed_model import content_of
from migrate.formats.archive.structure import Archive, Entry
from migrate.formats.manifest.structure import MAXIMUM_SIZE
from migrate.formats.reading.errors import FormatError
from migrate.formats.reading.files import Files
from migrate.formats.reading.wire import Read
from migrate.formats.recognise import recognise

_PACKED: Final = "zip"
_SAVED_MODEL: Final = "tensorflow"


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

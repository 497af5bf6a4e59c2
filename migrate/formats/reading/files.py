"""The files of one model under inspection: the door that every reader reads through, and an artifact's behind it."""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from migrate.core.errors import LocalError
from migrate.core.text import printable, type_again
from migrate.core.values import Artifact
from migrate.formats.reading.wire import Read

_NOT_PLAIN: Final = frozenset("\\:*")  # separators and drives of some systems, and marks of an engine's own


class Files(Protocol):
    """The files of a model, wherever they lie.

    What lies in object storage is read by few and short ranges. A reader that must read the whole of something asks
    ``affords`` or ``leave_out`` before it does: what is only checked is left out there and told, and what the verdict
    itself needs ends in ``core.looked.NotKnown``.
    """

    @property
    def sizes(self) -> Mapping[str, int]:
        """Sizes in bytes by path."""

    def open(self, path: str) -> AbstractContextManager[tuple[Read, int]]:
        """A file, as a reader of ranges and its size in bytes.

        Raises:
            MigrateError: It cannot be read.
        """

    def is_plain(self, path: str) -> bool:
        """Whether the file is a regular one that no other name leads to."""

    def digest(self, path: str) -> str:
        """``sha256:...`` of a file; empty where that is not known."""

    def affords(self, path: str, length: int) -> bool:
        """Whether so many bytes of a file may be read."""

    def leave_out(self, path: str, length: int, what: str) -> bool:
        """Whether a check that reads so many bytes of a file is left out, and told.

        Args:
            path: The file.
            length: How many bytes the check reads.
            what: What would be compared, as the subject of a sentence, such as "the checksums of its 12 entries".
        """


class ArtifactFiles:
    """The files of an artifact on this machine.

    Raises:
        LocalError: One is a symbolic link, or lies behind one.
    """

    def __init__(self, artifact: Artifact) -> None:
        check_links(artifact)
        self._artifact = artifact
        self.sizes = {file.path: file.size for file in artifact.files}
        self._digests = {file.path: file.digest for file in artifact.files}

    def open(self, path: str) -> AbstractContextManager[tuple[Read, int]]:
        """A file; links are not followed.

        Raises:
            LocalError: It cannot be read.
        """
        return open_file(self._artifact, path)

    def is_plain(self, path: str) -> bool:
        """Whether the file is a regular one that no other name leads to."""
        return is_plain(self._artifact, path)

    def digest(self, path: str) -> str:
        """The digest that it was fetched with."""
        return self._digests.get(path, "")

    def affords(self, path: str, length: int) -> bool:  # noqa: ARG002 - all of it is at hand
        """Always."""
        return True

    def leave_out(self, path: str, length: int, what: str) -> bool:  # noqa: ARG002 - all of it is at hand
        """Never."""
        return False


@contextmanager
def open_file(artifact: Artifact, path: str) -> Iterator[tuple[Read, int]]:
    """A file of the artifact, as a reader of ranges and its size in bytes.

    Ranges are read with ``pread``: a map of a file that becomes shorter would end the process with SIGBUS.

    Raises:
        LocalError: It is not there any more, is no regular file, or cannot be read.
    """
    at, is_link = _locate(artifact, path)
    if is_link:
        raise _unreadable(artifact, "it holds a symbolic link")
    try:
        descriptor = os.open(at, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise _unreadable(artifact, error.strerror or str(error)) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _unreadable(artifact, "a model's file is not a regular file")

        def read(offset: int, length: int) -> bytes:
            try:
                return os.pread(descriptor, length, offset)
            except OSError as error:
                raise _unreadable(artifact, error.strerror or str(error)) from error

        yield read, status.st_size
    finally:
        os.close(descriptor)


def check_links(artifact: Artifact) -> None:
    """Refuse an artifact with symbolic links: what is behind one is not what was fetched, and may change.

    Raises:
        LocalError: A file is one, or lies behind one.
    """
    for file in artifact.files:
        if _locate(artifact, file.path)[1]:
            raise _unreadable(artifact, f"{printable(file.path, 80)!r} is a symbolic link")


def is_plain(artifact: Artifact, path: str) -> bool:
    """Whether a file is a regular one that no other name leads to: neither a symbolic nor a hard link.

    Raises:
        LocalError: It is not there any more.
    """
    at, is_link = _locate(artifact, path)
    try:
        status = at.lstat()
    except OSError as error:
        raise _unreadable(artifact, error.strerror or str(error)) from error
    return not is_link and stat.S_ISREG(status.st_mode) and status.st_nlink == 1


def _locate(artifact: Artifact, path: str) -> tuple[Path, bool]:
    """The file's path, and whether it or a folder on the way to it, below the artifact's own, is a symbolic link."""
    at = Path(artifact.folder)
    is_link = False
    for part in Path(path).parts:
        at = at / part
        is_link = is_link or at.is_symlink()
    return at, is_link


def _unreadable(artifact: Artifact, why: str) -> LocalError:
    return LocalError(
        f"The model's files in {artifact.folder} cannot be read: {why}.",
        code="artifact-unreadable",
        next_step=type_again("Check the disk and the rights of that folder", note="missing files are fetched anew"),
    )


def inside(location: str) -> str | None:
    """A relative POSIX path without detours, or None for one that leaves its folder or is no plain path."""
    if not location or len(location) > 1024 or not location.isprintable() or set(location) & _NOT_PLAIN:
        return None
    path = PurePosixPath(location)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        return None
    return str(path)

"""A model's files on this machine, read where they lie: all of them are at hand, so nothing is left out."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from migrate.core.errors import Interrupted
from migrate.core.looked import NotKnown, SeenObject
from migrate.core.text import printable
from migrate.core.values import FolderLocation
from migrate.machine.disk import unreadable
from migrate.sources.fetch import files_at

if TYPE_CHECKING:
    from pathlib import Path

Read = Callable[[int, int], bytes]

_PIECE: Final = 1024 * 1024
_PAGE: Final = 64 * 1024


class LocalFiles:
    """The files of a model in a folder; links are resolved, as a copy of it would have them.

    Attributes:
        objects: They, by path.
        sizes: Their sizes in bytes by path.
        unchecked: Nothing.
        requests: None are made.
    """

    def __init__(self, location: FolderLocation, stopped: Callable[[], bool]) -> None:
        self._stopped = stopped
        self.unchecked: list[str] = []
        self.requests = 0
        self._paths: dict[str, Path] = {}
        self._pages: dict[str, set[int]] = {}
        self._times: dict[str, int] = {}
        self._digests: dict[str, str] = {}
        self.sizes: dict[str, int] = {}
        for name, real, size in sorted(files_at(location)):
            self._paths[name], self.sizes[name] = real, size
            try:
                self._times[name] = real.stat().st_mtime_ns
            except OSError as error:
                raise unreadable(real, error) from error
        self.objects = tuple(
            SeenObject(name=name, size=size, etag="", last_modified=_time(self._times[name]))
            for name, size in self.sizes.items()
        )

    @property
    def bytes_read(self) -> int:
        """Bytes of the files that were read, in pages of 64 KiB; what was read twice counts once."""
        return sum(min(_PAGE, self.sizes[path] - page * _PAGE) for path, pages in self._pages.items() for page in pages)

    @contextmanager
    def open(self, path: str) -> Iterator[tuple[Read, int]]:
        """A file, as a reader of ranges and its size in bytes.

        Raises:
            LocalError: It cannot be read.
            NotKnown: It changed meanwhile.
            Interrupted: It was asked for.
        """
        real, size, pages = self._paths[path], self.sizes[path], self._pages.setdefault(path, set())
        try:
            file = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise unreadable(real, error) from error

        def read(offset: int, length: int) -> bytes:
            if self._stopped():
                raise Interrupted
            try:
                data = os.pread(file, length, offset)
            except OSError as error:
                raise unreadable(real, error) from error
            if data:
                pages.update(range(offset // _PAGE, (offset + len(data) - 1) // _PAGE + 1))
            return data

        try:
            status = os.fstat(file)
            if (status.st_size, status.st_mtime_ns) != (size, self._times[path]):
                raise NotKnown(f'The file "{printable(path, 80)}" changed while it was looked at.')
            yield read, size
        finally:
            os.close(file)

    def is_plain(self, path: str) -> bool:
        """Whether it will be a file of its own, as in a copy of the folder it always is."""
        return path in self._paths

    def digest(self, path: str) -> str:
        """``sha256:...`` of a file."""
        if path not in self._digests:
            sha = hashlib.sha256()
            with self.open(path) as (read, size):
                for offset in range(0, size, _PIECE):
                    sha.update(read(offset, _PIECE))
            self._digests[path] = f"sha256:{sha.hexdigest()}"
        return self._digests[path]

    def affords(self, path: str, length: int) -> bool:  # noqa: ARG002 - all of it is at hand
        """Always."""
        return True

    def leave_out(self, path: str, length: int, what: str) -> bool:  # noqa: ARG002 - all of it is at hand
        """Never."""
        return False


def _time(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

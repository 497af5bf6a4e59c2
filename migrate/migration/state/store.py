"""A place that several machines share, written to only where nobody else has written meanwhile."""

import itertools
import os
import uuid
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from migrate.core.errors import LocalError
from migrate.core.text import printable, type_again
from migrate.machine.private import make_private

_DIGITS: Final = 12  # of a version in a file's name, so that names sort as numbers
_KEPT: Final = 4  # versions that stay, for whoever looks what happened


class Held(Struct, frozen=True):
    """What a name holds, and the version that a replacement names."""

    content: bytes
    version: str


class StateStore(Protocol):
    """Small values by name. A bucket has the same: ``If-None-Match: *`` creates, ``If-Match`` with an ETag replaces."""

    @property
    def words(self) -> str:
        """Where it is, for a sentence."""

    def read(self, name: str) -> Held | None:
        """What a name holds now, or None.

        Raises:
            LocalError: ``state-unusable``.
        """

    def create(self, name: str, content: bytes) -> str | None:
        """Write a name that holds nothing; its version, or None where somebody else was first.

        Raises:
            LocalError: ``state-unusable``.
        """

    def replace(self, name: str, content: bytes, version: str) -> str | None:
        """Write a name that still holds this version; the new version, or None where it holds another.

        Raises:
            LocalError: ``state-unusable``.
        """


class FolderStore:
    """A folder on a disk that the machines share.

    Each version of a name is a file of its own, ``NAME/000000000001``, that appears whole and once: by a hard link,
    which fails where the file exists, also between clients of one NFS server (link(2)). No lock is needed, which
    network file systems do not always carry. The newest file is the value.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def words(self) -> str:
        """The folder."""
        return printable(str(self._folder), 300)

    def read(self, name: str) -> Held | None:
        """What a name holds now, or None."""
        for _ in range(_KEPT):
            newest = self._newest(name)
            if not newest:
                return None
            try:
                return Held(self._file(name, newest).read_bytes(), str(newest))
            except FileNotFoundError:
                continue  # several versions came meanwhile
            except OSError as error:
                raise self._unusable(error) from error
        raise self._unusable(OSError("its files vanish while they are read"))

    def create(self, name: str, content: bytes) -> str | None:
        """Write a name that holds nothing."""
        return None if self._newest(name) else self._write(name, content, 1)

    def replace(self, name: str, content: bytes, version: str) -> str | None:
        """Write a name that still holds this version."""
        return self._write(name, content, int(version) + 1)

    def _write(self, name: str, content: bytes, number: int) -> str | None:
        folder = self._folder / name
        partial = folder / f".{uuid.uuid4().hex}"
        try:
            self._demand_folder()
            make_private(folder)
            with partial.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            try:
                self._file(name, number).hardlink_to(partial)
            except FileExistsError:
                return None
            finally:
                partial.unlink()
            if self._newest(name) != number:
                # This version was there long ago and tidied away: whoever wrote it was not first.
                self._file(name, number).unlink(missing_ok=True)
                return None
            for old in itertools.takewhile(lambda one: one <= number - _KEPT, self._numbers(name)):
                self._file(name, old).unlink(missing_ok=True)
        except OSError as error:
            raise self._unusable(error) from error
        return str(number)

    def _file(self, name: str, number: int) -> Path:
        return self._folder / name / f"{number:0{_DIGITS}}"

    def _newest(self, name: str) -> int:
        """The number of the newest version; 0 where there is none."""
        return max(self._numbers(name), default=0)

    def _numbers(self, name: str) -> list[int]:
        try:
            names = os.listdir(self._folder / name)  # noqa: PTH208 - the names alone
        except FileNotFoundError:
            self._demand_folder()
            return []
        except OSError as error:
            raise self._unusable(error) from error
        return sorted(int(one) for one in names if len(one) == _DIGITS and one.isdecimal())

    def _demand_folder(self) -> None:
        """A folder that is missing is not made: a share that is not mounted would look empty, and free."""
        if not self._folder.is_dir():
            raise LocalError(
                f"The folder {self.words} of --state is not there.",
                code="state-unusable",
                next_step=type_again("Check that the share is mounted on this machine, or make the folder there"),
            )

    def _unusable(self, error: OSError) -> LocalError:
        return LocalError(
            f"The folder {self.words} of --state cannot be used: {printable(error.strerror or str(error), 200)}.",
            code="state-unusable",
            next_step=type_again("Check the share and your rights in it; it must be able to hold hard links"),
        )


def open_store(place: str) -> StateStore:
    """The store at a place that ``--state`` named."""
    return FolderStore(Path(place))

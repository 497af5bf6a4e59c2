"""This machine's disk: what it refuses, as sentences; space asked for before it is needed; scratch folders."""

import contextlib
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from migrate.core.errors import LocalError
from migrate.core.text import printable, type_again
from migrate.machine.processes import alive

FULL: Final = "disk-full"
"""The code of every error that says that a disk has no space left."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_ANY_FILE: Final = _FULL | {errno.EIO, errno.EROFS, errno.EFBIG}  # said of an open file too, without its name
_REFUSED: Final = _ANY_FILE | {errno.EACCES, errno.EPERM}
_SCRATCH: Final = re.compile(r"[a-z-]+-([0-9]+)-[a-z0-9_]+")  # as ``scratch_folder`` and mkdtemp name them
_SAID: Final = ("no space left on device", "disk quota exceeded")


@contextlib.contextmanager
def disk_errors(folder: Path | None = None, *, refusals_only: bool = False) -> Iterator[None]:
    """Turn errors of reading and writing files inside the block into LocalError ``disk-full`` or ``disk``.

    Errors of the network and of processes pass.

    Args:
        folder: Where the block works, to be named where the error names no file.
        refusals_only: For a block that does more than read and write: a file that is missing or in the way passes
            too, because there it is no fault of the disk.
    """
    try:
        yield
    except OSError as error:
        named = _REFUSED if refusals_only else None
        if error.filename is None:
            named = _ANY_FILE
        if error.errno is None or (named is not None and error.errno not in named):
            raise
        raise disk_error(error, folder) from error


def disk_error(error: OSError, folder: Path | None = None, *, doing: str = "used") -> LocalError:
    """What the disk said, in words.

    Args:
        error: With an ``errno``.
        folder: Where it was, if the error names no file.
        doing: What was not possible with the file.
    """
    where = error.filename if error.filename is not None else folder
    if error.errno in _FULL:
        return disk_full(where)
    return LocalError(
        f"{_shown(where) or 'A file on this machine'} cannot be {doing}: {error.strerror or error}.",
        code="disk",
        next_step=type_again("Check the permissions there, or give another folder with --workspace"),
    )


def unreadable(path: Path, error: OSError) -> LocalError:
    """The error for a file of the user's that cannot be read."""
    return LocalError(
        f"{_shown(error.filename or path)} cannot be read: {error.strerror or error}.",
        code="disk",
        next_step=type_again("Check its permissions"),
    )


def disk_full(where: object = None, why: str = "no space is left") -> LocalError:
    """No space is left on this machine.

    Args:
        where: A file or folder of that disk, or None.
        why: What is missing.
    """
    of = f" of {_shown(where)}" if where is not None else " of this machine"
    return LocalError(
        f"The disk{of} is full: {why}.",
        code="disk-full",
        next_step=type_again("Make room, or give another folder with --workspace", note="it goes on where it stopped"),
    )


def says_full(text: str) -> bool:
    """Whether another program says that its disk is full."""
    low = text.lower()
    return any(words in low for words in _SAID)


def check_space(folder: Path, needed: int) -> None:
    """Refuse to begin what cannot end.

    Args:
        folder: It exists.
        needed: Bytes.

    Raises:
        LocalError: ``disk-full``.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise disk_full(folder, f"{needed / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are free")


@contextlib.contextmanager
def scratch_folder(store: Path, prefix: str) -> Iterator[Path]:
    """A new folder in the content store's ``partial``, readable by others; gone at the end unless it was renamed.

    What killed processes left in such folders goes first.

    Args:
        store: The content store.
        prefix: What it is for, in lower case with a hyphen at its end.
    """
    partial = store / "partial"
    partial.mkdir(parents=True, exist_ok=True)
    sweep_scratch(store)
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=partial))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep_scratch(store: Path) -> None:
    """Remove the scratch folders of processes that are not there any more."""
    for left in (store / "partial").glob("*-*-*"):
        found = _SCRATCH.fullmatch(left.name)
        if found is not None and not alive(int(found[1])):
            shutil.rmtree(left, ignore_errors=True)


def _shown(where: object) -> str:
    return printable(os.fsdecode(where) if isinstance(where, bytes) else str(where), 300) if where is not None else ""

"""What this machine's disk answers, as this tool's errors."""

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from migrate.core.again import type_again
from migrate.core.errors import LocalError
from migrate.core.text import printable


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn errors of writing under ``folder`` into LocalError ``disk-full`` or ``disk``."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise _full(folder, "no space is left") from error
        if error.errno is None:
            raise
        where = printable(str(error.filename or folder), 300)
        raise LocalError(
            f"{where} cannot be written: {error.strerror}.",
            code="disk",
            next_step=type_again("Check the permissions of the folder (or give another with --workspace)"),
        ) from error


def check_space(folder: Path, needed: int) -> None:
    """Refuse to begin what cannot end.

    Raises:
        LocalError: ``disk-full``.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise _full(folder, f"{needed / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are free")


def _full(folder: Path, why: str) -> LocalError:
    return LocalError(
        f"The disk of {printable(str(folder), 300)} is full: {why}.",
        code="disk-full",
        next_step=type_again("Make room (or give another folder with --workspace)", note="it goes on where it stopped"),
    )

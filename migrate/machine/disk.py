"""Failures of this machine's disk as sentences."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from migrate.core.again import type_again
from migrate.core.errors import LocalError

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """Turn errors of reading and writing files inside the block into LocalError ``disk-full`` or ``disk``."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise disk_full() from error
        if error.errno is None:
            raise  # no disk said this
        where = f" {error.filename}" if error.filename else ""
        raise LocalError(
            f"The disk of this machine refuses{where}: {error.strerror or error}.",
            code="disk",
            next_step=type_again("See to the folder's permissions, or choose another with --workspace"),
        ) from error


def alive(process: int) -> bool:
    """Whether a process of this machine is there (its id may have gone to another one by now)."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True


def disk_full() -> LocalError:
    """No space is left on this machine."""
    return LocalError("The disk of this machine is full.", code="disk-full", next_step=type_again("Free some space"))


@contextlib.contextmanager
def scratch_folder(store: Path, prefix: str) -> Iterator[Path]:
    """A new folder in the content store's ``partial``, readable by others; gone at the end unless it was renamed.

    What killed processes left under the same prefix goes first.
    """
    partial = store / "partial"
    partial.mkdir(parents=True, exist_ok=True)
    for left in partial.glob(f"{prefix}*"):
        process = left.name.removeprefix(prefix).partition("-")[0]
        if process.isdecimal() and not alive(int(process)):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=partial))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)

"""Files that a person names: read with a bound, whatever they turn out to be, and written whole or not at all."""

import os
import stat
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from migrate.core.errors import MigrateError
from migrate.machine.disk import disk_errors


def read_bounded(path: Path, most: int, error: Callable[[str], MigrateError]) -> bytes:
    """The bytes of a file of at most ``most`` bytes.

    Args:
        path: The file; a pipe or a device is never waited for.
        most: Its largest size.
        error: Makes the error from the reason, which is the end of a sentence.

    Raises:
        MigrateError: What ``error`` makes.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise error("it is not a file")
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as caught:  # ValueError: a NUL in the path
        raise error(getattr(caught, "strerror", None) or "it cannot be opened") from caught
    if len(data) > most:
        raise error(f"it is larger than {most / 1e6:g} MB")
    return data


def write_whole(path: Path, data: bytes | Iterable[bytes], *, private: bool = False) -> None:
    """Writes a file with the rights that new files have; what was there before stays until all of it is written.

    Args:
        path: The file.
        data: Its content, as a whole or in pieces.
        private: Whether only its owner may read it.

    Raises:
        LocalError: ``disk`` or ``disk-full``, or what makes the pieces raised.
    """
    with disk_errors(path):
        descriptor, partial = tempfile.mkstemp(prefix=".", suffix=".partial", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines((data,) if isinstance(data, bytes) else data)
            if not private:
                mask = os.umask(0)
                os.umask(mask)
                Path(partial).chmod(0o666 & ~mask)
            Path(partial).replace(path)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise

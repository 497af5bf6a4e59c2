"""Files and folders that only their owner may read: journals, locks, tokens."""

import contextlib
import os
from pathlib import Path

from migrate.machine.disk import disk_errors


def make_private(folder: Path) -> None:
    """Make a folder, and those missing above it, which only the owner may enter; what exists stays as it is.

    Raises:
        LocalError: ``disk`` or ``disk-full``.
    """
    with disk_errors(folder):
        # One by one, for mkdir(parents=True) gives its mode to the last one only.
        for missing in reversed([place for place in (folder, *folder.parents) if not place.is_dir()]):
            missing.mkdir(mode=0o700, exist_ok=True)


def make_private_file(path: Path) -> None:
    """Make an empty file of mode 0600, or give one that exists this mode: it never had wider rights with content.

    Raises:
        LocalError: ``disk`` or ``disk-full``.
    """
    with disk_errors(path):
        path.touch(mode=0o600)
        path.chmod(0o600)


def write_private(path: Path, text: str) -> None:
    """Write a secret: only its owner may read it, it never existed with other rights, and it is on disk on return.

    Raises:
        LocalError: ``disk`` or ``disk-full``; what was there before is there still.
    """
    make_private(path.parent)
    partial = path.with_suffix(".partial")
    with disk_errors(path):
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

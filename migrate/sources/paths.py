"""Names from object storage and from folders, which are hostile input, made into paths that stay inside."""

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Final

from migrate.core.errors import LocalError, RefusedError
from migrate.core.text import printable, type_again

_LONGEST_PART: Final = 255  # bytes, on every file system in use
_LONGEST_PATH: Final = 1024  # bytes; Swift's limit for an object's name


def check_paths(names: Iterable[str]) -> None:
    """Refuse names that could leave the model's folder, or that two file systems would read differently.

    Raises:
        RefusedError: ``hostile-path``.
    """
    spellings: dict[str, str] = {}  # a path as the most forgiving file system sees it -> as it was written
    files: set[str] = set()
    for name in names:
        if reason := _fault(name):
            raise _refused(name, reason)
        parts = PurePosixPath(name).parts
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            if spellings.setdefault(_folded(path), path) != path:
                raise _refused(name, f"it differs from {printable(spellings[_folded(path)])!r} only in case or accents")
        files.add(name)
    for name in files:
        folder = name
        while "/" in folder:
            folder = folder.rsplit("/", 1)[0]
            if folder in files:
                raise _refused(folder, "it is both a file and a folder")


def inside(folder: Path, name: str) -> Path:
    """The path of a checked name under ``folder``.

    Raises:
        RefusedError: ``hostile-path``.
        LocalError: This machine's locale cannot write the name (code ``locale``).
    """
    if reason := _fault(name):
        raise _refused(name, reason)
    try:
        os.fsencode(name)
    except UnicodeEncodeError as error:
        raise LocalError(
            f"The file name {printable(name)!r} cannot be written here: the locale's encoding is {error.encoding}.",
            code="locale",
            next_step=type_again("Set a locale of UTF-8, for example with export LC_ALL=C.UTF-8"),
        ) from None
    return folder.joinpath(*name.split("/"))


def refused_link(name: str) -> RefusedError:
    """The refusal of a link that leads out of the model's folder."""
    return _refused(name, "it is a link that leads out of the folder")


def refused_kind(name: str) -> RefusedError:
    """The refusal of what is neither a file nor a folder: a pipe, a socket, a device."""
    return _refused(name, "it is neither a file nor a folder")


def _fault(name: str) -> str:
    if name.startswith("/"):
        return "it begins with a slash"
    if "\\" in name:
        return "it contains a backslash"
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in name):
        return "it contains a control character or is not Unicode"
    parts = name.split("/")
    if any(part in {"", ".", ".."} for part in parts):
        return "a part of it is empty, '.' or '..'"
    if len(name.encode()) > _LONGEST_PATH or any(len(part.encode()) > _LONGEST_PART for part in parts):
        return "it is too long"
    return ""


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _refused(name: str, reason: str) -> RefusedError:
    return RefusedError(
        f"The file name {printable(name)!r} is refused: {reason}.",
        code="hostile-path",
        next_step=type_again("Rename it where the model's files lie"),
    )

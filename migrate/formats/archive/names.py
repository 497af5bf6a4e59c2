"""Names in archives: relative paths of files and folders, each meaning one thing on every system."""

import re
import unicodedata
from typing import Final

from msgspec import Struct

from migrate.core.codes.hazards import HazardCode
from migrate.formats.reading.errors import quoted

_MAXIMUM: Final = 1024
_MAXIMUM_PART: Final = 255  # bytes, on every file system in use
_REGULAR, _FOLDER = 0o100000, 0o040000
_TYPES: Final = {
    0o120000: "a symbolic link",
    0o020000: "a device",
    0o060000: "a device",
    0o010000: "a pipe",
    0o140000: "a socket",
}
_DEVICES: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)


class NameProblem(Struct, frozen=True):
    """Why a name is refused: the code, and the sentence's second half."""

    code: HazardCode
    text: str


class NameCheck:
    """Checks the names of one archive as they come."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}
        self._folders: set[str] = set()
        self._files: set[str] = set()

    def check(self, raw: bytes, *, utf8: bool, mode: int) -> tuple[NameProblem | None, str]:
        """The name of an entry, and what is wrong with it.

        Args:
            raw: The name's bytes.
            utf8: Whether the entry says that they are UTF-8.
            mode: The Unix mode; 0 where the entry has none.
        """
        try:
            name = raw.decode("utf-8" if utf8 else "ascii")
        except UnicodeDecodeError:
            return NameProblem("archive-names", "a name in it is not UTF-8, or does not say that it is"), ""
        problem = self._path(name) or self._kind(name, mode) or self._clash(name)
        return problem, name

    def _path(self, name: str) -> NameProblem | None:
        shown = quoted(name)
        path = name.removesuffix("/")
        if not path or len(path) > _MAXIMUM or not path.isprintable() or "\\" in path:
            return NameProblem("archive-names", f"{shown} is no plain name")
        if path.startswith("/") or re.match(r"[A-Za-z]:", path):
            return NameProblem("archive-absolute", f"{shown} is an absolute path")
        parts = path.split("/")
        if ".." in parts:
            return NameProblem("archive-slip", f"{shown} leaves the folder it is unpacked to")
        if any(len(part.encode()) > _MAXIMUM_PART for part in parts):
            return NameProblem("archive-names", f"a part of {shown} is longer than any system takes")
        if any(part in ("", ".") or part != part.rstrip(" .") or _DEVICES.fullmatch(part) for part in parts):
            return NameProblem("archive-names", f"{shown} means different things on different systems")
        return None

    def _kind(self, name: str, mode: int) -> NameProblem | None:
        kind = mode & 0o170000
        if kind in (0, _FOLDER if name.endswith("/") else _REGULAR):
            return None
        word = _TYPES.get(kind, "neither a file nor a folder")
        return NameProblem("archive-link" if kind == 0o120000 else "archive-device", f"{quoted(name)} is {word}")

    def _clash(self, name: str) -> NameProblem | None:
        path = name.removesuffix("/")
        folded = unicodedata.normalize("NFKC", path).casefold()
        if folded in self._seen:
            if self._seen[folded] == path:
                return NameProblem("archive-duplicate", f"{quoted(name)} is in it twice")
            return NameProblem(
                "archive-case-clash", f"{quoted(self._seen[folded])} and {quoted(name)} are one name on some systems"
            )
        if folded in self._folders and not name.endswith("/"):
            return NameProblem("archive-duplicate", f"{quoted(name)} is a file and a folder")
        self._seen[folded] = path
        at = folded.rfind("/")
        while at > 0:
            parent = folded[:at]
            if parent in self._files:
                return NameProblem("archive-duplicate", f"{quoted(self._seen[parent])} is a file and a folder")
            self._folders.add(parent)
            at = parent.rfind("/")
        if not name.endswith("/"):
            self._files.add(folded)
        return None

"""What serving does not need goes from a folder of wheels; what a scanner or a lawyer reads stays.

The rules are data: ``dockerfile_templates/strip.txt``. Every ``RECORD`` is made to agree with what is left, so that
tools which check installed packages find them whole.
"""

from __future__ import annotations

import base64
import csv
import fnmatch
import hashlib
import io
import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from migrate.images.runtime.elf import strip_symbols
from migrate.images.runtime.templates import templates_folder

if TYPE_CHECKING:
    from pathlib import Path

_RULES: Final = "strip.txt"
_OWED: Final = re.compile(r"licen[cs]e|copying|copyright|notice|authors", re.IGNORECASE)  # to others, by their terms
_CODE: Final = (".py", ".pyi", ".h", ".so")  # a name like ``licenses.py`` says nothing


class Rules(Struct, frozen=True):
    """Which files go: names at any depth, folders' names at any depth, and paths, all with ``*``, ``?`` and ``[]``."""

    names: re.Pattern[str]
    folders: re.Pattern[str]
    paths: re.Pattern[str]

    def match(self, path: str) -> bool:
        """Whether the file of this path, relative and with slashes, goes."""
        *folders, name = path.split("/")
        if folders and folders[0].endswith(".dist-info"):
            return False
        if _OWED.search(name) and not name.endswith(_CODE):
            return False
        if self.names.match(name) or self.paths.match(path):
            return True
        return any(self.folders.match(folder) for folder in folders)


def rules_text() -> str:
    """The rules as they are written; what they make depends on every byte of them."""
    return (templates_folder() / _RULES).read_text(encoding="utf-8")


def read_rules(text: str) -> Rules:
    """Read rules: a line each; ``#`` begins a comment.

    ``*.h`` is a file's name anywhere, ``tests/`` a folder's name anywhere, ``torch/share/`` a folder and
    ``onnxruntime/*.so.*`` files by their path from the top, where ``*`` crosses slashes.
    """
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    names = [line for line in lines if line and "/" not in line]
    folders = [line[:-1] for line in lines if line.endswith("/") and "/" not in line[:-1]]
    paths = [f"{line}*" if line.endswith("/") else line for line in lines if "/" in line[:-1]]
    return Rules(*map(_any_of, (names, folders, paths)))


def _any_of(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(fnmatch.translate, patterns)) or r"(?!)")


def strip(folder: Path, rules: Rules) -> None:
    """Remove the files that the rules name, symbols of shared objects, and folders that are empty then."""
    removed, changed = set(), set()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file():
            continue
        if rules.match(name):
            path.unlink()
            removed.add(name)
        elif strip_symbols(path):
            changed.add(name)
    for path in sorted(folder.rglob("*"), reverse=True):
        # An empty folder would be a package without content to Python.
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    for record in folder.glob("*.dist-info/RECORD"):
        _correct(record, folder, removed, changed)


def _correct(record: Path, folder: Path, removed: set[str], changed: set[str]) -> None:
    rows = csv.reader(io.StringIO(record.read_text(encoding="utf-8")))
    kept = [_row(folder, row[0]) if row[0] in changed else row for row in rows if row and row[0] not in removed]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(kept)
    record.write_text(text.getvalue(), encoding="utf-8")


def _row(folder: Path, name: str) -> list[str]:
    with (folder / name).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
        size = file.tell()
    return [name, f"sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}", str(size)]

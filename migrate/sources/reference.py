"""What a person types as SOURCE, parsed."""

import os
import re
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from migrate.core.errors import UsageError
from migrate.core.text import printable

_CONTAINER: Final = re.compile(r"(?P<container>[^/]+)@(?P<region>[A-Za-z][A-Za-z0-9-]{0,31})(?:/(?P<prefix>.*))?")
_NAMESPACE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")

FORMS: Final = (
    "SOURCE is one of: a namespace id; CONTAINER@REGION[/PREFIX], such as models@GRA/iris; "
    "a folder, such as ./models; an inventory file, such as ./inventory.json."
)


class NamespaceRef(Struct, frozen=True):
    """A namespace of ML Serving."""

    id: str

    @property
    def canonical(self) -> str:
        """The namespace's id."""
        return self.id


class ContainerRef(Struct, frozen=True):
    """A container of object storage, or what lies under a prefix in it."""

    container: str
    region: str
    prefix: str = ""

    @property
    def canonical(self) -> str:
        """``container@REGION[/prefix]`` with the region in capitals and no slashes at the prefix's ends."""
        return f"{self.container}@{self.region}" + (f"/{self.prefix}" if self.prefix else "")


class FolderRef(Struct, frozen=True):
    """A folder on this machine, absolute."""

    path: Path

    @property
    def canonical(self) -> str:
        """The absolute path."""
        return str(self.path)


class InventoryRef(Struct, frozen=True):
    """An inventory file, absolute: what ML Serving's API answered, as JSON."""

    path: Path

    @property
    def canonical(self) -> str:
        """The absolute path."""
        return str(self.path)


SourceRef = NamespaceRef | ContainerRef | FolderRef | InventoryRef


def parse_source(text: str) -> SourceRef:
    """Tell the four forms apart: what exists on this machine first, then ``@``, then a namespace id.

    A text that looks like a path is a folder (or, ending in ``.json``, an inventory) even if nothing is there any
    more, so that ``status`` and ``why`` still find its journal.

    Raises:
        UsageError: ``bad-source``.
    """
    if not text.strip() or "\0" in text:
        raise UsageError("The source is empty.", code="bad-source", next_step=FORMS)
    path, kind = _look(text)
    if kind == "folder":
        return FolderRef(Path(os.path.realpath(path)))
    if kind == "file" or text.endswith(".json"):
        return InventoryRef(Path(os.path.realpath(path)))
    if match := _CONTAINER.fullmatch(text):
        return ContainerRef(match["container"], match["region"].upper(), (match["prefix"] or "").strip("/"))
    if text.startswith(("/", "./", "../", "~")) or text in {".", ".."}:
        return FolderRef(Path(os.path.realpath(path)))
    if _NAMESPACE.fullmatch(text):
        return NamespaceRef(text)
    raise UsageError(f"{printable(text)!r} is no source.", code="bad-source", next_step=FORMS)


def _look(text: str) -> tuple[Path, Literal["folder", "file", ""]]:
    """The text as a path, and what lies there."""
    try:
        path = Path(text).expanduser()
        return path, "folder" if path.is_dir() else "file" if path.is_file() else ""
    except (OSError, RuntimeError, ValueError):  # too long a name, no such user, not a path at all
        return Path(text), ""

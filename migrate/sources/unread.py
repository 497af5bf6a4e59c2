"""Files beside a model that no runtime reads: they stay where they are.

What is written for people, notebooks, data that a model was made of, and what systems and tools leave behind. They are
neither downloaded nor part of the artifact, so a README that changes stops no app, and a notebook or data never get
into an image.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Final, TypeVar

T = TypeVar("T")

_ENDINGS: Final = (
    *(".md", ".rst", ".ipynb", ".pdf", ".docx"),
    *(".csv", ".tsv", ".parquet", ".feather", ".xls", ".xlsx"),
    *(".pyc", ".pyo"),
)
_NAMES: Final = frozenset(
    {"readme", "readme.txt", "license", "license.txt", "licence", "licence.txt", "notice", "notice.txt", "changelog"}
    | {".ds_store", "thumbs.db", "desktop.ini", ".gitignore", ".gitattributes", ".gitkeep"}
)
_FOLDERS: Final = frozenset({"__pycache__", ".ipynb_checkpoints", ".git", ".github", ".idea", ".vscode"})
_READ: Final = frozenset({"assets", "assets.extra"})  # a SavedModel's vocabularies, whatever they are called


def unread(path: str) -> bool:
    """Whether no runtime reads a file of a model; ``path`` is relative to the model, with slashes."""
    *folders, name = path.lower().split("/")
    if not _FOLDERS.isdisjoint(folders):
        return True
    return _READ.isdisjoint(folders) and (name in _NAMES or name.endswith(_ENDINGS))


def read_ones(files: Iterable[T], path: Callable[[T], str], named: Collection[str] = ()) -> list[T]:
    """The files that are a model's; all of them where nothing else is there, so that what is wrong is told of them.

    ``named`` are paths that a model's file names: they are read whatever they are called.
    """
    every = list(files)
    return [file for file in every if path(file) in named or not unread(path(file))] or every

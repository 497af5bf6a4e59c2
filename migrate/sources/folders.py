"""Folders on this machine as places where models lie; links never lead out of a model."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from migrate.core.errors import RefusedError, UsageError
from migrate.core.text import printable
from migrate.core.values import FolderLocation, Ignored, Listing, ModelRecord
from migrate.machine.disk import unreadable
from migrate.sources.paths import refused_kind, refused_link
from migrate.sources.recognition import Entry, Opened, Recognise, find_models, model_ids


def list_folder(folder: Path, source: str, recognise: Recognise) -> Listing:
    """The models at the first level of a folder.

    Raises:
        UsageError: ``no-such-folder``.
        LocalError: ``disk`` when it cannot be read.
    """
    if not folder.is_dir():
        raise UsageError(
            f"There is no folder {printable(str(folder))}.", code="no-such-folder", next_step="Check the path."
        )
    entries: list[Entry] = []
    refused: dict[str, RefusedError] = {}
    try:
        for child in sorted(folder.iterdir()):
            refusals: list[RefusedError] = []
            for name, _, size in files_of(child, refusals.append):
                entries.append(Entry(f"{child.name}/{name}" if name else child.name, size))
            if refusals:
                refused[child.name] = refusals[0]
    except OSError as error:
        raise unreadable(folder, error) from error

    def open_file(entry: Entry) -> Opened:
        def read(offset: int, length: int) -> bytes:
            with folder.joinpath(*entry.path.split("/")).open("rb") as file:
                file.seek(offset)
                return file.read(length)

        return Opened(entry.size, read)

    try:
        found, ignored = find_models(entries, open_file, recognise)
    except OSError as error:
        raise unreadable(folder, error) from error
    models = tuple(
        ModelRecord(
            id=name,
            source=source,
            framework="onnx" if model.format == "onnx" else None,
            recognised=model.format,
            location=FolderLocation(path=str(folder / model.path if model.path else folder), beside=model.beside),
        )
        for model, name in model_ids(found, folder.name).items()
    )
    seen = {entry.path.partition("/")[0] for entry in entries}
    unseen = [Ignored(path=name, size=0, reason=error.what) for name, error in refused.items() if name not in seen]
    return Listing(source=source, models=models, ignored=tuple(sorted((*ignored, *unseen), key=lambda item: item.path)))


def files_of_model(location: FolderLocation) -> Iterator[tuple[str, Path, int]]:
    """The files of a model as ``files_of`` has them, each with a name, and those beside it that are there.

    Raises:
        RefusedError: ``hostile-path``.
        OSError: Something cannot be read.
    """
    path = Path(location.path)
    yield from ((name or path.name, real, size) for name, real, size in files_of(path))
    root = path.parent.resolve()
    for name in location.beside:
        one = path.parent / name
        if not Path(os.path.realpath(one)).is_relative_to(root):
            raise refused_link(name)
        if os.path.lexists(one):  # what is gone is told as missing by who reads the model
            yield from _walk(one, name, root, (), None)


def files_of(path: Path, on_refused: Callable[[RefusedError], object] | None = None) -> Iterator[tuple[str, Path, int]]:
    """The files of a model as (relative path, real path, size); one with an empty name if ``path`` is a file.

    Links are followed only inside the model's folder (for a file: inside the folder that it lies in).

    Args:
        path: A file or a folder.
        on_refused: Takes what would be raised, and the walk goes on without that file.

    Raises:
        RefusedError: ``hostile-path`` for a link that leads out, a loop, or what is no file (a pipe, a device).
        OSError: Something cannot be read.
    """
    root = (path if path.is_dir() and not path.is_symlink() else path.parent).resolve()
    yield from _walk(path, "", root, (), on_refused)


def _walk(
    path: Path,
    name: str,
    root: Path,
    above: tuple[Path, ...],
    on_refused: Callable[[RefusedError], object] | None,
) -> Iterator[tuple[str, Path, int]]:
    real = Path(os.path.realpath(path))  # Path.resolve raises RuntimeError for a link to itself
    if path.is_symlink() and (not real.is_relative_to(root) or real in above or not real.exists()):
        _refuse(refused_link(name or path.name), on_refused)
        return
    status = real.stat()
    if stat.S_ISREG(status.st_mode):
        yield name, real, status.st_size
    elif stat.S_ISDIR(status.st_mode):
        with os.scandir(real) as found:
            children = sorted(child.name for child in found)
        for child in children:
            yield from _walk(path / child, f"{name}/{child}" if name else child, root, (*above, real), on_refused)
    else:
        _refuse(refused_kind(name or path.name), on_refused)


def _refuse(error: RefusedError, on_refused: Callable[[RefusedError], object] | None) -> None:
    if on_refused is None:
        raise error
    on_refused(error)

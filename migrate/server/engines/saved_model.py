"""Where a SavedModel lies: a folder as it is, or a zip that is unpacked for the time of loading."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from migrate.server.model_engine import ContradictionError

FILE: Final = "saved_model.pb"
_LARGEST: Final = 8 * 1024**3


@contextmanager
def unpacked(path: Path, root: str) -> Iterator[Path]:
    """The folder with ``saved_model.pb`` in it; what was unpacked is gone afterwards.

    Args:
        path: The folder, or a zip with a SavedModel in it.
        root: The SavedModel's folder in the zip; empty for its top.

    Raises:
        ContradictionError: It is none of these, or the zip has entries outside of its folder.
    """
    if path.is_dir():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="saved-model-") as scratch:
        folder = Path(scratch)
        try:
            with zipfile.ZipFile(path) as packed:
                _extract(packed, folder)
        except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise ContradictionError(f"{path.name} cannot be unpacked: {error}") from error
        found = folder / root
        if not (found / FILE).is_file() or not found.resolve().is_relative_to(folder.resolve()):
            raise ContradictionError(f"{path.name} holds no {PurePosixPath(root, FILE)}")
        yield found


def _extract(packed: zipfile.ZipFile, folder: Path) -> None:
    entries = [entry for entry in packed.infolist() if not entry.is_dir()]
    if sum(entry.file_size for entry in entries) > _LARGEST:
        raise ContradictionError(f"the zip unpacks to more than {_LARGEST} bytes")
    for entry in entries:
        name = PurePosixPath(entry.filename)
        if name.is_absolute() or ".." in name.parts or "\\" in entry.filename:
            raise ContradictionError(f"the zip has the entry {entry.filename!r}, which leaves its folder")
        target = folder.joinpath(*name.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        with packed.open(entry) as source, target.open("xb") as sink:
            shutil.copyfileobj(source, sink)

"""The sample customer: what ML Serving knew of it, and the objects in its container."""

import shutil
from pathlib import Path

import msgspec

from migrate.sandbox.seam import SampleIndex, SampleObject, models_folder


def samples_folder() -> Path:
    """The folder of the sample models: inside the wheel, or ``examples/models`` of a checkout."""
    folder = models_folder()
    if folder is None:
        message = "the sample models are missing from this installation"
        raise FileNotFoundError(message)
    return folder


def read_index() -> SampleIndex:
    """The sample namespace, models, tokens, flavors and objects."""
    return msgspec.json.decode((samples_folder() / "index.json").read_bytes(), type=SampleIndex)


def lay_object(item: SampleObject, path: Path) -> None:
    """Write the content of an object to ``path``; large generated ones take no space on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if item.file is not None:
        shutil.copyfile(samples_folder() / item.file, path)
        return
    with path.open("wb") as file:
        file.truncate(item.size)

"""The sample customer: what ML Serving knew of it, and the objects in its container."""

import shutil
from importlib import resources
from pathlib import Path

import msgspec
from msgspec import Struct


class SampleObject(Struct, frozen=True, kw_only=True, rename="camel"):
    """An object of the container: a file of the samples, or ``size`` zero bytes that are made when it is laid."""

    name: str
    content_type: str
    file: str | None = None
    size: int = 0


class SampleIndex(Struct, frozen=True, kw_only=True):
    """``index.json``: records in the shape of the ML Serving API (urls are null), and the container's objects."""

    namespace: dict[str, object]
    models: tuple[dict[str, object], ...]
    tokens: tuple[dict[str, object], ...]
    flavors: tuple[dict[str, object], ...]
    objects: tuple[SampleObject, ...]


def samples_folder() -> Path:
    """The folder of the sample models: inside the wheel, or ``examples/models`` of a checkout."""
    packaged = Path(str(resources.files("migrate.sandbox"))) / "models"
    return packaged if packaged.is_dir() else packaged.parents[2] / "examples" / "models"


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

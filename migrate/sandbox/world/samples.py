"""The sample customer: what ML Serving knew of it, and the objects in its containers."""

import hashlib
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from migrate.sandbox.base.seam import SampleIndex, SampleObject
from migrate.sandbox.world.objects import md5_of

ONNX: Final = "models"  # the namespace of ONNX models
FORMATS: Final = "formats"  # the one with a model of each other format that ML Serving ran
NAMESPACES: Final = (ONNX, FORMATS)

_ZEROS: Final = bytes(1 << 20)
_REQUESTS: Final = {ONNX: "samples", FORMATS: "format-samples"}


def samples_folder(namespace: str = ONNX) -> Path:
    """The folder of a namespace's models and its index.json."""
    return _folder(namespace)


def requests_folder(namespace: str) -> Path:
    """The folder of requests with the answers of the training code, ``MODEL/*.json``."""
    return _folder(_REQUESTS[namespace])


def read_index(namespace: str = ONNX) -> SampleIndex:
    """A sample namespace: models, tokens, flavors and objects, each of which is one file."""
    folder = samples_folder(namespace)
    index = msgspec.json.decode((folder / "index.json").read_bytes(), type=SampleIndex)
    objects = tuple(found for item in index.objects for found in _files(folder, item))
    return msgspec.structs.replace(index, objects=objects)


def lay_object(item: SampleObject, path: Path, namespace: str = ONNX) -> None:
    """Write the content of an object to ``path``; large generated ones take no space on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if item.file is not None:
        shutil.copyfile(samples_folder(namespace) / item.file, path)
        return
    with path.open("wb") as file:
        file.truncate(item.size)


@cache
def content_md5(item: SampleObject, namespace: str) -> str:
    """The MD5 of what :func:`lay_object` writes; of a large generated object that takes a tenth of a second, once."""
    if item.file is not None:
        return md5_of(samples_folder(namespace) / item.file)
    digest = hashlib.md5(usedforsecurity=False)
    for start in range(0, item.size, len(_ZEROS)):
        digest.update(_ZEROS[: item.size - start])
    return digest.hexdigest()


def _files(folder: Path, item: SampleObject) -> Iterator[SampleObject]:
    if item.file is None or not (folder / item.file).is_dir():
        yield item
        return
    for path in sorted((folder / item.file).rglob("*")):
        if path.is_file():
            name = f"{item.name}/{path.relative_to(folder / item.file).as_posix()}"
            yield msgspec.structs.replace(item, name=name, file=path.relative_to(folder).as_posix())


def _folder(name: str) -> Path:
    """In the folder of the sandbox in the wheel, in examples/ in a checkout."""
    here = Path(__file__).resolve().parents[1]
    for folder in (here / name, here.parents[1] / "examples" / name):
        if folder.is_dir():
            return folder
    message = f"the sample models are missing from this installation ({name})"
    raise FileNotFoundError(message)

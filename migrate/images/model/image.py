"""Models as an image that the tool puts together itself, by the Dockerfile that ``export`` would write.

The instructions are read from that Dockerfile's text, so both ways give the same file system and configuration.
"""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

import migrate
from migrate.core.names import digest_of, slug
from migrate.images.engine import tarstream
from migrate.images.model.context import (
    IMAGE_PATH,
    SETTINGS_LAYER,
    ModelToRender,
    contents,
    layer_count,
    model_layer,
    model_values,
    safe_path,
    settings,
)
from migrate.images.oci.compression import QUICK
from migrate.images.oci.image import OciImage, assemble
from migrate.images.oci.instructions import read_instructions
from migrate.images.runtime.dockerfile import Values, dockerfile
from migrate.images.runtime.layers import RuntimeLayers
from migrate.images.runtime.templates import template_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from migrate.core.values import RuntimeImage
    from migrate.images.oci.blobs import BaseImage, LayerBlob
    from migrate.images.oci.store import BlobStore

_BASE: Final = "base"  # what the Dockerfile starts from here has no name
_ROOT: Final = IMAGE_PATH[1:]
# An archive names a layer before its bytes, so it is made before; beyond this its copy costs too much of the disk.
KEPT_BELOW: Final = 2 << 30
"""Bytes of a layer's files from which on its compressed bytes are not kept."""

ON_THE_WAY: Final = 64 << 20
"""The same for a registry: from here on a layer is made while it is sent, so its files are read once.

A smaller one is made before, so that the registry can be asked whether it has it.
"""


def write_image(
    models: Sequence[ModelToRender],
    base: BaseImage,
    *,
    python: str,
    blobs: BlobStore,
    progress_text: Callable[[str], None],
    progress: Callable[[int, int | None], None] = lambda *_: None,
    keep_below: int = KEPT_BELOW,
) -> OciImage:
    """Put an image of models together, its blobs in the content store. Each file of a model is read at most once.

    Args:
        models: All of one runtime, with different ids.
        base: What it starts from.
        python: The base image's Python, major.minor.
        blobs: The content store. It reads the layers of large models for as long as it lives: they are not kept.
        progress_text: Told what is done when it takes long.
        progress: Bytes of the models that are in layers, of how many; what it raises ends the work.
        keep_below: Bytes of the files of a layer from which on its compressed bytes are not kept.

    Raises:
        LocalError: ``wheels-failed``, ``no-python``, ``file-changed``, ``blob-damaged``, ``disk-full``.
        RefusedError: A file has a name that must not reach an image (code ``unsafe-file-name``).
    """
    (runtime,) = {model.inspection.runtime or "" for model in models}
    template = template_of(runtime)
    below = RuntimeLayers(
        template,
        python=python,
        blobs=blobs,
        progress_text=progress_text,
    )
    values = Values(
        stage="both",
        tool_version=migrate.__version__,
        base=_BASE,
        artifacts=tuple(model.artifact.digest for model in models),
        model_layers=layer_count(models),
        package_layers=below.package_layers,
    )
    own = model_layers(models, blobs, progress, keep_below)
    steps = read_instructions(dockerfile(template, values))
    return assemble(blobs, base, steps, lambda name: own[name]() if name in own else below.layer(name))


def add_models(
    models: Sequence[ModelToRender],
    runtime: RuntimeImage,
    base: BaseImage,
    *,
    blobs: BlobStore,
    progress: Callable[[int, int | None], None] = lambda *_: None,
    keep_below: int = KEPT_BELOW,
) -> OciImage:
    """Put an image of models together on top of their runtime's image.

    Args:
        models: All of that runtime, with different ids.
        runtime: Their runtime's image.
        base: The same, as what others start from.
        blobs: As for ``write_image``, and so are the errors.
        progress: The same.
        keep_below: The same.
    """
    text = dockerfile(template_of(runtime.runtime), model_values(models, runtime))
    own = model_layers(models, blobs, progress, keep_below)
    return assemble(blobs, base, read_instructions(text), lambda name: own[name]())


class Part(Struct, frozen=True, kw_only=True):
    """A layer of models, still to be made.

    Attributes:
        content: What its bytes depend on.
        entries: What is in it.
        size: Bytes of the models' files in it.
        read: Told how many bytes of it were read since the last time.
    """

    content: str
    entries: Callable[[], Iterable[tarstream.Entry]]
    size: int = 0
    read: Callable[[int], None] | None = None


def model_parts(
    models: Sequence[ModelToRender], progress: Callable[[int, int | None], None] = lambda *_: None
) -> dict[str, Part]:
    """The layers of these models, by the folders of the build context that they stand for."""
    if len({slug(model.record.id) for model in models}) < len(models):
        message = "two models of one image have one id"
        raise ValueError(message)
    shared: dict[str, list[ModelToRender]] = {}
    for index, model in enumerate(models):
        shared.setdefault(model_layer(index), []).append(model)
    total, done, turn = _size(models), 0, threading.Lock()

    def read(count: int) -> None:
        nonlocal done
        with turn:  # layers may be made side by side
            done += count
            progress(min(done, total), total)

    named = digest_of(SETTINGS_LAYER, *contents(models))
    return {
        SETTINGS_LAYER: Part(content=named, entries=partial(settings_entries, models)),
        **{
            name: Part(content=_content(group), entries=partial(file_entries, group), size=_size(group), read=read)
            for name, group in shared.items()
        },
    }


def model_layers(
    models: Sequence[ModelToRender],
    blobs: BlobStore,
    progress: Callable[[int, int | None], None] = lambda *_: None,
    keep_below: int = KEPT_BELOW,
) -> dict[str, Callable[[], LayerBlob]]:
    """What makes each layer of these models, by the folder of the build context that it stands for."""

    def maker(part: Part) -> Callable[[], LayerBlob]:
        return lambda: blobs.layer(part.content, part.entries, QUICK, part.read, keep=part.size < keep_below)

    return {name: maker(part) for name, part in model_parts(models, progress).items()}


def _size(models: Sequence[ModelToRender]) -> int:
    return sum(file.size for model in models for file in model.artifact.files)


def _content(models: Sequence[ModelToRender]) -> str:
    """What a layer of models' files depends on."""
    parts = ["model"]
    for model in models:
        parts.append(slug(model.record.id))
        parts += [part for file in model.artifact.files for part in (file.path, file.digest)]
    return digest_of(*parts)


def settings_entries(models: Sequence[ModelToRender]) -> Iterator[tarstream.Entry]:
    """The layer of the models' settings and recorded answers."""
    files: dict[str, tarstream.Entry] = {}
    for model in models:
        place = f"{_ROOT}/{slug(model.record.id)}"
        files[f"{place}/model.json"] = tarstream.content(f"{place}/model.json", settings(model))
        if model.recorded is not None:
            files[f"{place}/recorded.json"] = tarstream.content(f"{place}/recorded.json", model.recorded)
    return _with_folders(files)


def file_entries(models: Sequence[ModelToRender]) -> Iterator[tarstream.Entry]:
    """The layer of the models' files, which must still be those that were fetched.

    Raises:
        RefusedError: A file has a name that must not reach an image (code ``unsafe-file-name``).
    """
    files: dict[str, tarstream.Entry] = {}
    for model in models:
        place = f"{_ROOT}/{slug(model.record.id)}/files"
        for file in model.artifact.files:
            relative = safe_path(file.path)
            name = f"{place}/{relative}"
            files[name] = tarstream.Entry(
                name=name,
                mode=tarstream.FILE_MODE,
                source=Path(model.artifact.folder) / relative,
                size=file.size,
                digest=file.digest,
            )
    return _with_folders(files)


def _with_folders(files: dict[str, tarstream.Entry]) -> Iterator[tarstream.Entry]:
    """The files with the folders above them, in the order in which ``tarstream.tree`` walks a disk."""
    folders = {"/".join(parts[:depth]) for parts in map(_parts, files) for depth in range(1, len(parts))}
    entries = files | {name: tarstream.folder(name) for name in folders}
    return iter([entries[name] for name in sorted(entries, key=_parts)])


def _parts(name: str) -> list[str]:
    return name.split("/")

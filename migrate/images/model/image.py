"""Models as an image that the tool puts together itself, by the Dockerfile that ``export`` would write.

The instructions are read from that Dockerfile's text, so both ways give the same file system and configuration.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

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
# A compressed copy of a model saves making it again for the registry; beyond this it costs too much of the disk.
KEPT_BELOW: Final = 2 << 30
"""Bytes of a layer's files from which on its compressed bytes are not kept."""


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


def model_layers(
    models: Sequence[ModelToRender],
    blobs: BlobStore,
    progress: Callable[[int, int | None], None] = lambda *_: None,
    keep_below: int = KEPT_BELOW,
) -> dict[str, Callable[[], LayerBlob]]:
    """What makes each layer of these models, by the folder of the build context that it stands for."""
    if len({slug(model.record.id) for model in models}) < len(models):
        message = "two models of one image have one id"
        raise ValueError(message)
    shared: dict[str, list[ModelToRender]] = {}
    for index, model in enumerate(models):
        shared.setdefault(model_layer(index), []).append(model)
    total, done = _size(models), 0

    def read(count: int) -> None:
        nonlocal done
        done += count
        progress(min(done, total), total)

    def maker(name: str, content: str, entries: Callable[[], Iterable[tarstream.Entry]]) -> Callable[[], LayerBlob]:
        keep = name == SETTINGS_LAYER or _size(shared[name]) < keep_below
        return lambda: blobs.layer(content, entries, QUICK, read if name in shared else None, keep=keep)

    named = digest_of(SETTINGS_LAYER, *contents(models))
    return {
        SETTINGS_LAYER: maker(SETTINGS_LAYER, named, partial(settings_entries, models)),
        **{name: maker(name, _content(group), partial(file_entries, group)) for name, group in shared.items()},
    }


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

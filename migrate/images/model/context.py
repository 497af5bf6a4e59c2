"""Models become a build context: settings as JSON, files as they are, and a Dockerfile with no word of theirs."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

import migrate
from migrate.core.errors import LocalError, RefusedError
from migrate.core.model_json import content_of
from migrate.core.names import digest_of, slug
from migrate.core.text import printable, type_again
from migrate.core.values import Artifact, ArtifactFile, BuildContext, Inspection, ModelRecord, RuntimeImage, to_json
from migrate.images.engine import tarstream
from migrate.images.runtime.dockerfile import Values, dockerfile
from migrate.images.runtime.templates import template_of
from migrate.machine.disk import disk_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

IMAGE_PATH: Final = "/models"
SETTINGS_LAYER: Final = "layer-settings"

_LAYERS_AT_MOST: Final = 64  # storage drivers stack at most 127 layers in all; more models share layers


class ModelToRender(Struct, frozen=True, kw_only=True):
    """What an image needs to know of one model; ``recorded`` is the content of its recorded.json."""

    record: ModelRecord
    artifact: Artifact
    inspection: Inspection
    recorded: bytes | None = None


def render(models: Sequence[ModelToRender], runtime_image: RuntimeImage, out: Path) -> BuildContext:
    """Write the context of a model's image, or of several models in one image.

    Args:
        models: All of one runtime, with different ids.
        runtime_image: What the Dockerfile starts from.
        out: A folder of the tool's own; what is in it is replaced.

    Raises:
        LocalError: A file of the artifact is not what was fetched (code ``file-changed``), or the disk is full.
        RefusedError: A file has a name that must not reach an image (code ``unsafe-file-name``).
    """
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    with disk_errors():
        partial.mkdir(parents=True)
        size = write_models(models, partial, link=True)
        text = dockerfile(template_of(runtime_image.runtime), model_values(models, runtime_image))
        partial.joinpath("Dockerfile").write_text(text, encoding="utf-8")
        shutil.rmtree(out, ignore_errors=True)
        partial.rename(out)
    return _context(models, runtime_image, text, str(out), size)


def outline(models: Sequence[ModelToRender], runtime_image: RuntimeImage) -> BuildContext:
    """What ``render`` returns, with nothing written: ``folder`` is empty.

    It is for images that are put together from the models' files themselves.
    """
    text = dockerfile(template_of(runtime_image.runtime), model_values(models, runtime_image))
    size = sum(file.size for model in models for file in model.artifact.files)
    return _context(models, runtime_image, text, "", size)


def model_values(models: Sequence[ModelToRender], runtime_image: RuntimeImage) -> Values:
    """What the Dockerfile of these models' image prints."""
    return Values(
        stage="model",
        tool_version=migrate.__version__,
        runtime_reference=runtime_image.reference,
        artifacts=tuple(model.artifact.digest for model in models),
        model_layers=layer_count(models),
    )


def _context(
    models: Sequence[ModelToRender], runtime_image: RuntimeImage, text: str, folder: str, size: int
) -> BuildContext:
    return BuildContext(
        folder=folder,
        runtime=runtime_image.runtime,
        digest=f"sha256:{digest_of(text, *contents(models))}",
        models=tuple(model.record.id for model in models),
        size=size,
    )


def layer_count(models: Sequence[ModelToRender]) -> int:
    """How many layers the models' files are spread over: one each, up to a limit."""
    return min(len(models), _LAYERS_AT_MOST)


def model_layer(index: int) -> str:
    """The context's folder for the files of the model at this place."""
    return f"layer-model-{min(index, _LAYERS_AT_MOST - 1)}"


def settings(model: ModelToRender) -> bytes:
    """The content of a model's model.json: what was inspected, and the model's names."""
    name, described = model.record.id, model.inspection.settings
    named = replace(described, id=name, title=described.title or name, artifact=model.artifact.digest)
    return to_json(content_of(named))


def write_models(models: Sequence[ModelToRender], folder: Path, *, link: bool) -> int:
    """Write the settings and model layers into ``folder`` and return their size in bytes.

    Args:
        models: The models.
        folder: Where the layers' folders go.
        link: Hard-link the files where that is possible: the content store and the context then share them, and what
            is sent to the engine has its modes and times set on the way. Otherwise they are copied.
    """
    size = 0
    seen: set[str] = set()
    for index, model in enumerate(models):
        name = slug(model.record.id)
        if name in seen:
            message = f"two models of one image have the id {model.record.id!r}"
            raise ValueError(message)
        seen.add(name)
        place = folder / SETTINGS_LAYER / IMAGE_PATH[1:] / name
        place.mkdir(parents=True)
        size += place.joinpath("model.json").write_bytes(settings(model))
        if model.recorded is not None:
            size += place.joinpath("recorded.json").write_bytes(model.recorded)
        files = folder / model_layer(index) / IMAGE_PATH[1:] / name / "files"
        files.mkdir(parents=True)
        for file in model.artifact.files:
            _place(Path(model.artifact.folder), file, files, link=link)
            size += file.size
    return size


def _place(source_folder: Path, file: ArtifactFile, target_folder: Path, *, link: bool) -> None:
    """Bring one file of an artifact into the context, having read that it is the one that was fetched."""
    relative = safe_path(file.path)
    source, target = source_folder / relative, target_folder / relative
    target.parent.mkdir(parents=True, exist_ok=True)
    if link:
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError:  # another file system, or one without links
            _copy(source, target)
    else:
        _copy(source, target)
    if not stat.S_ISREG(target.lstat().st_mode) or _digest(target) != file.digest:
        raise LocalError(
            f"The file {printable(str(source), 300)} is not the one that was fetched.",
            code="file-changed",
            next_step=type_again(note="it is fetched anew"),
        )


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target, follow_symlinks=False)
    if not target.is_symlink():
        target.chmod(tarstream.FILE_MODE)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def safe_path(path: str) -> PurePosixPath:
    """A relative path that stays in its folder, in the image too.

    Raises:
        RefusedError: It is absolute, leaves the folder, or would be read as a deletion mark of image layers.
    """
    parts = path.split("/")
    bad = any(part in ("", ".", "..") or part.startswith(".wh.") or "\0" in part for part in parts)
    if bad:
        raise RefusedError(
            f"The file name {printable(path, 300)} cannot be put into an image.",
            code="unsafe-file-name",
            next_step=type_again("Rename the file in the model's storage"),
        )
    return PurePosixPath(*parts)


def contents(models: Sequence[ModelToRender]) -> list[str]:
    """What tells one set of models from another: names, settings, recorded answers and files."""
    parts: list[str] = []
    for model in models:
        recorded = hashlib.sha256(model.recorded).hexdigest() if model.recorded is not None else ""
        parts += [slug(model.record.id), hashlib.sha256(settings(model)).hexdigest(), recorded, model.artifact.digest]
    return parts

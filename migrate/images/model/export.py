"""Models as a folder that stands alone: both stages, runtime and model, for any ``docker build`` without a network."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Final

import migrate
from migrate.core.errors import LocalError, UsageError
from migrate.core.names import digest_of
from migrate.core.values import BuildContext
from migrate.images.attestation.made_of import BasePart, Subject
from migrate.images.base import bootstrap
from migrate.images.base.contents import read_contents
from migrate.images.base.image import PUBLIC_BASE, ensure_base
from migrate.images.engine import tarstream
from migrate.images.engine.connection import connect
from migrate.images.engine.references import check_reference
from migrate.images.model.context import ModelToRender, contents, layer_count, write_models
from migrate.images.model.documents import created, gather, write_documents
from migrate.images.runtime import locales, server_code, wheels
from migrate.images.runtime.bytecode import compile_folder
from migrate.images.runtime.dockerfile import Values, dockerfile
from migrate.images.runtime.templates import template_of
from migrate.machine.disk import disk_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from migrate.images.base.image import Base
    from migrate.images.engine.connection import Engine

PUBLIC_PYTHON: Final = "3.11"  # of PUBLIC_BASE

_README: Final = """\
A model of ML Serving as an image for AI Deploy
===============================================

This folder is a complete build context: the inference server, its Python packages, the model's settings and its
files. Nothing is downloaded during the build but the base image, if the engine does not have it.

    docker build --platform linux/amd64 --tag my-model .
    docker run --rm --user 42420:42420 --publish 8080:8080 my-model
    curl http://127.0.0.1:8080/describe

The base image is {base}. Where that one is not to be had,
any other with Python {python} and glibc 2.28 or newer will do, for example:

    docker build --build-arg BASE={other} --platform linux/amd64 --tag my-model .

The layers, from the one that changes least to the one that changes most:

    layer-engine     TensorFlow or PyTorch with its licences, where the model needs one of them
    layer-wheels     Python packages with their licences, for linux/amd64 and Python {python}
    layer-server     the inference server
    layer-settings   /models/<name>/model.json: signature and names of each model
    layer-model-N    /models/<name>/files: the files as they were downloaded

The server answers /describe, /eval, /health/live and /health/ready on port 8080, as any user, with a read-only root.
sbom.cdx.json lists what is in the image (CycloneDX), provenance.intoto.json what it is made from (in-toto, SLSA).
Neither is in the image. Made by mlserving-migrate {version}.
"""


def export(
    models: Sequence[ModelToRender],
    out: Path,
    *,
    store: Path,
    progress_text: Callable[[str], None],
    engine: Engine | None = None,
    base: Base | None = None,
) -> BuildContext:
    """Write a context with everything in it. No engine is needed; one that runs is asked what base image it has.

    Args:
        models: All of one runtime, with different ids.
        out: A folder that is empty or does not exist.
        store: The content store (wheels).
        progress_text: Told what is done when it takes long.
        engine: Compiles the byte-code where this machine does not have the base image's Python.
        base: The base image to name in the Dockerfile; None for the public one, or the bootstrapped one where this
            machine's engine has that one only.

    Raises:
        UsageError: ``out`` has something in it (code ``not-empty``).
        LocalError: ``wheels-failed``, ``no-python``, ``disk-full``, ``file-changed``.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(
            f"{out} is not an empty folder.", code="not-empty", next_step="Name a new one with --out, or empty it."
        )
    (runtime,) = {model.inspection.runtime or "" for model in models}
    template = template_of(runtime)
    if base is None:
        engine, base = _at_hand(engine, progress_text)
    python = base.python if base is not None else PUBLIC_PYTHON
    reference = check_reference(base.reference) if base is not None else PUBLIC_BASE
    packages = wheels.vendor(
        template.locks,
        python=python,
        store=store,
        progress_text=progress_text,
        engine=engine,
        base=base.image_id if base is not None else None,
    )
    parts = (template.digest, *wheels.recipe(), server_code.server_digest(), python, *contents(models))
    digest = f"sha256:{digest_of(*parts)}"
    progress_text(f"writing {out}")
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with disk_errors():
            _write_runtime(partial, packages, python, engine, base)
            write_models(models, partial, link=False)
            artifacts = tuple(model.artifact.digest for model in models)
            values = Values(
                stage="both",
                tool_version=migrate.__version__,
                base=reference,
                artifacts=artifacts,
                model_layers=layer_count(models),
                package_layers=tuple(wheels.layers_of(packages)),
            )
            text = dockerfile(template, values).encode()
            partial.joinpath("Dockerfile").write_bytes(text)
            contents_of_base = read_contents(engine, base.image_id, store) if engine and base else None
            made_of = gather(
                models,
                runtime=runtime,
                subject=Subject(name=out.name, digest=digest, kind="context"),
                base=BasePart(reference=reference, digest=base.image_id if base else "", contents=contents_of_base),
                python=python,
                store=store,
                created=created(os.environ),
            )
            write_documents(made_of, partial, text)
            other = PUBLIC_BASE if reference != PUBLIC_BASE else f"registry.example.com/python:{python}"
            told = _README.format(base=reference, other=other, python=python, version=migrate.__version__)
            partial.joinpath("README.txt").write_text(told, encoding="utf-8")
            size = _normalise(partial)
            if out.exists():
                out.rmdir()
            partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return BuildContext(
        folder=str(out),
        runtime=runtime,
        digest=digest,
        models=tuple(model.record.id for model in models),
        size=size,
    )


def _at_hand(engine: Engine | None, progress_text: Callable[[str], None]) -> tuple[Engine | None, Base | None]:
    """The bootstrapped base image, where this machine has it and not the public one: builds here then work as well."""
    try:
        engine = engine or connect(os.environ)
        name = None if engine.image(PUBLIC_BASE) else bootstrap.existing(engine)
        if name is None:
            return engine, None
        base = ensure_base(engine, name, progress_text)
    except LocalError:
        return None, None
    progress_text(f"the Dockerfile starts from {name}; elsewhere, build with --build-arg BASE={PUBLIC_BASE}")
    return engine, base


def _write_runtime(folder: Path, packages: Path, python: str, engine: Engine | None, base: Base | None) -> None:
    server = folder / "layer-server" / server_code.IMAGE_PATH[1:]
    server.mkdir(parents=True)
    server_code.copy_server(server)
    image = base.image_id if base is not None else None
    compile_folder(server, server_code.IMAGE_PATH, python=python, engine=engine, base=image)
    locales.link_locale(folder / "layer-server" / locales.IMAGE_PATH[1:])
    folder.joinpath("layer-server/workspace").mkdir()
    for layer, tops in wheels.layers_of(packages).items():
        place = folder / layer / wheels.IMAGE_PATH[1:]
        place.mkdir(parents=True)
        for name in sorted(tops):
            if (packages / name).is_dir():
                shutil.copytree(packages / name, place / name, copy_function=shutil.copy)
            else:
                shutil.copy(packages / name, place / name)


def _normalise(folder: Path) -> int:
    """Give everything the modes and the time that the tool's own builds give, and return the size in bytes.

    ``docker build`` takes both from the disk, and makes root the owner: the layers come out with the same digests.
    """
    size = 0
    for path in sorted(folder.rglob("*"), reverse=True):  # folders after what is in them, whose times count
        if path.is_symlink():
            os.utime(path, (tarstream.FIXED_TIME, tarstream.FIXED_TIME), follow_symlinks=False)
            continue
        if path.is_dir():
            path.chmod(0o1777 if path == folder / "layer-server/workspace" else tarstream.FOLDER_MODE)
        else:
            path.chmod(tarstream.file_mode(path.stat().st_mode))
            size += path.stat().st_size
        os.utime(path, (tarstream.FIXED_TIME, tarstream.FIXED_TIME))
    return size

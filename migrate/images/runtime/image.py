"""The image of a runtime: base, wheels, server. Built once, named by all that it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import migrate
from migrate.core.names import digest_of
from migrate.core.values import Image, RuntimeImage
from migrate.images.base.image import Base, locate_base, look_into
from migrate.images.engine import tarstream
from migrate.images.engine.build import build_image, read_image
from migrate.images.engine.connection import PLATFORM, Engine
from migrate.images.runtime import server_code, wheels
from migrate.images.runtime.bytecode import compile_folder
from migrate.images.runtime.dockerfile import Values, dockerfile
from migrate.images.runtime.layers import SERVER_LAYER, package_entries, server_entries
from migrate.images.runtime.templates import Template, template_of
from migrate.machine.disk import disk_errors, scratch_folder
from migrate.machine.locks import exclusive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_RECIPE: Final = "3"  # the version of how the pieces are put together here


def ensure_runtime(
    engine: Engine,
    runtime: str,
    *,
    base: str | None,
    store: Path,
    progress_text: Callable[[str], None],
    on_missing: Callable[[str], None] = lambda _: None,
) -> RuntimeImage:
    """The runtime's image, built where it is missing; one builder at a time.

    Args:
        engine: Where it must be.
        runtime: The name of a folder in dockerfile_templates, or several joined by ``+``.
        base: A configured base image, or None.
        store: The content store (wheels, locks).
        progress_text: Told what is done when it takes long.
        on_missing: Takes the image's reference before it is built here, to be written down.

    Raises:
        UsageError: There is no such runtime, or ``base`` is not an image reference.
        LocalError: ``base-unusable``, ``wheels-failed``, ``build-failed``, ``disk-full``, ``engine-not-running``.
    """
    template = template_of(runtime)
    located = locate_base(engine, base, progress_text)
    key = digest_of(_RECIPE, PLATFORM, located.image_id, template.digest, server_code.server_digest(), *wheels.recipe())
    reference = f"migrate-runtime-{runtime.replace('+', '.')}:{key[:16]}"
    if engine.image(reference) is None:
        with exclusive(store / "locks" / f"runtime-{key[:16]}"):
            if engine.image(reference) is None:
                on_missing(reference)
                found = look_into(engine, located)
                build_runtime(engine, template, found, store=store, tag=reference, progress_text=progress_text)
    image = read_image(engine, reference)
    return RuntimeImage(
        runtime=runtime, reference=reference, image_id=image.image_id, key=key, size=image.size, base=located.reference
    )


def runtime_exists(engine: Engine, image: RuntimeImage) -> bool:
    """Whether the runtime's image is still on the engine (an inspection, nothing more)."""
    return engine.image(image.image_id) is not None


def build_runtime(
    engine: Engine,
    template: Template,
    base: Base,
    *,
    store: Path,
    tag: str,
    progress_text: Callable[[str], None],
    cache: bool = True,
) -> Image:
    """Build the runtime's image under a given tag."""
    packages = wheels.vendor(
        template.locks,
        python=base.python,
        store=store,
        progress_text=progress_text,
        engine=engine,
        base=base.image_id,
    )
    progress_text("building the runtime's image")
    percent = -1

    def progress(done: int, total: int | None) -> None:
        nonlocal percent
        if total and done * 100 // total // 25 > percent:
            percent = done * 100 // total // 25
            progress_text(f"building the runtime's image: {done / 1e6:.0f} of {total / 1e6:.0f} MB sent")

    with disk_errors(), scratch_folder(store, "server-") as scratch:
        server_code.copy_server(scratch)
        compile_folder(scratch, server_code.IMAGE_PATH, python=base.python, engine=engine, base=base.image_id)
        layers = wheels.layers_of(packages)
        values = Values(
            stage="runtime", tool_version=migrate.__version__, base=base.reference, package_layers=tuple(layers)
        )
        text = dockerfile(template, values).encode()
        entries = [tarstream.content("Dockerfile", text)]
        for layer, tops in layers.items():
            entries += package_entries(packages, tops, f"{layer}/")
        entries += server_entries(scratch, f"{SERVER_LAYER}/")
        arguments = {"BASE": base.reference}
        return build_image(engine, entries, tag=tag, progress=progress, arguments=arguments, cache=cache)

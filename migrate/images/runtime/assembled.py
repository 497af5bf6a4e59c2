"""The image of a runtime put together without an engine: what ``image.py`` has an engine build, from the same file."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import migrate
from migrate.core.names import digest_of
from migrate.core.values import RuntimeImage
from migrate.images.engine.connection import PLATFORM
from migrate.images.oci.image import assemble
from migrate.images.oci.instructions import read_instructions
from migrate.images.runtime import server_code, wheels
from migrate.images.runtime.dockerfile import Values, dockerfile
from migrate.images.runtime.layers import RuntimeLayers
from migrate.images.runtime.templates import template_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from migrate.images.oci.blobs import BaseImage
    from migrate.images.oci.store import BlobStore

_RECIPE: Final = "1"  # the version of how the pieces are put together here
_BASE: Final = "base"  # what the Dockerfile starts from here has no name


def assemble_runtime(
    runtime: str,
    base: BaseImage,
    *,
    name: str,
    python: str,
    blobs: BlobStore,
    progress_text: Callable[[str], None],
) -> RuntimeImage:
    """The runtime's image, in the content store. What is there of it is not made again.

    Args:
        runtime: The name of a folder in dockerfile_templates, or several joined by ``+``.
        base: What it starts from.
        name: What a person calls that.
        python: The base image's Python, major.minor.
        blobs: The content store.
        progress_text: Told what is done when it takes long.

    Returns:
        The image; its id is its manifest's digest.

    Raises:
        UsageError: There is no such runtime.
        LocalError: ``wheels-failed``, ``no-python``, ``blob-damaged``, ``disk-full``.
    """
    template = template_of(runtime)
    layers = RuntimeLayers(template, python=python, blobs=blobs, progress_text=progress_text)
    values = Values(stage="runtime", tool_version=migrate.__version__, base=_BASE, package_layers=layers.package_layers)
    image = assemble(blobs, base, read_instructions(dockerfile(template, values)), layers.layer)
    key = digest_of(
        "assembled",
        _RECIPE,
        PLATFORM,
        hashlib.sha256(base.configuration).hexdigest(),
        template.digest,
        server_code.server_digest(),
        *wheels.recipe(),
    )
    return RuntimeImage(
        runtime=runtime,
        reference=f"migrate-runtime-{runtime.replace('+', '.')}:{key[:16]}",
        image_id=image.manifest.digest,
        key=key,
        size=sum(blob.size for blob in image.blobs),
        base=name,
    )

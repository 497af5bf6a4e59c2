"""Which base image an image without an engine starts from, and where that lies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from migrate.core.errors import LocalError
from migrate.images.base import archive
from migrate.images.base.image import PUBLIC_BASE
from migrate.images.base.stored import PREFIX, at_path, read_image
from migrate.images.engine.references import check_reference
from migrate.machine.disk import FULL

if TYPE_CHECKING:
    from collections.abc import Callable

    from migrate.images.base.stored import Blobs
    from migrate.images.oci.blobs import BaseImage


def choose_base(
    reference: str | None, registry: Callable[[str], Blobs], progress_text: Callable[[str], None]
) -> tuple[str, BaseImage]:
    """The base image and what a person calls it; nothing of its layers is read yet.

    Args:
        reference: A configured base image: ``oci:PATH`` of a layout or archive, or what a registry has; None for the
            tool's own choice, which is an archive that is there, else the public Python image, else a new archive.
        registry: The blobs of an image in a registry, by its reference.
        progress_text: Told what is done when it takes long.

    Raises:
        UsageError: ``reference`` is none (``bad-reference``).
        LocalError: It cannot be had (``base-unusable``), or what ``registry`` raises.
    """
    if reference is not None and reference.startswith(PREFIX):
        blobs = at_path(Path(reference.removeprefix(PREFIX)))
    elif reference is not None:
        blobs = registry(check_reference(reference))
    elif (path := archive.existing()) is not None:
        blobs = at_path(path)
    else:
        try:
            blobs = registry(PUBLIC_BASE)
            return PUBLIC_BASE, read_image(blobs)
        except LocalError as error:
            if error.code == FULL:
                raise
            progress_text(error.what)
        blobs = at_path(archive.bootstrap(progress_text))
    return reference or blobs.name, read_image(blobs)

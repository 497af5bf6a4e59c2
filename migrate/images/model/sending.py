"""An image of models on its way to a registry: the layers of large models are made while they are sent."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from migrate.images.model.image import ON_THE_WAY, model_parts
from migrate.images.oci.compression import QUICK
from migrate.images.registry.blobs import push_blobs
from migrate.images.registry.image import push_image
from migrate.images.registry.source import Blob, UnmadeBlob

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from migrate.core.values import PushedImage
    from migrate.images.model.context import ModelToRender
    from migrate.images.oci.image import OciImage
    from migrate.images.oci.store import BlobStore
    from migrate.images.registry.client import RegistryClient

    Progress = Callable[[int, int | None], None]


_CHUNK: Final = 8 << 20  # bytes of a request: the compressor takes memory too


def has_large(models: Sequence[ModelToRender], least: int) -> bool:
    """Whether a layer of these models is made while it is sent."""
    return any(part.size >= least for part in model_parts(models).values())


def send_large(
    client: RegistryClient,
    models: Sequence[ModelToRender],
    *,
    blobs: BlobStore,
    progress: Progress,
    least: int = ON_THE_WAY,
) -> None:
    """Send the layers of large models that nobody made before; each file is read once. Their digests are then known.

    They are sent before everything else, which would take memory beside the compressor's.

    Args:
        client: The repository, ``pushing``.
        models: The models of one image.
        blobs: The content store.
        progress: Bytes that the registry has, of about how many.
        least: Bytes of a layer's files from which on it is a large one.

    Raises:
        LocalError: As for ``push_blobs``, or a file is not what was fetched (``file-changed``).
        Interrupted: The client's ``stop`` was set.
    """
    unmade = [
        UnmadeBlob(open=partial(blobs.on_the_way, part.content, part.entries, QUICK), about=part.size)
        for part in model_parts(models).values()
        if part.size >= least and not blobs.is_known(part.content, QUICK)
    ]
    if unmade:
        push_blobs(client, unmade, progress=progress, chunk=_CHUNK)


def send(
    client: RegistryClient,
    image: OciImage,
    *,
    blobs: BlobStore,
    tag: str,
    mounts: Mapping[str, str],
    progress: Progress,
) -> PushedImage:
    """Push an image of the store, whose large layers were sent before.

    Args:
        client: The repository, ``pushing``.
        image: The image.
        blobs: The content store.
        tag: The tag.
        mounts: A repository of the same registry that has a blob, by its digest.
        progress: Bytes that the registry has, of how many.

    Raises:
        LocalError: As for ``push_image``.
        Interrupted: The client's ``stop`` was set.
    """
    return push_image(
        client,
        manifest=blobs.document(image.manifest.digest),
        media_type=image.manifest.media_type,
        blobs=[
            Blob(descriptor=blob, open=partial(blobs.open, blob), mount_from=mounts.get(blob.digest))
            for blob in image.blobs
        ],
        tag=tag,
        progress=progress,
    )

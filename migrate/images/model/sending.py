"""An image of models on its way to a registry: the layers of large models are made while they are sent."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from migrate.images.model.image import ON_THE_WAY, model_parts
from migrate.images.oci.compression import QUICK
from migrate.images.registry.blobs import push_blobs
from migrate.images.registry.image import push_image
from migrate.images.registry.source import Blob, UnmadeBlob

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from migrate.core.values import Descriptor, PushedImage
    from migrate.images.model.context import ModelToRender
    from migrate.images.oci.blobs import BaseImage, Stream
    from migrate.images.oci.image import OciImage
    from migrate.images.oci.store import BlobStore
    from migrate.images.registry.client import RegistryClient
    from migrate.images.registry.source import Opener

    Progress = Callable[[int, int | None], None]


def has_large(models: Sequence[ModelToRender], least: int) -> bool:
    """Whether a layer of these models is made while it is sent."""
    return any(part.size >= least for part in model_parts(models).values())


def send_large(
    client: RegistryClient,
    models: Sequence[ModelToRender],
    base: BaseImage,
    *,
    blobs: BlobStore,
    mounts: Mapping[str, str],
    progress: Progress,
    least: int = ON_THE_WAY,
) -> None:
    """Send the layers of large models that nobody made before; each file is read once. Their digests are then known.

    Args:
        client: The repository, ``pushing``.
        models: The models of one image.
        base: What their image starts from, whose layers are sent beside theirs.
        blobs: The content store.
        mounts: A repository of the same registry that has a blob, by its digest.
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
        below = [_blob(layer.descriptor, base.open, mounts) for layer in base.layers]
        push_blobs(client, [*unmade, *below], progress=progress)


def send(
    client: RegistryClient,
    image: OciImage,
    *,
    blobs: BlobStore,
    tag: str,
    mounts: Mapping[str, str],
    progress: Progress,
) -> PushedImage:
    """Push an image of the store; see ``push_image`` and ``send_large``."""
    return push_image(
        client,
        manifest=blobs.document(image.manifest.digest),
        media_type=image.manifest.media_type,
        blobs=[_blob(blob, blobs.open, mounts) for blob in image.blobs],
        tag=tag,
        progress=progress,
    )


def _blob(descriptor: Descriptor, open_blob: Callable[[Descriptor, int], Stream], mounts: Mapping[str, str]) -> Blob:
    opened: Opener = partial(open_blob, descriptor)
    return Blob(descriptor=descriptor, open=opened, mount_from=mounts.get(descriptor.digest))

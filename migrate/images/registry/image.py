"""A whole image reaches a registry without an engine: its blobs, then its manifest, its tag last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from migrate.core.errors import LocalError
from migrate.core.text import type_again
from migrate.core.values import Descriptor, PushedImage
from migrate.images.registry.blobs import push_blobs
from migrate.images.registry.client import digest_of
from migrate.images.registry.refusals import is_unknown_blob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrate.images.registry.blobs import Progress
    from migrate.images.registry.client import RegistryClient
    from migrate.images.registry.source import Blob


def push_image(
    client: RegistryClient,
    *,
    manifest: bytes,
    media_type: str,
    blobs: Sequence[Blob],
    tag: str,
    progress: Progress,
) -> PushedImage:
    """Push an image and read its tag back; one that is there already is not sent again.

    Args:
        client: The repository, ``pushing``.
        manifest: The image's manifest, as its bytes are hashed.
        media_type: What kind of manifest it is.
        blobs: The configuration and the layers that it names.
        tag: The tag.
        progress: Bytes that the registry has, of how many.

    Raises:
        LocalError: ``registry-login``, ``registry-denied``, ``registry-full``, ``registry-unreachable``,
            ``registry-failed``, ``push-failed``, or what the blobs' openers raise.
        Interrupted: The client's ``stop`` was set.
    """
    digest = digest_of(manifest)
    if client.digest(tag) != digest:
        push_blobs(client, blobs, progress=progress)
        try:
            put_manifest(client, manifest, media_type, tag)
        except UnknownBlobError:
            # What the registry had when it was asked may have been swept away meanwhile: once more, from the beginning.
            push_blobs(client, blobs, progress=progress)
            put_manifest(client, manifest, media_type, tag)
        if client.digest(tag) != digest:
            raise LocalError(
                f"The registry {client.registry} does not have the image that was pushed as {client.repository}:{tag}.",
                code="push-failed",
                next_step=type_again(note="if it stays so, ask who runs the registry"),
            )
    layers = msgspec.json.decode(manifest, type=dict[str, Any]).get("layers", [])
    return PushedImage(
        reference=f"{client.registry}/{client.repository}:{tag}",
        digest=digest,
        registry=client.registry,
        size=sum(int(layer["size"]) for layer in layers),
    )


class UnknownBlobError(LocalError):
    """A manifest was refused for a blob that the registry does not have."""


def put_manifest(client: RegistryClient, content: bytes, media_type: str, reference: str | None = None) -> Descriptor:
    """Put a manifest or an index; everything that it names must be there before.

    Args:
        client: The repository, ``pushing``.
        content: Its bytes.
        media_type: What it is.
        reference: Its tag; None for its digest alone.

    Raises:
        UnknownBlobError: A blob that it names is not there (``push-failed``).
        LocalError: As ``push_image``.
    """
    return put(client, content, media_type, reference)[0]


def put(client: RegistryClient, content: bytes, media_type: str, reference: str | None) -> tuple[Descriptor, str]:
    """As ``put_manifest``; besides, what the registry says of the subject (``OCI-Subject``), or nothing."""
    found = Descriptor(media_type=media_type, digest=digest_of(content), size=len(content))
    path = f"{client.repository}/manifests/{reference or found.digest}"
    answer = client.ask("PUT", path, headers={"Content-Type": media_type}, body=content)
    if answer.status not in (200, 201, 202, 204):
        error = client.refused(answer)
        if is_unknown_blob(answer):
            raise UnknownBlobError(error.what, code="push-failed", next_step=error.next_step)
        raise error
    said = answer.header("Docker-Content-Digest")
    if said and said != found.digest:
        raise client.failed(f"it took the manifest {found.digest} and calls it {said}")
    return found, answer.header("OCI-Subject")

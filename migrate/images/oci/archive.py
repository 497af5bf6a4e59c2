"""Images as a folder or as one file: what ``docker load``, ``podman load`` and ``skopeo`` take.

An OCI layout (image specification 1.1, "Image Layout") in a tar archive is an OCI archive. Engines of Docker before
25.0 know its predecessor alone, a ``manifest.json`` that names configuration and layers by their paths. The archive has
both, and both name the same blobs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from migrate.images.engine import tarstream
from migrate.images.engine.references import check_reference

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from migrate.core.values import Descriptor
    from migrate.images.oci.image import OciImage
    from migrate.images.oci.store import BlobStore

_FOLDER: Final = "blobs/sha256"


def archive(store: BlobStore, image: OciImage, reference: str | None) -> Iterator[bytes]:
    """The bytes of an image's archive; the same image and name give the same bytes.

    Args:
        store: Where its blobs are.
        image: The image.
        reference: The name that it gets where it is loaded, or None.

    Raises:
        UsageError: ``reference`` is none (code ``bad-reference``).
        LocalError: A blob is damaged or gone (``blob-damaged``, ``disk``).
    """
    files = _files(image, reference)
    blobs = [image.manifest, *image.blobs]
    for name in ("blobs", _FOLDER):
        yield from tarstream.entry_bytes(tarstream.folder(name))
    for name, data in files.items():
        yield from tarstream.entry_bytes(tarstream.content(name, data))
    for blob in sorted(blobs, key=lambda one: one.digest):
        entry = tarstream.Entry(name=_name(blob), mode=tarstream.FILE_MODE, size=blob.size)
        yield from tarstream.entry_bytes(entry, store.pieces(blob))
    yield tarstream.END


def write_layout(store: BlobStore, image: OciImage, reference: str | None, folder: Path) -> None:
    """Write an OCI layout into a folder that is empty or does not exist; the index comes last.

    Raises:
        UsageError, LocalError: As for ``archive``.
    """
    files = _files(image, reference)
    place = folder / _FOLDER
    place.mkdir(parents=True, exist_ok=True)
    for blob in (image.manifest, *image.blobs):
        with (folder / _name(blob)).open("wb") as file:
            file.writelines(store.pieces(blob))
    for name, data in files.items():
        partial = folder / f"{name}.partial"
        partial.write_bytes(data)
        partial.replace(folder / name)


def _files(image: OciImage, reference: str | None) -> dict[str, bytes]:
    annotations = {}
    if reference is not None:
        tag = check_reference(reference).rpartition("/")[2].partition(":")[2]
        reference = reference if tag else f"{reference}:latest"
        annotations = {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": tag or "latest"}
    named: dict[str, Any] = {
        "mediaType": image.manifest.media_type,
        "digest": image.manifest.digest,
        "size": image.manifest.size,
        **({"annotations": annotations} if annotations else {}),
    }
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [named]}
    old = {
        "Config": _name(image.configuration),
        "Layers": [_name(layer.descriptor) for layer in image.layers],
        "RepoTags": [reference] if reference is not None else [],
    }
    return {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "manifest.json": msgspec.json.encode([old], order="sorted"),
        "index.json": msgspec.json.encode(index, order="sorted"),
    }


def _name(descriptor: Descriptor) -> str:
    return f"{_FOLDER}/{descriptor.digest.removeprefix('sha256:')}"

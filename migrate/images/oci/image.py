"""An image put together: blobs in the store, named by a manifest."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from migrate.core.values import Descriptor
from migrate.images.oci.blobs import CONFIGURATION, MANIFEST, BaseImage, LayerBlob
from migrate.images.oci.configuration import configuration
from migrate.images.oci.instructions import Instruction
from migrate.images.oci.store import BlobStore

# Docker's names for the same bytes: a manifest of OCI has OCI's (image specification, "Compatibility Matrix").
_OCI_TYPES: Final = {
    "application/vnd.docker.image.rootfs.diff.tar.gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar": "application/vnd.oci.image.layer.v1.tar",
}


class OciImage(Struct, frozen=True, kw_only=True):
    """An image whose blobs are all in the store.

    Attributes:
        manifest: What names the image in a registry.
        configuration: Its digest is the image's id on an engine.
        layers: From the lowest to the highest.
    """

    manifest: Descriptor
    configuration: Descriptor
    layers: tuple[LayerBlob, ...]

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """Everything but the manifest: the configuration, and each layer once."""
        layers = {layer.descriptor.digest: layer.descriptor for layer in self.layers}
        return (self.configuration, *layers.values())


def assemble(
    store: BlobStore,
    base: BaseImage,
    instructions: Sequence[Instruction],
    layer_of: Callable[[str], LayerBlob],
) -> OciImage:
    """Put an image together.

    Args:
        store: Where the blobs are.
        base: What it starts from; its layers are copied into the store.
        instructions: What a Dockerfile says.
        layer_of: The layer of a folder of the build context.

    Raises:
        LocalError: A blob of the base is damaged (code ``blob-damaged``), or the disk.
        ValueError: The base's configuration is not of its layers.
    """
    for layer in base.layers:
        store.take(layer.descriptor, base.open)
    copied = [layer_of(step.words[0]) for step in instructions if step.name == "COPY"]
    text = configuration(base.configuration, base.layers, instructions, copied)
    layers = tuple(replace(layer, descriptor=_of_oci(layer.descriptor)) for layer in (*base.layers, *copied))
    made = store.put(text, CONFIGURATION)
    named: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _json(made),
        "layers": [_json(layer.descriptor) for layer in layers],
    }
    manifest = store.put(msgspec.json.encode(named, order="sorted"), MANIFEST)
    return OciImage(manifest=manifest, configuration=made, layers=layers)


def read_back(store: BlobStore, digest: str) -> OciImage | None:
    """An image that was put together before, by its manifest's digest; None where something of it cannot be read.

    Raises:
        LocalError: The disk.
    """
    try:
        text = store.document(digest)
        manifest = msgspec.json.decode(text)
        made = _descriptor(manifest["config"])
        diff_ids = msgspec.json.decode(store.document(made.digest))["rootfs"]["diff_ids"]
        layers = tuple(
            LayerBlob(descriptor=_descriptor(layer), diff_id=diff_id)
            for layer, diff_id in zip(manifest["layers"], diff_ids, strict=True)
        )
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return None
    if not all(store.gives(layer.descriptor) for layer in layers):
        return None
    return OciImage(
        manifest=Descriptor(media_type=MANIFEST, digest=digest, size=len(text)), configuration=made, layers=layers
    )


def as_base(store: BlobStore, image: OciImage) -> BaseImage:
    """An image of the store as what others start from."""
    return BaseImage(layers=image.layers, open=store.open, configuration=store.document(image.configuration.digest))


def _descriptor(value: dict[str, Any]) -> Descriptor:
    return Descriptor(media_type=value["mediaType"], digest=value["digest"], size=value["size"])


def _of_oci(descriptor: Descriptor) -> Descriptor:
    return replace(descriptor, media_type=_OCI_TYPES.get(descriptor.media_type, descriptor.media_type))


def _json(descriptor: Descriptor) -> dict[str, Any]:
    return {"mediaType": descriptor.media_type, "digest": descriptor.digest, "size": descriptor.size}

"""What an image is made of: blobs, which are named by their digests, and layers, which have a second one."""

from collections.abc import Callable
from typing import BinaryIO, Final

from msgspec import Struct

from migrate.core.values import Descriptor

CONFIGURATION: Final = "application/vnd.oci.image.config.v1+json"
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
LAYER_GZIP: Final = "application/vnd.oci.image.layer.v1.tar+gzip"

Opener = Callable[[int], BinaryIO]
"""Opens a blob's bytes from an offset on; it may be called several times."""


class Blob(Struct, frozen=True):
    """A blob and how it is read."""

    descriptor: Descriptor
    open: Opener


class LayerBlob(Struct, frozen=True, kw_only=True):
    """A layer: the blob that a registry keeps, and the digest of the tar archive in it, which the configuration names.

    Attributes:
        descriptor: The compressed bytes.
        diff_id: ``sha256:`` of the uncompressed bytes.
    """

    descriptor: Descriptor
    diff_id: str


class BaseImage(Struct, frozen=True, kw_only=True):
    """The image that others start from.

    Attributes:
        layers: From the lowest to the highest.
        open: Opens a layer of these.
        configuration: The JSON of its configuration as its registry or archive has it.
    """

    layers: tuple[LayerBlob, ...]
    open: Callable[[Descriptor, int], BinaryIO]
    configuration: bytes

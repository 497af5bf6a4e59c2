"""What an image is made of: blobs, which are named by their digests, and layers, which have a second one."""

from collections.abc import Callable
from typing import Final, Protocol

from msgspec import Struct

from migrate.core.values import Descriptor

CONFIGURATION: Final = "application/vnd.oci.image.config.v1+json"
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
LAYER_GZIP: Final = "application/vnd.oci.image.layer.v1.tar+gzip"


class Stream(Protocol):
    """Bytes that can be read once, from the beginning on."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""

    def close(self) -> None:
        """Let go of what it reads from."""


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
        open: Opens a layer of these at an offset.
        configuration: The JSON of its configuration as its registry or archive has it.
    """

    layers: tuple[LayerBlob, ...]
    open: Callable[[Descriptor, int], Stream]
    configuration: bytes

"""What an image is: of a runtime, of a model with it, how it did on this machine, and where it was pushed to."""

from typing import ClassVar

from msgspec import Struct


class RuntimeImage(Struct, frozen=True, kw_only=True):
    """The image of a runtime (base, wheels, server), named by what it is made of."""

    runtime: str
    reference: str
    image_id: str
    key: str
    size: int
    base: str


class BuildContext(Struct, frozen=True, kw_only=True):
    """A folder that any ``docker build`` accepts, and the digest over its content."""

    folder: str
    runtime: str
    digest: str
    models: tuple[str, ...]
    size: int


class Layer(Struct, frozen=True, kw_only=True):
    """A layer: its uncompressed digest (diff id) and size in bytes where the engine tells."""

    digest: str
    size: int | None = None


class Image(Struct, frozen=True, kw_only=True):
    """A local image. ``image_id`` is the config's digest (or, on newer engines, the manifest's)."""

    reference: str
    image_id: str
    size: int
    layers: tuple[Layer, ...]


class Descriptor(Struct, frozen=True, kw_only=True):
    """A blob of an image by its content (OCI image specification 1.1, "Content Descriptors"): size in bytes."""

    media_type: str
    digest: str
    size: int


class Rehearsal(Struct, frozen=True, kw_only=True):
    """The image run here as AI Deploy will run it. ``cold_start`` is seconds from start to ready.

    ``held`` says what held the limits of memory and processes where no container engine did; empty where one did.
    ``not_here`` says why nothing can be run on this machine, so that nothing was; no other field says anything then.
    """

    SCHEMA: ClassVar[int] = 3  # in 1 an engine always held them; in 2 an image was always run

    image_id: str
    cold_start: float | None
    calls: int
    worst_difference: float | None
    memory: int | None = None
    held: str = ""
    not_here: str = ""


class PushedImage(Struct, frozen=True, kw_only=True):
    """An image in a registry: ``reference`` has an immutable tag, ``digest`` was read back from the registry."""

    reference: str
    digest: str
    registry: str
    size: int | None = None


class Documents(Struct, frozen=True, kw_only=True):
    """What says what an image is made of: the paths of its SBOM and of its provenance, and what they are about."""

    sbom: str
    provenance: str
    subject: str

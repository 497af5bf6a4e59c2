"""What an image is made of, as one value: the SBOM and the provenance are functions of it."""

from msgspec import Struct

from migrate.core.values import Artifact, Inspection
from migrate.images.attestation.debian import BaseContents
from migrate.images.attestation.lock import Wheel


class Subject(Struct, frozen=True, kw_only=True):
    """What the documents are about.

    Attributes:
        name: A reference of the image, or a name of a folder.
        digest: ``sha256:``; of a pushed image the manifest's, else what ``kind`` says.
        kind: ``manifest`` in a registry, ``config`` of an image on this machine, or a ``context`` for builders.
    """

    name: str
    digest: str
    kind: str


class LockFile(Struct, frozen=True, kw_only=True):
    """A lock: the runtime that it is of, and the ``sha256:`` of its bytes."""

    runtime: str
    digest: str


class BasePart(Struct, frozen=True, kw_only=True):
    """The base image: ``digest`` is empty and ``contents`` None where nobody looked into it."""

    reference: str
    digest: str = ""
    contents: BaseContents | None = None


class ModelPart(Struct, frozen=True, kw_only=True):
    """A model in the image; ``id`` is hostile input."""

    id: str
    artifact: Artifact
    inspection: Inspection


class MadeOf(Struct, frozen=True, kw_only=True):
    """All parts of an image.

    Attributes:
        subject: The image.
        platform: Such as ``linux/amd64``.
        runtime: The runtime's name.
        base: What it starts from.
        wheels: Its Python packages.
        wheels_read: Whether their folder was read; else only the locks were, and licences are not known.
        locks: Where their versions and hashes come from.
        server: ``sha256:`` over the code of the inference server.
        tool_version: The version of this tool.
        models: Its models.
        created: Seconds since 1970 for the documents' time (SOURCE_DATE_EPOCH); None leaves it out.
    """

    subject: Subject
    platform: str
    runtime: str
    base: BasePart
    wheels: tuple[Wheel, ...]
    wheels_read: bool
    locks: tuple[LockFile, ...]
    server: str
    tool_version: str
    models: tuple[ModelPart, ...]
    created: int | None = None

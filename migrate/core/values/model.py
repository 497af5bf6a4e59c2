"""What a model is: what ML Serving knew of it, its files, and what these are."""

from typing import ClassVar, Literal

from msgspec import Struct

from migrate.core.model_json import NO_MODEL, ModelJson
from migrate.core.options.declaration import written
from migrate.core.options.shared import ALLOW_UNSAFE


class OldFlavor(Struct, frozen=True, kw_only=True):
    """A flavor of ML Serving (``cpuCore``, ``ramMB``)."""

    id: str
    cpu_cores: float | None = None
    ram_mb: int | None = None


class Autoscaling(Struct, frozen=True, kw_only=True):
    """``autoscalingSpec`` of ML Serving; every part may be missing. Utilisations are percent."""

    min_replicas: int | None = None
    max_replicas: int | None = None
    cpu_average_utilization: int | None = None
    memory_average_utilization: int | None = None


class OldToken(Struct, frozen=True, kw_only=True):
    """A token of the namespace; its value cannot be read back.

    ``resource`` is a model id, a prefix ending in ``*``, or ``*``.
    """

    id: str
    groups: tuple[str, ...]
    resource: str


class ContainerLocation(Struct, frozen=True, kw_only=True, tag="container", omit_defaults=True):
    """Files in Object Storage: ``path`` is an object, or everything under ``path/``; empty is the whole container.

    ``beside`` are further files of the model where ``path`` is an object, as paths relative to the folder of it.
    """

    region: str
    container: str
    container_id: str
    path: str
    beside: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The place as people read it."""
        return f"{self.container}@{self.region}/{self.path}"


class BucketLocation(Struct, frozen=True, kw_only=True, tag="bucket", omit_defaults=True):
    """Files in an S3 bucket; ``path`` and ``beside`` as in a container.

    Attributes:
        bucket: Its name.
        region: That of OVHcloud's API where the bucket is reached through it; else what was configured, if anything.
        endpoint: Where it is reached with S3 keys, empty for Amazon; None where it is reached through OVHcloud's API.
    """

    bucket: str
    region: str
    endpoint: str | None
    path: str
    beside: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The place as people read it."""
        base = f"s3:{self.bucket}@{self.region}" if self.endpoint is None else f"s3://{self.bucket}"
        return f"{base}/{self.path}"


class FolderLocation(Struct, frozen=True, kw_only=True, tag="folder", omit_defaults=True):
    """Files on this machine: ``path`` is absolute, a file or a folder; ``beside`` as in a container."""

    path: str
    beside: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The place as people read it."""
        return self.path


Location = ContainerLocation | BucketLocation | FolderLocation


class ModelRecord(Struct, frozen=True, kw_only=True):
    """What ML Serving, or the place where its files lie, knows of a model. ``id`` is hostile input.

    ``recognised`` is the word for what its files look like, where they were looked at to find it.
    """

    SCHEMA: ClassVar[int] = 3  # in 1 no location was a bucket; in 2 none had files beside it

    id: str
    source: str
    namespace: str | None = None
    framework: str | None = None
    backend: str | None = None
    workflow_template: str | None = None
    image_id: str | None = None
    flavor: OldFlavor | None = None
    autoscaling: Autoscaling | None = None
    location: Location | None = None
    version: int | None = None
    old_url: str | None = None
    tokens: tuple[OldToken, ...] = ()
    api_status: str | None = None
    version_status: str | None = None
    recognised: str | None = None


class Ignored(Struct, frozen=True, kw_only=True):
    """Something in a container or folder that is not a model, and why."""

    path: str
    size: int
    reason: str


class Listing(Struct, frozen=True, kw_only=True):
    """The models of one source."""

    SCHEMA: ClassVar[int] = 2  # with that of the records

    source: str
    models: tuple[ModelRecord, ...]
    ignored: tuple[Ignored, ...] = ()
    region: str | None = None


class ArtifactFile(Struct, frozen=True, kw_only=True):
    """One file: relative POSIX path, size in bytes, SHA-256."""

    path: str
    size: int
    digest: str


class Artifact(Struct, frozen=True, kw_only=True):
    """A model's files on this machine, under ``folder`` (absolute), and one digest over paths and contents.

    Where a ZIP archive was all that was fetched of a model, ``archive`` is its name, ``files`` are what was taken out
    of it, and ``digest`` stays that of what was fetched: the same archive always gives the same files. An archive that
    cannot be unpacked is itself the one file.
    """

    SCHEMA: ClassVar[int] = 2  # in 1 no archive was unpacked

    folder: str
    files: tuple[ArtifactFile, ...]
    size: int
    digest: str
    archive: str = ""

    @property
    def unpacked(self) -> bool:
        """Whether the files come out of an archive."""
        return bool(self.archive) and [file.path for file in self.files] != [self.archive]


Verdict = Literal["ready", "needs-attention", "quarantined", "unsupported", "unreadable"]


class Hazard(Struct, frozen=True, kw_only=True):
    """Something in the files that could do harm when loaded."""

    code: str
    text: str
    path: str = ""


class UnsafeFile(Struct, frozen=True, kw_only=True):
    """A file that runs as code when it is loaded; ``allowed`` is whether the user gave their word for its digest."""

    path: str
    digest: str
    allowed: bool

    @property
    def option(self) -> str:
        """What allows it."""
        return " ".join(written(ALLOW_UNSAFE, self.digest))


class Inspection(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an artifact is, read from its structure without loading it.

    ``settings`` is the description that the inference server starts from: the content of ``model.json`` less the
    model's names; only a model that is ``ready`` has one. ``reason`` (a code) and ``task`` say what a person must do
    when the verdict is not ``ready``. ``unsafe`` are the files for which it is ``quarantined``, or would be without the
    user's word. ``differs`` is what in the file the default engine is known to answer otherwise than was meant.
    """

    SCHEMA: ClassVar[int] = 3  # in 1 the settings were a plain JSON object with the same keys; 2 had no ``differs``

    format: str
    runtime: str | None
    verdict: Verdict
    reason: str = ""
    text: str = ""
    task: str = ""
    settings: ModelJson = NO_MODEL
    hazards: tuple[Hazard, ...] = ()
    notes: tuple[str, ...] = ()
    unsafe: tuple[UnsafeFile, ...] = ()
    differs: tuple[str, ...] = ()


class Conversion(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model as ONNX, or, without ``artifact`` and ``inspection``, why its original runtime stays."""

    SCHEMA: ClassVar[int] = 4  # with those of the inspection and the artifact

    artifact: Artifact | None = None
    inspection: Inspection | None = None
    reason: str = ""

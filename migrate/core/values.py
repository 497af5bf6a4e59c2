"""The values of a model's journey: each is made once by one step, written to the journal, and never changed.

All are frozen msgspec structs, so each is encoded to JSON and decoded, checked, without further code. Sizes are
bytes, durations seconds, times RFC 3339 in UTC, digests ``sha256:`` and 64 hex digits.
"""

from typing import ClassVar, Literal

import msgspec
from msgspec import Struct

from migrate.core.model_json import NO_MODEL, ModelJson
from migrate.core.options.declaration import written
from migrate.core.options.shared import ALLOW_UNSAFE

# what ML Serving knew


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


class ContainerLocation(Struct, frozen=True, kw_only=True, tag="container"):
    """Files in Object Storage: ``path`` is an object, or everything under ``path/``; empty is the whole container."""

    region: str
    container: str
    container_id: str
    path: str

    @property
    def words(self) -> str:
        """The place as people read it."""
        return f"{self.container}@{self.region}/{self.path}"


class BucketLocation(Struct, frozen=True, kw_only=True, tag="bucket"):
    """Files in an S3 bucket; ``path`` as in a container.

    Attributes:
        bucket: Its name.
        region: That of OVHcloud's API where the bucket is reached through it; else what was configured, if anything.
        endpoint: Where it is reached with S3 keys, empty for Amazon; None where it is reached through OVHcloud's API.
    """

    bucket: str
    region: str
    endpoint: str | None
    path: str

    @property
    def words(self) -> str:
        """The place as people read it."""
        base = f"s3:{self.bucket}@{self.region}" if self.endpoint is None else f"s3://{self.bucket}"
        return f"{base}/{self.path}"


class FolderLocation(Struct, frozen=True, kw_only=True, tag="folder"):
    """Files on this machine: ``path`` is absolute, a file or a folder."""

    path: str

    @property
    def words(self) -> str:
        """The place as people read it."""
        return self.path


Location = ContainerLocation | BucketLocation | FolderLocation


class ModelRecord(Struct, frozen=True, kw_only=True):
    """What ML Serving, or the place where its files lie, knows of a model. ``id`` is hostile input.

    ``recognised`` is the word for what its files look like, where they were looked at to find it.
    """

    SCHEMA: ClassVar[int] = 2  # in 1 no location was a bucket

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

    source: str
    models: tuple[ModelRecord, ...]
    ignored: tuple[Ignored, ...] = ()
    region: str | None = None


# the files


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


# what the files are

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


# sample requests and the answers to hold the new app against

ProofLevel = Literal["live", "recorded", "verified", "cross-checked", "engine", "self"]
"""What new answers are held against, best first (README: the levels of proof)."""


def with_level_of_one_engine(field: str, fields: dict[str, object], number: int) -> dict[str, object]:
    """Stored fields of schema 1, whose ``cross-checked`` meant that the engine itself was asked: now ``engine``."""
    return fields | {field: "engine"} if number == 1 and fields.get(field) == "cross-checked" else fields


class Sample(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request to ``/eval`` and the reference answer.

    ``request`` is the JSON body. ``answer`` is the JSON body of the old answer (``live``, ``recorded``), or, for
    ``verified``, ``cross-checked`` and ``engine``, the engine's own output tensors rendered as nested lists without
    dropped dimensions; None where nothing could answer. ``status`` is the HTTP status that belongs to the answer.
    """

    name: str
    request: dict[str, object]
    answer: dict[str, object] | None = None
    status: int = 200
    generated: bool = True


class Recording(Struct, frozen=True, kw_only=True):
    """Sample requests with their reference answers. ``origin`` says in words where the answers came from."""

    SCHEMA: ClassVar[int] = 2

    level: ProofLevel
    origin: str
    samples: tuple[Sample, ...]
    seed: int = 0
    describe: dict[str, object] | None = None

    @staticmethod
    def of_former(fields: dict[str, object], number: int) -> dict[str, object]:
        """The fields as they are called now."""
        return with_level_of_one_engine("level", fields, number)


# the image


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


class Rehearsal(Struct, frozen=True, kw_only=True):
    """The image run here as AI Deploy will run it. ``cold_start`` is seconds from start to ready."""

    image_id: str
    cold_start: float
    calls: int
    worst_difference: float
    memory: int | None = None


class PushedImage(Struct, frozen=True, kw_only=True):
    """An image in a registry: ``reference`` has an immutable tag, ``digest`` was read back from the registry."""

    reference: str
    digest: str
    registry: str
    size: int | None = None


# the app


class FixedScaling(Struct, frozen=True, kw_only=True, tag="fixed"):
    """A constant number of replicas (1 to 10)."""

    replicas: int


class AutomaticScaling(Struct, frozen=True, kw_only=True, tag="automatic"):
    """Replicas follow the average use of one resource, in percent."""

    replicas_min: int
    replicas_max: int
    resource: Literal["CPU", "RAM"]
    average_usage_target: int


class AppRequest(Struct, frozen=True, kw_only=True):
    """What will be asked of AI Deploy for one app, and what a person should know about it."""

    name: str
    region: str
    flavor: str
    cpu: int
    scaling: FixedScaling | AutomaticScaling
    labels: dict[str, str]
    notes: tuple[str, ...] = ()

    @property
    def replicas(self) -> tuple[int, int]:
        """The least and the most replicas."""
        if isinstance(self.scaling, AutomaticScaling):
            return self.scaling.replicas_min, self.scaling.replicas_max
        return self.scaling.replicas, self.scaling.replicas


class App(Struct, frozen=True, kw_only=True):
    """An AI Deploy app. ``url`` has no trailing slash."""

    id: str
    name: str
    url: str
    state: str
    region: str
    image: str
    cpu: int
    replicas: int
    labels: dict[str, str]


# the proof


class Tolerance(Struct, frozen=True, kw_only=True):
    """``|new - old| <= absolute + relative * |old|``."""

    relative: float
    absolute: float


class Mismatch(Struct, frozen=True, kw_only=True):
    """Where an answer differs: the tensor, the index in it, both values, and the difference of numbers."""

    sample: str
    tensor: str
    index: tuple[int, ...]
    old: str
    new: str
    difference: float | None
    text: str


class Parity(Struct, frozen=True, kw_only=True):
    """Replayed calls against their reference.

    ``worst_difference`` is the largest absolute difference of any number, within tolerance or not; None where
    nothing was compared (level ``self``).
    """

    SCHEMA: ClassVar[int] = 2

    level: ProofLevel
    origin: str
    passed: bool
    calls: int
    worst_difference: float | None
    mismatches: tuple[Mismatch, ...] = ()
    tolerances: dict[str, Tolerance] = {}

    @staticmethod
    def of_former(fields: dict[str, object], number: int) -> dict[str, object]:
        """The fields as they are called now."""
        return with_level_of_one_engine("level", fields, number)


# the end

OutcomeKind = Literal["done", "needs-you", "failed", "skipped"]


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one model's journey ended: ``reason`` is a code, ``text`` a sentence, ``task`` what a person does next.

    ``notes`` and ``hazards`` are what its files said, where this run or an earlier one has read them.
    ``slim`` is ``kept`` where the model is served as the ONNX that it was converted to, ``refused: `` and the reason
    where it was to be and is not, and empty where nobody asked.
    """

    SCHEMA: ClassVar[int] = 2

    model: str
    outcome: OutcomeKind
    reason: str = ""
    text: str = ""
    task: str = ""
    old_url: str | None = None
    new_url: str | None = None
    app_id: str | None = None
    proof: ProofLevel | None = None
    worst_difference: float | None = None
    cold_start: float | None = None
    query_id: str | None = None
    slim: str = ""
    exit_code: int = 0
    notes: tuple[str, ...] = ()
    hazards: tuple[Hazard, ...] = ()

    @staticmethod
    def of_former(fields: dict[str, object], number: int) -> dict[str, object]:
        """The fields as they are called now."""
        return with_level_of_one_engine("proof", fields, number)


def to_json(value: object) -> bytes:
    """The JSON text of a value, with sorted keys, so that equal values have equal texts."""
    return msgspec.json.encode(value, order="sorted")

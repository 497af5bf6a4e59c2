"""The fields of a plan file, with the bounds that a file from anywhere has to keep.

Lists stand in a fixed order (models as the source lists them, objects, flavors and runtimes by name), so that equal
plans are equal texts. Amounts are decimal texts in EUR, sizes bytes, times of change UTC as the storage says them.
Nothing in here is a path of a machine or a secret.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from migrate.core.values import AutomaticScaling, FixedScaling

SCHEMA: Final = 1

_MOST_OBJECTS: Final = 100_000
_MOST_MODELS: Final = 5_000

Name = Annotated[str, Meta(min_length=1, max_length=1024)]
"""A name from outside, as it is: an object's, a model's, a tensor's. It is never used as a path."""
Line = Annotated[str, Meta(max_length=4000)]
Word = Annotated[str, Meta(max_length=200, pattern=r"^[A-Za-z0-9._:/@+-]*$")]
Sha256 = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$")]
Eur = Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?$", max_length=16)]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Units = Annotated[int, Meta(ge=1, le=64)]
Replicas = Annotated[int, Meta(ge=0, le=10)]
Region = Annotated[str, Meta(pattern=r"^[A-Z0-9][A-Z0-9-]{0,31}$")]
Date = Annotated[str, Meta(pattern=r"^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$")]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]

FileVerdict = Literal["ready", "needs-attention", "quarantined", "unsupported", "unreadable", "not-yet-known"]
Owner = Literal["model owner", "project administrator", "client developer", "monitoring"]
Arranged = Literal["separate", "packed", "mixed"]


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the file; a field that is not known is refused."""


class PlannedSource(Part, frozen=True, kw_only=True):
    """Where the models lie. ``name`` is empty for what lies on a machine: it is given again when the plan is applied.

    ``digest`` is that of an inventory file.
    """

    kind: Literal["namespace", "container", "bucket", "folder", "inventory"]
    name: Annotated[str, Meta(max_length=2000)] = ""
    digest: Sha256 | None = None


class PlannedObject(Part, frozen=True, kw_only=True):
    """An object of a model. Of a file on a machine, ``etag`` is the SHA-256 of its bytes and ``changed`` is empty."""

    name: Annotated[str, Meta(max_length=1024)]
    size: Count | None
    etag: Annotated[str, Meta(max_length=200)]
    changed: Annotated[str, Meta(max_length=40)]


class Tensor(Part, frozen=True, kw_only=True):
    """An input or output, such as ``input x``, and its form, such as ``float [any, 4]``."""

    name: Name
    form: Line


class PlannedModel(Part, frozen=True, kw_only=True):
    """A model: what lies there, and what it is as far as that is known without all of its bytes.

    ``reason`` and ``task`` are those of the verdict; for ``not-yet-known``, ``text`` says why. ``was`` is what ML
    Serving gave it, in words.
    """

    id: Name
    place: Line
    verdict: FileVerdict
    reason: Word = ""
    text: Line = ""
    task: Line = ""
    format: Line = ""
    runtime: Word = ""
    signature: Annotated[tuple[Tensor, ...], Meta(max_length=10_000)] = ()
    notes: Annotated[tuple[Line, ...], Meta(max_length=200)] = ()
    was: Line = ""
    objects: Annotated[tuple[PlannedObject, ...], Meta(max_length=_MOST_OBJECTS)]


class Month(Part, frozen=True, kw_only=True):
    """EUR a month: with the least replicas, and with the most. ``known`` is False where a price in it is unknown.

    What is then there is the part that is known, so it is said with "at least"; None where no part is.
    """

    least: Eur | None
    most: Eur | None
    known: bool


class PlannedApp(Part, frozen=True, kw_only=True):
    """An app as it will be asked for. ``access`` is the role of the access token that is made for it.

    ``selection`` is what a packed app is named by: the models that were chosen, none for all of the source.
    ``cold_start`` is seconds from the start of a container.
    """

    name: Word
    models: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=_MOST_MODELS)]
    packed: bool
    selection: Annotated[tuple[Name, ...], Meta(max_length=_MOST_MODELS)] = ()
    runtime: Word
    region: Region
    flavor: Word
    cpu: Units
    scaling: FixedScaling | AutomaticScaling
    access: Literal["read"] = "read"
    cold_start: Seconds | None
    month: Month
    notes: Annotated[tuple[Line, ...], Meta(max_length=200)] = ()

    @property
    def replicas(self) -> tuple[int, int]:
        """The least and the most replicas."""
        if isinstance(self.scaling, AutomaticScaling):
            return self.scaling.replicas_min, self.scaling.replicas_max
        return self.scaling.replicas, self.scaling.replicas


class ManualTask(Part, frozen=True, kw_only=True):
    """What cannot be carried over exactly, and who has to see to it."""

    number: Annotated[int, Meta(ge=1, le=100_000)]
    owner: Owner
    models: Annotated[tuple[Name, ...], Meta(max_length=_MOST_MODELS)]
    text: Line


class RuntimeLock(Part, frozen=True, kw_only=True):
    """A runtime: the digest over its templates and locks, and what its image holds over the base, compressed."""

    name: Word
    lock: Sha256
    image: Count | None


class PlannedFlavor(Part, frozen=True, kw_only=True):
    """A flavor of AI Deploy: what one unit has (``memory`` in bytes), and the most units of a replica."""

    id: Word
    cpu: Count
    memory: Count
    most: Count


class FlavorPrice(Part, frozen=True, kw_only=True):
    """EUR an hour for one unit of a flavor; None where no source is known."""

    flavor: Word
    hour: Eur | None
    source: Line = ""


class Before(Part, frozen=True, kw_only=True):
    """What was paid a month before, as the user's price file says it; None where it does not."""

    total: Eur | None = None
    models: Annotated[tuple[tuple[Name, Eur], ...], Meta(max_length=_MOST_MODELS)] = ()


class PricesUsed(Part, frozen=True, kw_only=True):
    """The prices of the plan. ``origin`` says whose list it was; ``hours`` are those of a month."""

    origin: Literal["project", "yours"]
    date: Date
    hours: Annotated[int, Meta(ge=1, le=744)]
    flavors: Annotated[tuple[FlavorPrice, ...], Meta(max_length=100)]
    before: Before


class Decisions(Part, frozen=True, kw_only=True):
    """What was chosen; ``samples`` is the digest of the folder with the user's own requests."""

    models: Annotated[tuple[Name, ...], Meta(max_length=_MOST_MODELS)]
    layout: Literal["cheapest", "separate", "packed"]
    region: Region
    cpus: Units | None
    replicas: Annotated[int, Meta(ge=1, le=10)] | None
    scale_min: Replicas | None
    scale_max: Annotated[int, Meta(ge=1, le=10)] | None
    proof: Literal["live", "recorded", "verified", "cross-checked", "engine", "self"]
    allow_unsafe: Annotated[tuple[Sha256, ...], Meta(max_length=1000)]
    accept_agpl: bool
    slim: bool
    base_image: Annotated[str, Meta(max_length=255, pattern=r"^(?!oci:)[A-Za-z0-9\[][A-Za-z0-9._:/@\[\]-]*$")] | None
    rehearsal_timeout: Annotated[float, Meta(ge=1, le=1e7)]
    registry: Annotated[str, Meta(max_length=255, pattern=r"^[a-z0-9\[][a-z0-9._:/\[\]-]*$")] | None
    registry_user: Annotated[str, Meta(max_length=128, pattern=r"^[!-~][ -~]*$")] | None
    adopt: bool
    authorize: bool
    samples: Sha256 | None


class Layout(Part, frozen=True, kw_only=True):
    """How the models share apps, why, and what each way costs: the units of CPU that are billed all the time."""

    chosen: Arranged
    why: Line
    separate: Count
    packed: Count
    mixed: Count


class Tally(Part, frozen=True, kw_only=True):
    """How many models have a verdict."""

    verdict: FileVerdict
    models: Count


class Summary(Part, frozen=True, kw_only=True):
    """The sums. ``twice`` is what the apps cost with at least two replicas each (``--replicas 2``)."""

    verdicts: Annotated[tuple[Tally, ...], Meta(max_length=10)]
    apps: Count
    cpus: Count
    month: Month
    twice: Month
    before: Month


class PlanContent(Part, frozen=True, kw_only=True):
    """All that the digest covers."""

    version: Annotated[str, Meta(pattern=r"^[0-9A-Za-z.+-]{1,60}$")]
    project: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,128}$")]
    source: PlannedSource
    decisions: Decisions
    summary: Summary
    layout: Layout
    models: Annotated[tuple[PlannedModel, ...], Meta(min_length=1, max_length=_MOST_MODELS)]
    apps: Annotated[tuple[PlannedApp, ...], Meta(max_length=_MOST_MODELS)]
    tasks: Annotated[tuple[ManualTask, ...], Meta(max_length=20_000)]
    runtimes: Annotated[tuple[RuntimeLock, ...], Meta(max_length=200)]
    flavors: Annotated[tuple[PlannedFlavor, ...], Meta(max_length=100)]
    prices: PricesUsed


class ModelForecast(Part, frozen=True, kw_only=True):
    """What this machine said of a model when the plan was made: seconds to move it, bytes read to know it.

    ``left`` is whether anything is left to do for it.
    """

    id: Name
    seconds: Seconds
    read: Count
    left: bool


class AppForecast(Part, frozen=True, kw_only=True):
    """The memory that the models of an app take, in bytes: as rehearsals here have measured it, or forecast."""

    name: Word
    memory: Count | None
    measured: bool


class Forecast(Part, frozen=True, kw_only=True):
    """What is true of the machine and the day of the plan only; the digest does not cover it."""

    seconds: Seconds
    basis: Line
    models: Annotated[tuple[ModelForecast, ...], Meta(max_length=_MOST_MODELS)]
    apps: Annotated[tuple[AppForecast, ...], Meta(max_length=_MOST_MODELS)]


class PlanFile(Part, frozen=True, kw_only=True):
    """The file. ``digest`` is the SHA-256 of ``plan`` as compact JSON."""

    schema: Annotated[int, Meta(ge=SCHEMA, le=SCHEMA)]
    digest: Sha256
    plan: PlanContent
    forecast: Forecast

    @property
    def left(self) -> tuple[str, ...]:
        """The models for which something was left to do."""
        return tuple(model.id for model in self.forecast.models if model.left)

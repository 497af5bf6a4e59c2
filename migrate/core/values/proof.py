"""What a proof is: samples with their reference answers, how new answers compare, and how a journey ended."""

from typing import ClassVar, Literal

from msgspec import Struct

from migrate.core.values.model import Hazard

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


OutcomeKind = Literal["done", "needs-you", "failed", "skipped"]


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one model's journey ended: ``reason`` is a code, ``text`` a sentence, ``task`` what a person does next.

    ``notes`` and ``hazards`` are what its files said, where this run or an earlier one has read them.
    ``slim`` is ``kept`` where the model is served as the ONNX that it was converted to, ``refused: `` and the reason
    where it was to be and is not, and empty where nobody asked. ``not_rehearsed`` says why its image was not run on
    this machine before; empty where it was. ``step`` is the step that ended the journey, where one did.
    """

    SCHEMA: ClassVar[int] = 4  # in 3 no step was told

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
    not_rehearsed: str = ""
    exit_code: int = 0
    step: str = ""
    notes: tuple[str, ...] = ()
    hazards: tuple[Hazard, ...] = ()

    @staticmethod
    def of_former(fields: dict[str, object], number: int) -> dict[str, object]:
        """The fields as they are called now."""
        return with_level_of_one_engine("proof", fields, number)

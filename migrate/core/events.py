"""What happens during a run, as values: the console draws them and ``--json`` prints them."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from migrate.core.values import Outcome

Step = Literal[
    "list",
    "look",
    "fetch",
    "inspect",
    "record",
    "convert",
    "render",
    "build",
    "rehearse",
    "push",
    "attest",
    "deploy",
    "prove",
    "runtime",
    "undo",
]


class RunStarted(Struct, frozen=True, kw_only=True, tag_field="event", tag="run-started"):
    """A run begins; ``models`` is in the order of the board."""

    source: str
    models: tuple[str, ...]


class StepStarted(Struct, frozen=True, kw_only=True, tag_field="event", tag="step-started", omit_defaults=True):
    """A step begins; without a model it is shared (the runtime image)."""

    step: Step
    model: str | None = None
    detail: str = ""


class StepProgress(Struct, frozen=True, kw_only=True, tag_field="event", tag="step-progress", omit_defaults=True):
    """Bytes (or calls) done of a total, where the total is known."""

    step: Step
    model: str | None = None
    done: int
    total: int | None = None
    detail: str = ""


class StepFinished(Struct, frozen=True, kw_only=True, tag_field="event", tag="step-finished", omit_defaults=True):
    """A step has its value; ``reused`` when the journal's value still stands and nothing was done."""

    step: Step
    model: str | None = None
    seconds: float
    reused: bool = False
    detail: str = ""


class Notice(Struct, frozen=True, kw_only=True, tag_field="event", tag="notice", omit_defaults=True):
    """Something a person should know, in one sentence."""

    text: str
    model: str | None = None
    level: Literal["info", "warning"] = "info"


class ModelFinished(Struct, frozen=True, kw_only=True, tag_field="event", tag="model-finished"):
    """The end of one model's journey in this run."""

    outcome: Outcome


class Result(Struct, frozen=True, kw_only=True, tag_field="event", tag="result", omit_defaults=True):
    """The last event of every command with ``--json``; ``data`` is the command's own answer."""

    command: str
    exit_code: int
    models: tuple[Outcome, ...] = ()
    data: dict[str, object] = {}
    error: dict[str, object] | None = None


Event = RunStarted | StepStarted | StepProgress | StepFinished | Notice | ModelFinished | Result
Emit = Callable[[Event], None]

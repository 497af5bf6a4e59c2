"""The commands about a plan file: plan, show, apply; and the options of a run that applies one."""

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec.structs import replace

from migrate.core.errors import UsageError
from migrate.core.options.checks import check_digest_of_plan
from migrate.core.options.declaration import Argument, Command, Counts, Option, Options, absolute, parameters
from migrate.core.options.shared import (
    BASE_IMAGE,
    LAYOUT,
    OUT,
    Builder,
    Jobs,
    KeepFailed,
    OldTokenFile,
    Project,
    Renew,
    Samples,
    State,
    Ticket,
    Verbose,
    Workspace,
    Yes,
    is_path,
)
from migrate.core.options.sources import AUTHORIZE, MoveOptions, RunOptions
from migrate.core.text import plan_again, printable

PlanLayout = Literal["cheapest", "separate", "packed"]

PLAN: Final = Argument(metavar="PLAN", help="A file that migrate plan --out wrote.", read=absolute)
EXPECT: Final = Option(
    names=("--expect",),
    metavar="sha256:DIGEST",
    help="Apply the plan only if this is its digest.",
    counts=Counts.RUN,
    read=check_digest_of_plan,
)
PRICES: Final = Option(
    names=("--prices",),
    metavar="FILE",
    help="Your own prices, and what you paid before (TOML or JSON); by default the dated list of this tool.",
    counts=Counts.CLOUD,
    read=absolute,
)


class PlanOptions(MoveOptions, frozen=True, kw_only=True):
    """``migrate plan``."""

    about = Command(
        name="plan",
        group="Move",
        short="What the models would become, and what that costs.",
        help="Tell what the models of SOURCE are, what they would become on AI Deploy and what that costs; makes "
        "nothing, and needs rights to read only. --out writes the plan, for migrate apply.",
        example="migrate plan models@GRA --out plan.json\nmigrate plan models@GRA --layout cheapest --prices mine.toml",
    )

    layout: Annotated[PlanLayout, LAYOUT] = "separate"
    out: Annotated[Path | None, OUT] = None
    prices: Annotated[Path | None, PRICES] = None
    detailed_exitcode: Annotated[
        bool,
        Option(
            names=("--detailed-exitcode",),
            help="End with 10 where something is left to do, with 0 where nothing is.",
            counts=Counts.RUN,
        ),
    ] = False

    def __post_init__(self) -> None:
        """Refuse what no plan can hold.

        Raises:
            UsageError: ``usage``.
        """
        super().__post_init__()
        if is_path(self.base_image):
            raise UsageError(
                f"The base image {printable(str(self.base_image), 300)} is a path, and a plan holds no path.",
                code="usage",
                next_step=f"Give {BASE_IMAGE.name} a name in a registry, or type migrate run instead.",
            )


class ShowOptions(Options, frozen=True, kw_only=True):
    """``migrate show``."""

    about = Command(
        name="show",
        group="Look",
        short="Read a plan.",
        help="Show a plan that migrate plan wrote; asks nobody.",
        example="migrate show plan.json --html plan.html",
    )

    plan: Annotated[Path, PLAN]
    html: Annotated[
        Path | None,
        Option(
            names=("--html",),
            metavar="FILE",
            help="Write it as one page that needs no other file, with what it costs before and after.",
            counts=Counts.RUN,
            read=absolute,
        ),
    ] = None


class ApplyOptions(Options, frozen=True, kw_only=True):
    """``migrate apply``; paths are never read from the plan, so those that it needs are given here."""

    about = Command(
        name="apply",
        group="Move",
        short="Do what a plan says.",
        help="Do what PLAN says, and nothing else: where anything that it rests on has changed, it is refused with 6. "
        "What was stopped goes on where it stopped.",
        example="migrate apply plan.json --expect sha256:3f… --ticket CHG0012345",
    )

    plan: Annotated[Path, PLAN]
    expect: Annotated[str | None, EXPECT] = None
    source: Annotated[
        Path | None,
        Option(
            names=("--source",),
            metavar="PATH",
            help="The folder or inventory file of the plan, where its source was one.",
            counts=Counts.MODELS,
            read=absolute,
        ),
    ] = None
    samples: Samples = None
    prices: Annotated[Path | None, PRICES] = None
    old_token_file: OldTokenFile = None
    renew: Renew = ()
    ticket: Ticket = None
    keep_failed: KeepFailed = False
    builder: Builder = "auto"
    jobs: Jobs = 4
    state: State = None
    yes: Yes = False
    authorize: Annotated[bool, AUTHORIZE] = False
    project: Project = None
    workspace: Workspace = None
    verbose: Verbose = False


class AppliedOptions(RunOptions, frozen=True, kw_only=True):
    """A run's options as a plan has them; the commands that are shown are ``apply``, or ``plan`` where it must change.

    Attributes:
        applied: What was typed.
        planned: What makes the same plan again.
    """

    applied: ApplyOptions
    planned: PlanOptions

    def command(self) -> str:
        """The command that does the same."""
        decided = {name: getattr(self, name) for name in MoveOptions.__struct_fields__ if name not in _OF_A_RUN}
        wanted = replace(self.planned, **decided)
        return self.applied.command() if wanted == self.planned else wanted.command()

    def again(self, *models: str) -> str:  # noqa: ARG002 - a plan is applied as a whole
        """The command that goes on, or, where what was decided has to change, the one that plans it."""
        return self.command()

    def planning(self) -> str:
        """The command that makes the same plan again."""
        return self.planned.command()

    @property
    def doing(self) -> str:
        """What others are told who may not work on the source meanwhile."""
        return f"{self.applied.about.name} {self.applied.plan.name}, of {self.source}"

    def advice(self, next_step: str) -> str:
        """A next step in which an option of a run that apply does not have, because the plan decides it, is planned."""
        if next_step.startswith("Type: ") or _decided().isdisjoint(_OPTION.findall(next_step)):
            return next_step
        planned = plan_again(next_step)
        return planned if planned != next_step else f"{next_step} The plan decides that: plan again."


_OPTION: Final = re.compile(r"--[a-z][a-z-]*")


@cache
def _decided() -> frozenset[str]:
    """The options that a plan decides; of the samples it holds the digests."""

    def names(kind: type[Options]) -> set[str]:
        return {name for one in parameters(kind) if isinstance(one.about, Option) for name in one.about.names}

    return frozenset((names(RunOptions) | names(PlanOptions)) - names(ApplyOptions)) | {"--samples"}


_OF_A_RUN: Final = {"as_json", "output", "authorize", "jobs", "workspace", "project", "source", "verbose"}

"""The commands about a source: list, status, why, run, undo."""

from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from migrate.core.errors import UsageError
from migrate.core.options.checks import check_registry
from migrate.core.options.declaration import Argument, Command, Counts, Option, Options
from migrate.core.options.shared import (
    BASE_IMAGE,
    BUILDER,
    LAYOUT,
    SLIM,
    AcceptAgpl,
    AllowUnsafe,
    BaseImage,
    Builder,
    Jobs,
    KeepFailed,
    Models,
    OldTokenFile,
    OptionalSource,
    Project,
    RehearsalTimeout,
    Renew,
    Samples,
    Slim,
    Source,
    State,
    Ticket,
    Verbose,
    Workspace,
    Yes,
    is_path,
)
from migrate.core.sizing import MOST_REPLICAS, Sizing
from migrate.core.text import printable

DEFAULT_REGION: Final = "GRA"  # where ML Serving was

Layout = Literal["separate", "packed"]
ProofWanted = Literal["live", "recorded", "verified", "cross-checked", "engine", "self"]

PROOF: Final = Option(
    names=("--proof",),
    metavar="LEVEL",
    help="The least proof that counts: live, recorded, verified, engine or self.",
    counts=Counts.PROOF,
)
AUTHORIZE: Final = Option(
    names=("--authorize",),
    help="Open the project's object storage to AI Deploy without asking.",
    counts=Counts.RUN,
    kept=False,
)

Region = Annotated[
    str,
    Option(
        names=("--region",),
        metavar="REGION",
        help="The AI Deploy region.",
        counts=Counts.CLOUD,
        read=lambda text: text.upper() or DEFAULT_REGION,
    ),
]
Registry = Annotated[
    str | None,
    Option(
        names=("--registry",),
        metavar="HOST[/PATH]",
        help="A private registry; by default the platform's shared one, which is for tests.",
        counts=Counts.CLOUD,
        read=check_registry,
    ),
]
RegistryUser = Annotated[
    str | None,
    Option(
        names=("--registry-user",),
        metavar="NAME",
        help="Its user; the password is in MIGRATE_REGISTRY_PASSWORD.",
        counts=Counts.CLOUD,
    ),
]


class Typed(Struct, frozen=True):
    """A source as it was typed, with what every further command needs to mean the same one in the same place."""

    source: str
    project: str | None = None
    workspace: Path | None = None
    state: str | None = None

    def list(self) -> str:
        """The command that shows what lies there."""
        return ListOptions(source=self.source, project=self.project, workspace=self.workspace).command()

    def status(self) -> str:
        """The command that tells where it stands."""
        return StatusOptions(source=self.source, project=self.project, workspace=self.workspace).command()

    def why(self, model: str) -> str:
        """The command that tells what happened to a model."""
        return WhyOptions(source=self.source, model=model, project=self.project, workspace=self.workspace).command()

    def run(self) -> str:
        """The command that moves its models."""
        return RunOptions(
            source=self.source, project=self.project, workspace=self.workspace, state=self.state
        ).command()

    def undo(self, *models: str) -> str:
        """The command that deletes what was made for it, or for some of its models."""
        return UndoOptions(
            source=self.source, models=models, project=self.project, workspace=self.workspace, state=self.state
        ).command()


class ListOptions(Options, frozen=True, kw_only=True):
    """``migrate list``."""

    about = Command(
        name="list",
        group="Look",
        short="What the project has, or a source.",
        help="The namespaces, containers and S3 buckets of the project; with SOURCE, its models.",
        example="migrate list\nmigrate list my-namespace\nmigrate list models@GRA/2021",
    )

    source: OptionalSource = None
    project: Project = None
    workspace: Workspace = None
    verbose: Verbose = False


class StatusOptions(Options, frozen=True, kw_only=True):
    """``migrate status``."""

    about = Command(
        name="status",
        group="Look",
        short="Where things stand.",
        help="Where the models of SOURCE stand, and what AI Deploy says now; without SOURCE, every source of the "
        "project that is known here.",
        example="migrate status my-namespace",
    )

    source: OptionalSource = None
    offline: Annotated[
        bool,
        Option(names=("--offline",), help="From the journal alone; do not ask AI Deploy.", counts=Counts.RUN),
    ] = False
    project: Project = None
    workspace: Workspace = None
    verbose: Verbose = False


class NetworkOptions(Options, frozen=True, kw_only=True):
    """``migrate network``."""

    about = Command(
        name="network",
        group="Look",
        short="The hosts that commands contact, and why.",
        help="Every host that a command about SOURCE would contact, by which way and why; contacts none of them.",
        example="migrate network models@GRA --registry registry.example.com/models",
    )

    source: OptionalSource = None
    region: Region = DEFAULT_REGION
    registry: Registry = None
    base_image: BaseImage = None


class OfSource(Options, frozen=True, kw_only=True):
    """A command about one source."""

    source: Source
    project: Project = None
    workspace: Workspace = None

    @property
    def typed(self) -> Typed:
        """The source, for the next commands."""
        return Typed(self.source, self.project, self.workspace)


class WhyOptions(OfSource, frozen=True, kw_only=True):
    """``migrate why``."""

    about = Command(
        name="why",
        group="Look",
        short="What happened to a model, and what to do.",
        help="What happened to MODEL, the evidence, and what to do next; asks nobody.",
        example="migrate why my-namespace iris",
    )

    model: Annotated[str, Argument(metavar="MODEL", help="The model's id.")]


class MoveOptions(OfSource, frozen=True, kw_only=True):
    """What decides what is made of the models, of whichever command.

    ``samples`` holds the customer's own requests and answers. ``proof`` is the least level at which a model counts as
    migrated. ``registry`` is None for the platform's shared one. ``allow_unsafe`` holds the digests of files that the
    user lets run as code.
    """

    models: Models = ()
    allow_unsafe: AllowUnsafe = ()
    accept_agpl: AcceptAgpl = False
    slim: Slim = False
    base_image: BaseImage = None
    rehearsal_timeout: RehearsalTimeout = 300.0
    samples: Samples = None
    proof: Annotated[ProofWanted, PROOF] = "engine"
    region: Region = DEFAULT_REGION
    cpus: Annotated[
        int | None,
        Option(
            names=("--cpus",),
            metavar="NUMBER",
            help="CPUs of one replica (units of the flavor; memory follows); by default what ML Serving had.",
            counts=Counts.CLOUD,
            least=1,
            most=64,
        ),
    ] = None
    replicas: Annotated[
        int | None,
        Option(
            names=("--replicas",),
            metavar="NUMBER",
            help="Replicas of each app, always; by default what ML Serving had.",
            counts=Counts.CLOUD,
            least=1,
            most=MOST_REPLICAS,
        ),
    ] = None
    scale_min: Annotated[
        int | None,
        Option(
            names=("--scale-min",),
            metavar="NUMBER",
            help="The least replicas of each app, as its load changes; 0 lets it sleep without calls.",
            counts=Counts.CLOUD,
            least=0,
            most=MOST_REPLICAS,
        ),
    ] = None
    scale_max: Annotated[
        int | None,
        Option(
            names=("--scale-max",),
            metavar="NUMBER",
            help="The most replicas of each app, as its load changes.",
            counts=Counts.CLOUD,
            least=1,
            most=MOST_REPLICAS,
        ),
    ] = None
    registry: Registry = None
    registry_user: RegistryUser = None
    adopt: Annotated[
        bool,
        Option(names=("--adopt",), help="Take over apps that another run of this tool made.", counts=Counts.CLOUD),
    ] = False
    authorize: Annotated[bool, AUTHORIZE] = False
    jobs: Jobs = 4
    verbose: Verbose = False

    def __post_init__(self) -> None:
        """Refuse sizes that contradict each other.

        Raises:
            UsageError: ``usage``.
        """
        self.sizing.check()

    @property
    def sizing(self) -> Sizing:
        """The size of each app, as far as it was typed."""
        return Sizing(replicas=self.replicas, cpus=self.cpus, scale_min=self.scale_min, scale_max=self.scale_max)

    @property
    def least_proof(self) -> ProofWanted:
        """The level that is meant: earlier releases said ``cross-checked`` where the engine itself is asked."""
        return "engine" if self.proof == "cross-checked" else self.proof


class RunOptions(MoveOptions, frozen=True, kw_only=True):
    """``migrate run``."""

    about = Command(
        name="run",
        group="Move",
        short="Move the models of a source to AI Deploy.",
        help="Move the models of SOURCE to AI Deploy; type it again to go on where it stopped.",
        example="migrate run my-namespace --dry-run\nmigrate run models@GRA --samples ./samples --layout packed",
    )

    old_token_file: OldTokenFile = None
    builder: Builder = "auto"
    layout: Annotated[Layout, LAYOUT] = "separate"
    renew: Renew = ()
    ticket: Ticket = None
    dry_run: Annotated[
        bool,
        Option(
            names=("--dry-run", "-n"),
            help="Show what would be done, and make nothing; files are looked at where they lie, and not downloaded.",
            counts=Counts.RUN,
            kept=False,
        ),
    ] = False
    keep_failed: KeepFailed = False
    state: State = None
    yes: Yes = False

    def __post_init__(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            UsageError: ``usage``.
        """
        super().__post_init__()
        if self.slim and self.chosen_builder == "none":
            raise UsageError(
                f"{SLIM.name} converts models, which needs a container engine.",
                code="usage",
                next_step=f"Leave {SLIM.name} out, or start Docker or Podman, leave {BUILDER.name} none out and name "
                f"{BASE_IMAGE.name} in a registry.",
            )
        if self.builder == "engine" and is_path(self.base_image):
            raise UsageError(
                f"A container engine takes no base image from {printable(str(self.base_image), 300)}.",
                code="usage",
                next_step=f"Load it there and give {BASE_IMAGE.name} its name, or take {BUILDER.name} none.",
            )

    @property
    def chosen_builder(self) -> Literal["auto", "engine", "none"]:
        """Who is to make images: ``slim`` needs an engine, and a base image in a file is for images without one."""
        if self.builder == "auto" and is_path(self.base_image):
            return "none"
        return "engine" if self.builder == "auto" and self.slim else self.builder

    @property
    def typed(self) -> Typed:
        """The source, for the next commands, which hold the same lease."""
        return Typed(self.source, self.project, self.workspace, self.state)

    def again(self, *models: str) -> str:
        """The command that goes on with this run, or with some of its models, under the same options."""
        return replace(self, models=models or self.models).command()

    def planning(self) -> str:
        """The command that decides the same anew."""
        return self.command()

    @property
    def doing(self) -> str:
        """What others are told who may not work on the source meanwhile."""
        return f"{self.about.name} {self.source}"

    def advice(self, next_step: str) -> str:
        """A next step as it is right for this command."""
        return next_step


class UndoOptions(OfSource, frozen=True, kw_only=True):
    """``migrate undo``."""

    about = Command(
        name="undo",
        group="Leave",
        short="Delete what this tool made, only that.",
        help="Delete the apps, tokens, registrations and local images that were made for SOURCE; pushed images stay.",
        example="migrate undo my-namespace --model iris",
    )

    models: Models = ()
    state: State = None
    yes: Yes = False
    verbose: Verbose = False

    @property
    def typed(self) -> Typed:
        """The source, for the next commands, which hold the same lease."""
        return Typed(self.source, self.project, self.workspace, self.state)

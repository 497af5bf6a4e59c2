"""What the steps are given that ask no cloud, and what the models of a run share: the engine and the runtimes."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol

from msgspec import Struct

from migrate.core.errors import LocalError
from migrate.core.events import Emit, Event, ModelFinished, Notice, Step, StepFinished, StepProgress, StepStarted
from migrate.core.secret import Secret
from migrate.core.values import Inspection, Parity, ProofLevel, Recording, Rehearsal, RuntimeImage
from migrate.images.engine.connection import Engine, connect
from migrate.machine.room import Need, Room
from migrate.migration.journal.journal import Journal, Stored
from migrate.migration.run.builder import Builder, may_do_without
from migrate.migration.run.on_engine import OnEngine
from migrate.migration.run.once import Lent, Once, OnceEach
from migrate.migration.run.unaided import Unaided
from migrate.migration.run.units import Unit
from migrate.migration.run.workspace import Workspace
from migrate.ovhcloud.session import Cloud

if TYPE_CHECKING:
    from migrate.core.looked import Looked


LIMITING: Final = "Use Docker, Podman as root, or a machine with cgroups of version 2"


class Rehearsed(Struct, frozen=True):
    """How the image of one model did on this machine: the rehearsal, and how its answers compare."""

    model: str
    rehearsal: Rehearsal
    parity: Parity


class StepOptions(Protocol):
    """The options that the steps on this machine read; they mean the same for every command that has them."""

    @property
    def base_image(self) -> str | None:
        """The image that runtimes start from."""

    @property
    def samples(self) -> Path | None:
        """The folder of the customer's own requests and answers."""

    @property
    def rehearsal_timeout(self) -> float:
        """Seconds that a model may take to load here."""

    @property
    def allow_unsafe(self) -> tuple[str, ...]:
        """Digests of files that the user lets run as code."""

    @property
    def accept_agpl(self) -> bool:
        """Whether PMML may be served by JPMML."""


class RunContext(ABC):
    """What the steps need that ask no cloud. Threads share it.

    Attributes:
        options: What the person chose.
        journal: A journal, opened to write.
        workspace: The content store is in it.
        contexts: Where build contexts are written, one folder a unit.
        stop: Set when the run was asked to end.
        runtimes: The image of a runtime, by the runtime's name and the kind of performer that asks.
        references: What an engine called directly answered, by all that it depends on: once for identical models.
        rehearsals: The rehearsals of images of one model, in the same way.
        room: What the run's models are about to write on this machine's disks.
        environ: The environment, for the engine and the registry.
        found: What the files of each model are, by its id, where they were read in this run or an earlier one.
        looked: What a look at its files told, by the model's id, where they were not here and nobody fetched them.
    """

    options: StepOptions

    def __init__(
        self,
        *,
        journal: Journal,
        workspace: Workspace,
        contexts: Path,
        emit: Emit,
        stop: threading.Event,
        environ: Mapping[str, str],
    ) -> None:
        self.journal = journal
        self.workspace = workspace
        self.contexts = contexts
        self.stop = stop
        self.environ = environ
        self.runtimes = OnceEach[tuple[str, type], Stored[RuntimeImage]]()
        self.references = Lent[tuple[object, ...], Recording]()
        self.rehearsals = Lent[tuple[object, ...], Rehearsed]()
        self.found: dict[str, Inspection] = {}
        self.looked: dict[str, Looked] = {}
        self.room = Room()
        self._show = emit
        self._engine: Once[Engine] = Once()
        self._builder: Once[Builder] = Once()
        self._unlimited: Once[tuple[str, ...]] = Once()
        self._unable: Once[str] = Once()
        self._turn = threading.Lock()

    def emit(self, event: Event) -> None:
        """Shows an event, and journals it unless it is mere progress."""
        match event:
            case StepProgress() | StepStarted():
                pass
            case StepFinished(reused=True):
                pass
            case ModelFinished():
                self.journal.note(event, model=event.outcome.model)
            case StepFinished() | Notice():
                self.journal.note(event, model=event.model)
            case _:
                self.journal.note(event, model=None)
        self._show(event)

    def notice(self, text: str, *, model: str | None = None, warning: bool = False) -> None:
        """Tells a person something in one sentence."""
        self.emit(Notice(text=text, model=model, level="warning" if warning else "info"))

    def say(self, text: str, *, step: Step = "runtime", model: str | None = None) -> None:
        """Tells what a step does now, when that takes long."""
        self.emit(StepStarted(step=step, model=model, detail=text))

    def engine(self) -> Engine:
        """The container engine, connected when the first step needs it."""
        return self._engine.get(lambda: connect(self.environ))

    def wanted_builder(self) -> Literal["auto", "engine", "none"]:
        """Who is to make images."""
        return "engine"

    def builder(self) -> Builder:
        """Who makes images, chosen when the first step needs it.

        Raises:
            LocalError: An engine fails; that none runs is no failure where none has to.
        """
        return self._builder.get(self._choose)

    def _choose(self) -> Builder:
        wanted, store = self.wanted_builder(), self.workspace.store
        if wanted != "none":
            try:
                return OnEngine(self.engine(), store, self.say)
            except LocalError as error:
                if wanted == "engine" or not may_do_without(error, self.environ):
                    raise
            self.notice("No container engine answers, so this tool makes the images itself.")
        base = self.options.base_image
        return Unaided(store, base=base, environ=self.environ, stop=self.stop, say=self.say)

    def unable(self) -> str:
        """Why nothing can be tried out on this machine, told to the person once; empty where it can be."""
        return self._unable.get(self._find_unable)

    def _find_unable(self) -> str:
        why = self.builder().unable
        if why:
            self.notice(
                f"Nothing is rehearsed here: {why}. Each image's own test of itself and the proof on AI Deploy stand "
                "in its place.",
                warning=True,
            )
        return why

    def unlimited(self, image_id: str) -> tuple[str, ...]:
        """Which limits what runs models here does not apply, told to the person once.

        Args:
            image_id: Any image of the builder's.
        """

        def look() -> tuple[str, ...]:
            builder = self.builder()
            missing = builder.unlimited(image_id)
            if missing:
                who, where = ("The container engine", "containers") if builder.names_images else ("The kernel", "boxes")
                self.notice(
                    f"{who} applies no limit of {' and '.join(missing)} to the {where} that load models. {LIMITING}.",
                    warning=True,
                )
            return missing

        return self._unlimited.get(look)

    def needs(self, size: int, largest: int | None = None) -> tuple[Need, ...]:
        """What the steps after fetching write of a model's files: nothing where nobody says where images are kept.

        Args:
            size: Of the files of all models that are meant, in bytes.
            largest: Of those of one image; None where they are for one.
        """
        try:
            return self.builder().needs(size, largest or size)
        except LocalError:
            return ()  # which is told when the engine is needed

    @property
    def least_proof(self) -> ProofLevel:
        """The least level of a proof that counts."""
        return "engine"

    @property
    def storage(self) -> Cloud | None:
        """Where files are fetched from that lie in object storage; None where all of them lie on this machine."""
        return None

    @property
    def old_token(self) -> Secret | None:
        """What opens the models' old endpoints; None where they are not asked."""
        return None

    def revision(self, model_id: str) -> str:  # noqa: ARG002 - nobody looked
        """What lay at the model's place when the run began; empty where nobody looked."""
        return ""

    @abstractmethod
    def memory_of(self, unit: Unit) -> int:
        """The memory that one replica of a unit has, in bytes."""

    @abstractmethod
    def image_tag(self, unit: Unit, digest: str) -> str:
        """The reference of a unit's image on this machine, made of a context with this digest."""

    @abstractmethod
    def documents(self, unit: Unit) -> Path:
        """The folder for what says what a unit's image is made of."""

    @abstractmethod
    def look(self, model_id: str) -> str:
        """The command that shows all that is known of a model; empty where nothing is kept."""

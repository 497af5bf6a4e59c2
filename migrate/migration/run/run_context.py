"""What the steps are given that ask no cloud, and what the models of a run share: the engine and the runtimes."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from migrate.core.errors import LocalError
from migrate.core.events import Emit, Event, ModelFinished, Notice, Step, StepFinished, StepProgress, StepStarted
from migrate.core.secret import Secret
from migrate.core.values import Inspection, Parity, Recording, Rehearsal, RuntimeImage
from migrate.images.engine.connection import Engine, connect
from migrate.images.engine.containers import unlimited
from migrate.machine.room import Need, Room
from migrate.migration.journal.journal import Journal, Stored
from migrate.migration.run.once import Lent, Once, OnceEach
from migrate.migration.run.units import Unit
from migrate.migration.run.workspace import Workspace
from migrate.ovhcloud.session import Cloud

if TYPE_CHECKING:
    from migrate.core.looked import Looked


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
        self._images: Once[Path | None] = Once()
        self._unlimited: Once[tuple[str, ...]] = Once()
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

    def unlimited(self, image_id: str) -> tuple[str, ...]:
        """What the engine does not limit (``containers.unlimited``), told to the person once.

        Args:
            image_id: Any image of the engine.
        """

        def look() -> tuple[str, ...]:
            missing = unlimited(self.engine(), image_id)
            if missing:
                self.notice(
                    f"The container engine applies no limit of {' and '.join(missing)} to the containers that load "
                    "models. Use Docker, Podman as root, or a machine with cgroups of version 2.",
                    warning=True,
                )
            return missing

        return self._unlimited.get(look)

    def needs(self, size: int, largest: int | None = None) -> tuple[Need, ...]:
        """What the steps after fetching write of a model's files: nothing where no engine says where it keeps images.

        The engine stores the build context that it is sent before it makes layers of it, and as long as it does.

        Args:
            size: Of the files of all models that are meant, in bytes.
            largest: Of those of one image; None where they are for one.
        """
        folder = self._images.get(self._find_images)
        if folder is None:
            return ()
        remedy = "Free space where the container engine keeps images (docker image prune shows what may go)"
        return (
            Need(folder=folder, size=size, what="the image's layers", remedy=remedy),
            Need(folder=folder, size=largest or size, what="the engine's copy of the build context", remedy=remedy),
        )

    def _find_images(self) -> Path | None:
        try:
            return self.engine().folder()
        except LocalError:
            return None  # which is told when the engine is needed

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

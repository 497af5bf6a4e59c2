"""The services of one run, and what its models share: the engine, the runtimes, AI Deploy's listing, the registry."""

import threading
from collections.abc import Mapping

from migrate.apps import deploy
from migrate.apps.resources import plan_app
from migrate.apps.watching import Watcher
from migrate.core.errors import ConfigurationError
from migrate.core.events import Emit, Event, ModelFinished, Notice, StepFinished, StepProgress, StepStarted
from migrate.core.names import ARTIFACT_LABEL, KEY_LABEL, MODEL_LABEL, NAMESPACE_LABEL, RUN_LABEL, slug
from migrate.core.values import App, AppPlan, Inspection, Listing, ModelRecord
from migrate.images.engine.connection import Engine, connect
from migrate.migration.journal.journal import Journal
from migrate.migration.run.once import FirstAlone, Once
from migrate.migration.run.options import DEFAULT_REGION, RunOptions
from migrate.migration.run.units import Unit
from migrate.migration.run.workspace import SourceFolder, Workspace
from migrate.ovhcloud import capabilities
from migrate.ovhcloud.session import Cloud


class Run:
    """One run over one source. Threads share it.

    Attributes:
        options: What the person chose.
        journal: The source's journal, opened to write.
        workspace: The content store is in it.
        folder: The source's folder.
        cloud: OVHcloud's API and the project.
        listing: The models of the source.
        stop: Set when the run was asked to end.
        first_push: Entered by every push.
        found: What the files of each model are, by its id, where they were read in this run or an earlier one.
    """

    def __init__(  # noqa: PLR0913 - the services of a run, each of its own kind
        self,
        *,
        options: RunOptions,
        journal: Journal,
        workspace: Workspace,
        folder: SourceFolder,
        cloud: Cloud,
        listing: Listing,
        emit: Emit,
        stop: threading.Event,
        environ: Mapping[str, str],
        revisions: Mapping[str, str],
    ) -> None:
        self.options = options
        self.journal = journal
        self.workspace = workspace
        self.folder = folder
        self.cloud = cloud
        self.listing = listing
        self.stop = stop
        self.environ = environ
        self.first_push = FirstAlone()
        self.found: dict[str, Inspection] = {}
        self._show = emit
        self._revisions = revisions
        self._engine: Once[Engine] = Once()
        self._apps: Once[dict[str, App]] = Once()
        self._flavors: Once[tuple[capabilities.Flavor, ...]] = Once()
        self._watcher: Once[Watcher] = Once()
        self._shared: dict[str, Once[object]] = {}
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

    def once(self, name: str) -> Once[object]:
        """The value that all models share under a name."""
        with self._turn:
            return self._shared.setdefault(name, Once())

    def revision(self, model_id: str) -> str:
        """What lay at the model's place when the run began; see ``revisions``."""
        return self._revisions.get(model_id, "")

    @property
    def region(self) -> str:
        """The AI Deploy region: the one asked for, or GRA, where ML Serving was."""
        return self.options.region or DEFAULT_REGION

    def engine(self) -> Engine:
        """The container engine, connected when the first step needs it."""
        return self._engine.get(lambda: connect(self.environ))

    def apps(self) -> dict[str, App]:
        """The apps of this tool in the project by id, as one listing at the run's beginning saw them."""
        return self._apps.get(lambda: {app.id: app for app in deploy.listing(self.cloud)})

    def flavors(self) -> tuple[capabilities.Flavor, ...]:
        """The flavors of the region."""
        return self._flavors.get(lambda: capabilities.flavors(self.cloud, self.region))

    def watcher(self) -> Watcher:
        """What all waiting models ask about the states of their apps."""
        return self._watcher.get(lambda: Watcher(self.cloud))

    def labels(self, unit: Unit, artifact_digest: str) -> dict[str, str]:
        """The labels of a unit's app (field notes, 5)."""
        record = unit.records[0]
        return {
            KEY_LABEL: unit.key(self.cloud.project),
            RUN_LABEL: self.journal.id,
            NAMESPACE_LABEL: slug(record.namespace or record.source),
            MODEL_LABEL: unit.name,
            ARTIFACT_LABEL: artifact_digest.removeprefix("sha256:")[:40],
        }

    def plan(self, unit: Unit, records: tuple[ModelRecord, ...], artifact_digest: str = "") -> AppPlan:
        """What will be asked of AI Deploy for a unit with these models in it."""
        return plan_app(
            records,
            name=unit.name,
            region=self.region,
            flavors=self.flavors(),
            labels=self.labels(unit, artifact_digest),
        )

    def memory_of(self, record: ModelRecord) -> int:
        """The memory of an app of a model's own, in bytes."""
        return self.memory(self.plan(Unit(id=record.id, records=(record,), packed=False), (record,)))

    def memory(self, plan: AppPlan) -> int:
        """The memory of one replica of a plan, in bytes.

        Raises:
            ConfigurationError: The flavor is not one of the region's.
        """
        for flavor in self.flavors():
            if flavor.id == plan.flavor:
                return flavor.resources_per_unit.memory * plan.cpu
        raise ConfigurationError(
            f"The region {plan.region} has no flavor {plan.flavor}.",
            code="unknown-flavor",
            next_step="Choose another region with --region.",
        )

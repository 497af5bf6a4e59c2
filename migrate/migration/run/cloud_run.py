"""One run over one source: what the steps need that ask OVHcloud, and what a run's models share of its answers."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from migrate.apps import deploy
from migrate.apps.resources import plan_app
from migrate.apps.watching import Watcher
from migrate.core.errors import ConfigurationError
from migrate.core.events import Emit
from migrate.core.names import ARTIFACT_LABEL, KEY_LABEL, MODEL_LABEL, NAMESPACE_LABEL, RUN_LABEL, TICKET_LABEL, slug
from migrate.core.options.sources import RunOptions
from migrate.core.planfile.content import PlannedApp
from migrate.core.secret import Secret
from migrate.core.values import App, AppRequest, Listing, ProofLevel
from migrate.images.registry.credentials import RegistryCredentials
from migrate.machine.patience import READY_TIMEOUT
from migrate.migration.journal.journal import Journal
from migrate.migration.run.once import FirstAlone, Once, OnceEach
from migrate.migration.run.run_context import RunContext
from migrate.migration.run.slots import Slots
from migrate.migration.run.units import Unit
from migrate.migration.run.workspace import SourceFolder, Workspace
from migrate.ovhcloud import capabilities
from migrate.ovhcloud.renewal import Keys
from migrate.ovhcloud.session import Cloud


class Target(Struct, frozen=True):
    """A registry: its host (with a port where it has one), what stands before a repository's name, and a login."""

    host: str
    prefix: str
    shared: bool
    keys: Keys[RegistryCredentials | None]

    @property
    def credentials(self) -> RegistryCredentials | None:
        """The login that is good now, as far as is known."""
        return self.keys.current

    def repository(self, name: str) -> str:
        """The repository of an image."""
        return f"{self.prefix}/{name}" if self.prefix else name


class Run(RunContext):
    """One run over one source: what the steps need that ask OVHcloud.

    Attributes:
        options: What the person chose.
        folder: The source's folder.
        cloud: OVHcloud's API and the project.
        listing: The models of the source.
        planned: The apps of a plan that is applied; None for a run without one.
        ready_timeout: How long an app may take to come up, in seconds.
        slots: How many models are worked on at a time; a model that waits for its app holds none.
        first_push: Entered by every push.
        target: The registry that images are pushed to.
        registrations: That AI Deploy may pull from it, once for each login by its generation.
        proof_tokens: The token of the proofs, by its label selector.
        known_tokens: The ids of the tokens that existed when the first one was handed over.
    """

    options: RunOptions

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
        sizes: Mapping[str, int],
        old_token: Secret | None = None,
        planned: tuple[PlannedApp, ...] | None = None,
        ready_timeout: float = READY_TIMEOUT,
    ) -> None:
        super().__init__(
            journal=journal, workspace=workspace, contexts=folder.contexts, emit=emit, stop=stop, environ=environ
        )
        self.options = options
        self.ready_timeout = ready_timeout
        self.folder = folder
        self.cloud = cloud
        self.listing = listing
        self.planned = planned
        self.slots = Slots(options.jobs)
        self.first_push = FirstAlone()
        self.target = Once[Target]()
        self.registrations = OnceEach[int, None]()
        self.proof_tokens = OnceEach[str, Secret]()
        self.known_tokens = Once[frozenset[str]]()
        self._revisions = revisions
        self.sizes = sizes
        self._old_token = old_token
        self._apps: Once[dict[str, App]] = Once()
        self._flavors: Once[tuple[capabilities.Flavor, ...]] = Once()
        self._watcher: Once[Watcher] = Once()

    def wanted_builder(self) -> Literal["auto", "engine", "none"]:
        """What the person chose."""
        return self.options.chosen_builder

    @property
    def least_proof(self) -> ProofLevel:
        """What the person chose."""
        return self.options.least_proof

    @property
    def storage(self) -> Cloud:
        """OVHcloud's object storage."""
        return self.cloud

    @property
    def old_token(self) -> Secret | None:
        """What opens the models' old endpoints, if the person has it."""
        return self._old_token

    def revision(self, model_id: str) -> str:
        """What lay at the model's place when the run began; see ``revisions``."""
        return self._revisions.get(model_id, "")

    def image_tag(self, unit: Unit, digest: str) -> str:
        """A name of this journal's own, which no other's undo removes, with the beginning of the context's digest."""
        return f"migrate/{unit.repository}:{digest.removeprefix('sha256:')[:12]}-{self.journal.id}"

    def documents(self, unit: Unit) -> Path:
        """A folder of the unit's beside the journal."""
        return self.folder.documents / unit.name

    def look(self, model_id: str) -> str:
        """``migrate why`` for a model."""
        return self.options.typed.why(model_id)

    @property
    def region(self) -> str:
        """The AI Deploy region."""
        return self.options.region

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
        """The labels of a unit's app (decisions: Labels)."""
        record = unit.records[0]
        return {
            KEY_LABEL: unit.key(self.cloud.project),
            RUN_LABEL: self.journal.id,
            NAMESPACE_LABEL: slug(record.namespace or record.source),
            MODEL_LABEL: unit.name,
            ARTIFACT_LABEL: artifact_digest.removeprefix("sha256:")[:40],
            **({TICKET_LABEL: self.options.ticket} if self.options.ticket else {}),
        }

    def planned_app(self, unit: Unit) -> PlannedApp | None:
        """The app that an applied plan has for a unit, or for some of its models."""
        models = set(unit.models)
        return next((app for app in self.planned or () if not models.isdisjoint(app.models)), None)

    def sized(self, unit: Unit) -> dict[str, object]:
        """The size that was decided for a unit's app, by a plan or an option; what was not follows from ML Serving."""
        planned = self.planned_app(unit)
        if planned is None:
            return dict(self.options.sizing.typed())
        return {"flavor": planned.flavor, "cpus": planned.cpu, "scaling": msgspec.to_builtins(planned.scaling)}

    def size_of_its_own(self, unit: Unit) -> dict[str, object]:
        """The same, less what a plan has for it where a run without a plan would ask for just that."""
        if self.planned_app(unit) is None:
            return dict(self.options.sizing.typed())
        planned, usual = self.plan(unit), self._usual(unit)
        if (planned.flavor, planned.cpu, planned.scaling) == (usual.flavor, usual.cpu, usual.scaling):
            return dict(self.options.sizing.typed())
        return self.sized(unit)

    def plan(self, unit: Unit, artifact_digest: str = "") -> AppRequest:
        """What will be asked of AI Deploy for a unit."""
        planned = self.planned_app(unit)
        if planned is not None:
            return AppRequest(
                name=unit.name,
                region=self.region,
                flavor=planned.flavor,
                cpu=planned.cpu,
                scaling=planned.scaling,
                labels=self.labels(unit, artifact_digest),
            )
        return self._usual(unit, artifact_digest)

    def _usual(self, unit: Unit, artifact_digest: str = "") -> AppRequest:
        return plan_app(
            unit.records,
            name=unit.name,
            region=self.region,
            flavors=self.flavors(),
            labels=self.labels(unit, artifact_digest),
            sizing=self.options.sizing,
        )

    def memory_of(self, unit: Unit) -> int:
        """The memory that one replica of a unit's app will have, in bytes.

        Raises:
            ConfigurationError: The flavor is not one of the region's.
        """
        plan = self.plan(unit)
        for flavor in self.flavors():
            if flavor.id == plan.flavor:
                return flavor.resources_per_unit.memory * plan.cpu
        raise ConfigurationError(
            f"The region {plan.region} has no flavor {plan.flavor}.",
            code="unknown-flavor",
            next_step="Choose another region with --region.",
        )

"""Runs over the sandbox's API, without an engine: what a test needs to call a step by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from migrate.core.events import Event
from migrate.core.options.sources import RunOptions
from migrate.core.plan import Plan
from migrate.core.values import App, Artifact, Listing, ModelRecord, PushedImage
from migrate.migration.journal.journal import Journal
from migrate.migration.run.run_context import Run
from migrate.migration.run.units import Unit
from migrate.migration.run.workspace import SourceFolder, Workspace
from migrate.ovhcloud.session import Cloud
from migrate.sandbox.world.samples import read_index

NAMESPACE = read_index().namespace.id
NO_ENGINE = {"DOCKER_HOST": "tcp://127.0.0.1:1"}
IMAGE = PushedImage(reference="registry.test/iris:0123456789ab", digest="sha256:1", registry="registry.test")


def record(name: str = "iris") -> ModelRecord:
    return ModelRecord(id=name, source="ns", namespace="ns")


def unit(name: str = "iris") -> Unit:
    return Unit(id=name, records=(record(name),), packed=False)


@contextmanager
def run_of(
    cloud: Cloud,
    folder: Path,
    *,
    adopt: bool = False,
    journal_name: str = "journal.sqlite",
    timeout: float = 0.0,
    jobs: int = 4,
    cpus: int | None = None,
    replicas: int | None = None,
    scale_max: int | None = None,
) -> Iterator[tuple[Run, list[Event]]]:
    """A run with its journal in ``folder``."""
    source = SourceFolder(folder)
    journal = Journal.create(folder / journal_name, source="ns", endpoint="sandbox", project=cloud.project)
    journal.begin("run")
    events: list[Event] = []
    run = Run(
        options=RunOptions(source="ns", adopt=adopt, jobs=jobs, cpus=cpus, replicas=replicas, scale_max=scale_max),
        journal=journal,
        workspace=Workspace(folder),
        folder=source,
        cloud=cloud,
        listing=Listing(source="ns", models=(record(),)),
        emit=events.append,
        stop=cloud.session.stop,
        environ=NO_ENGINE,
        revisions={},
        ready_timeout=timeout,
    )
    try:
        yield run, events
    finally:
        cloud.session.stop.clear()
        journal.close()


def app(run: Run, name: str = "iris") -> App:
    """An app value as AI Deploy would list it."""
    labels = run.labels(unit(name), "sha256:0")
    return App(
        id="x", name=name, url="http://x", state="RUNNING", region="GRA", image="", cpu=1, replicas=1, labels=labels
    )


def artifact(journal: Journal, name: str = "iris") -> None:
    journal.put(f"model:{name}", "fetch", "k", Artifact(folder="/", files=(), size=0, digest="sha256:0"))


def agree(_: Plan) -> None:
    """Says yes."""

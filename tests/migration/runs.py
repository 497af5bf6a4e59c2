"""Runs over the sandbox's API, without an engine: what a test needs to call a step by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from migrate.core.errors import MigrateError
from migrate.core.events import Event
from migrate.core.options.sources import RunOptions
from migrate.core.plan import Plan
from migrate.core.values import (
    App,
    Artifact,
    Inspection,
    Listing,
    ModelRecord,
    PushedImage,
    Recording,
    RuntimeImage,
)
from migrate.migration.journal.journal import Journal, Stored
from migrate.migration.journey.models import Prepared
from migrate.migration.journey.steps import deploy
from migrate.migration.run.cloud_run import Run
from migrate.migration.run.step_engine import Performer
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
    keep_failed: bool = False,
) -> Iterator[tuple[Run, list[Event]]]:
    """A run with its journal in ``folder``."""
    source = SourceFolder(folder)
    journal = Journal.create(folder / journal_name, source="ns", endpoint="sandbox", project=cloud.project)
    journal.begin("run")
    events: list[Event] = []
    run = Run(
        options=RunOptions(
            source="ns",
            adopt=adopt,
            jobs=jobs,
            cpus=cpus,
            replicas=replicas,
            scale_max=scale_max,
            keep_failed=keep_failed,
        ),
        journal=journal,
        workspace=Workspace(folder),
        folder=source,
        cloud=cloud,
        listing=Listing(source="ns", models=(record(),)),
        emit=events.append,
        stop=cloud.session.stop,
        environ=NO_ENGINE,
        revisions={},
        sizes={},
        ready_timeout=timeout,
    )
    try:
        yield run, events
    finally:
        cloud.session.stop.clear()
        journal.close()


def prepared(run: Run) -> tuple[tuple[Prepared, ...], Stored[PushedImage]]:
    """A model that is ready to be deployed, and its pushed image, as the journal would have them."""
    journal = run.journal
    model = Prepared(
        record(),
        journal.put("model:iris", "fetch", "k", Artifact(folder="/", files=(), size=0, digest="sha256:0")),
        journal.put("model:iris", "inspect", "k", Inspection(format="onnx", runtime="onnx", verdict="ready")),
        journal.put(
            "runtime:onnx",
            "runtime",
            "k",
            RuntimeImage(runtime="onnx", reference="r", image_id="i", key="k", size=0, base="b"),
        ),
        journal.put("model:iris", "record", "k", Recording(level="self", origin="", samples=())),
    )
    return (model,), journal.put(unit().subject, "push", "k", IMAGE)


def deployed(run: Run) -> MigrateError:
    """Deploys, and gives up waiting after the run's time: without an engine no app gets to RUNNING."""
    models, pushed = prepared(run)
    with pytest.raises(MigrateError) as caught:
        deploy.deploy(run, Performer(run.journal, run.emit, run.stop), unit(), models, pushed)
    return caught.value


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

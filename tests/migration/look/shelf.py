"""Models in a container of the sandbox, and a run that looks into it."""

import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper, numpy_helper

from migrate.core.events import Event
from migrate.core.values import Artifact, BucketLocation, ContainerLocation, Inspection, Location, ModelRecord
from migrate.formats import inspect
from migrate.migration.run.cloud_run import Run
from migrate.ovhcloud import objects
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from migrate.sandbox.base.requestlog import Line
from migrate.sources.fetch import fetch
from tests.clouds import QUICK, logged
from tests.formats import models
from tests.formats.hostile.base import example, unzipped, zipped
from tests.migration.runs import run_of

MEGABYTE = 1_000_000


def large_onnx(layers: int = 12) -> bytes:
    """A graph with half a megabyte of weights a layer."""
    weights = [numpy_helper.from_array(np.full(125_000, n, np.float32), f"w{n}") for n in range(layers)]
    nodes = [helper.make_node("Add", [f"h{n}" if n else "x", f"w{n}"], [f"h{n + 1}"]) for n in range(layers)]
    value = models.value("x", shape=("N", 125_000)), models.value(f"h{layers}", shape=("N", 125_000))
    return models.model(models.graph(nodes, value[:1], value[1:], weights)).SerializeToString()


def large_script() -> dict[str, bytes]:
    """TorchScript with a manifest and three megabytes beside its code."""
    files = example("species-torchscript")
    entries = unzipped(files["species.ts"])
    return {**files, "species.ts": zipped({**entries, "species/extra/notes": bytes(1) + os.urandom(3 * MEGABYTE)})}


class Shelf:
    """A container or bucket, and a run that looks into it."""

    def __init__(self, sandbox: Path, folder: Path, run: Run, events: list[Event]) -> None:
        self.sandbox, self.folder, self.run, self.events = sandbox, folder, run, events

    def put(self, files: Mapping[str, bytes], container: str = "box", **details: Any) -> str:
        for number, (name, data) in enumerate(files.items()):
            file = self.folder / f"object-{number}"
            file.write_bytes(data)
            identity = control.put_object(self.sandbox, container, name, file, **details)
        return identity

    def record(self, files: Mapping[str, bytes], *, s3: bool = False) -> ModelRecord:
        """A model of these files."""
        identity = self.put({f"m/{name}": data for name, data in files.items()}, s3=s3)
        place: Location = (
            BucketLocation(bucket="box", region="GRA", endpoint=None, path="m")
            if s3
            else ContainerLocation(region="GRA", container="box", container_id=identity, path="m")
        )
        return ModelRecord(id="m", source="s", location=place)

    def fetch(self, record: ModelRecord) -> Artifact:
        """A download."""
        stop = threading.Event()
        return fetch(record, self.folder / "store", self.run.storage, lambda *_: None, stop=stop)

    def fetched(self, record: ModelRecord) -> Inspection:
        """What a download tells."""
        return inspect(self.fetch(record), framework=record.framework)

    def sent(self) -> list[Line]:
        """The requests for bytes of objects so far."""
        return [
            line
            for line in logged(self.sandbox)
            if line.service != "api" and line.method == "GET" and line.status in {200, 206}
        ]


@pytest.fixture
def shelf(sandbox: Path, tmp_path: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    monkeypatch.setattr(objects, "STORAGE_RETRY", QUICK)
    with run_of(cloud, tmp_path) as (run, events):
        yield Shelf(sandbox, tmp_path, run, events)

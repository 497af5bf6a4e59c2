"""Putting objects into the sandbox's containers, and fetching them, for the tests of this room."""

import threading
from pathlib import Path

from migrate.core.values import Artifact, ContainerLocation, ModelRecord
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from migrate.sources.fetch import fetch
from tests.clouds import logged


def put(sandbox: Path, tmp_path: Path, content: dict[str, bytes], container: str = "box", **details: object) -> str:
    """Put objects into a container and return its id."""
    identity = ""
    for number, (name, data) in enumerate(content.items()):
        file = tmp_path / f"object-{number}"
        file.write_bytes(data)
        identity = control.put_object(sandbox, container, name, file, **details)
    return identity


def at(container_id: str, path: str, container: str = "box") -> ModelRecord:
    """A model whose files lie there."""
    location = ContainerLocation(region="GRA", container=container, container_id=container_id, path=path)
    return ModelRecord(id="m", source="s", location=location)


def take(cloud: Cloud, record: ModelRecord, store: Path, stop: threading.Event | None = None) -> Artifact:
    """Fetch without looking at the progress."""
    return fetch(record, store, cloud, lambda *_: None, stop=stop or threading.Event())


def content(artifact: Artifact) -> dict[str, bytes]:
    """The files of an artifact."""
    return {file.path: Path(artifact.folder, file.path).read_bytes() for file in artifact.files}


def downloads(sandbox: Path, ending: str = "") -> list[tuple[int, int]]:
    """Status and bytes of each GET of an object whose path ends so, but for its manifest."""
    return [
        (line.status, line.bytes)
        for line in logged(sandbox)
        if line.service == "storage"
        and line.method == "GET"
        and line.path.endswith(ending)
        and line.path.count("/") > 5
        and "multipart-manifest" not in line.query
    ]

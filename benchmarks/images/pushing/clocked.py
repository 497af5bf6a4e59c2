"""Build and push models by one route of one checkout, phase by phase: run as a program with that checkout as its path.

    python -P clocked.py JOB.json RESULT.json

A job has ``route`` (``this`` or ``former``), ``store``, ``base``, ``registry`` and ``data`` (its address and files),
``jobs`` and ``phases`` (``name``, ``models``, and ``nowhere`` where the compressor is measured too). What is fetched
and inspected is so before the clock of a phase starts; it ends when the last tag was read back.
"""

import json
import os
import re
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from migrate import formats
from migrate.core.values import FolderLocation, ModelRecord
from migrate.sources.fetch import fetch


def main() -> None:
    """Measure what the job says."""
    job = json.loads(Path(sys.argv[1]).read_text())
    store = Path(job["store"])
    route = (This if job["route"] == "this" else Former)(store, job["base"], job["registry"])
    found = {}
    for phase in job["phases"]:
        before = stored(Path(job["data"]))
        found[phase["name"]] = _phase(route, store, phase, job["jobs"])
        found[phase["name"]]["grown"] = stored(Path(job["data"])) - before
    Path(sys.argv[2]).write_text(json.dumps({"phases": found}))


def _phase(route: Any, store: Path, phase: dict[str, Any], jobs: int) -> dict[str, Any]:
    models = [_model(route, Path(folder), store) for folder in phase["models"]]
    nowhere = _nowhere(models) if phase.get("nowhere") else {}
    _reset_peak()
    before, start = _cpu(), time.monotonic()
    runtime = route.runtime(models[0].inspection.runtime)
    image = [route.move(models[0], runtime)]  # what all share travels once
    with ThreadPoolExecutor(jobs) as pool:
        image += pool.map(lambda model: route.move(model, runtime), models[1:])
    seconds = time.monotonic() - start
    return {"seconds": seconds, "cpu": _cpu() - before, "peak": _peak(), "images": image, **nowhere}


def stored(data: Path) -> int:
    """The bytes of a registry's blobs."""
    return sum(blob.stat().st_size for blob in data.glob("docker/registry/v2/blobs/sha256/*/*/data"))


def _model(route: Any, folder: Path, store: Path) -> Any:
    record = ModelRecord(id=folder.name, source="benchmark", location=FolderLocation(path=str(folder.resolve())))
    artifact = fetch(record, store, None, lambda *_: None, stop=threading.Event())
    inspection = formats.inspect(artifact, framework=None, allow_unsafe=[file.digest for file in artifact.files])
    return route.rendered(record, artifact, inspection)


def _nowhere(models: list[Any]) -> dict[str, Any]:
    """The seconds of the same compressor that writes to nowhere: with the archive and its digests, and alone."""
    from migrate.images.model.image import file_entries  # noqa: PLC0415
    from migrate.images.oci.compression import QUICK, compress  # noqa: PLC0415
    from migrate.images.oci.layer import LayerStream  # noqa: PLC0415

    start = time.monotonic()
    deque(LayerStream(file_entries(models), QUICK), maxlen=0)
    layer = time.monotonic() - start
    start = time.monotonic()
    for model in models:
        for file in model.artifact.files:
            with Path(model.artifact.folder, file.path).open("rb") as stream:
                deque(compress(iter(lambda: stream.read(1 << 20), b""), QUICK), maxlen=0)
    return {"nowhere": layer, "nowhere_alone": time.monotonic() - start}


class This:
    """Without an engine, by this checkout."""

    def __init__(self, store: Path, base: str, registry: str) -> None:
        from migrate.migration.run.unaided import Unaided  # noqa: PLC0415

        self._registry = registry
        self._store = store
        self._builder = Unaided(store, base=base, environ=os.environ, stop=threading.Event(), say=_say)

    def rendered(self, record: Any, artifact: Any, inspection: Any) -> Any:
        """A model for its image."""
        from migrate.images.model.context import ModelToRender  # noqa: PLC0415

        return ModelToRender(record=record, artifact=artifact, inspection=inspection)

    def runtime(self, name: str) -> Any:
        """The image of a runtime."""
        return self._builder.runtime(name, base=None, on_missing=_say)

    def move(self, model: Any, runtime: Any) -> str:
        """The digest of a model's image in the registry."""
        from migrate.images.registry.push import immutable_tag  # noqa: PLC0415
        from migrate.migration.run.builder import Destination  # noqa: PLC0415

        context = self._builder.context([model], runtime, self._store / "no-context")
        image = self._builder.image([model], context, runtime, tag="", progress=_silent)
        name = f"bench/{model.record.id}"
        to = Destination(registry=self._registry, repository=name, tag=immutable_tag(image), credentials=None)
        return str(self._builder.push(image, to, named_before=False, progress=_silent).reference)


class Former:
    """By a container engine, as commit 0d73485 did it."""

    def __init__(self, store: Path, base: str, registry: str) -> None:
        from migrate.images.engine import connect  # noqa: PLC0415

        self._registry = registry
        self._store = store
        self._base = base
        self._engine = connect(os.environ)

    def rendered(self, record: Any, artifact: Any, inspection: Any) -> Any:
        """A model for its image."""
        from migrate.images.render import ModelToRender  # type: ignore[import-not-found]  # noqa: PLC0415

        return ModelToRender(record=record, artifact=artifact, inspection=inspection)

    def runtime(self, name: str) -> Any:
        """The image of a runtime."""
        from migrate.images.runtime import ensure_runtime  # noqa: PLC0415

        return ensure_runtime(self._engine, name, base=self._base, store=self._store, progress_text=_say)

    def move(self, model: Any, runtime: Any) -> str:
        """The reference of a model's image in the registry."""
        from migrate.images.build import build  # noqa: PLC0415
        from migrate.images.push import immutable_tag, push  # noqa: PLC0415
        from migrate.images.render import render  # noqa: PLC0415

        context = render([model], runtime, self._store / "contexts" / model.record.id)
        name = f"bench/{model.record.id}"
        tag = f"{self._registry}/{name}:built"
        image = build(self._engine, context, runtime, tag=tag, progress=_silent)
        return str(
            push(
                self._engine,
                image,
                registry=self._registry,
                repository=name,
                tag=immutable_tag(image),
                credentials=None,
                progress=_silent,
            ).reference
        )


def _cpu() -> float:
    """Seconds of this process, and of what it started and waited for."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")  # man 5 proc


def _peak() -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return 1024 * int(found[1]) if found else 0


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _silent(*_: object) -> None:
    pass


if __name__ == "__main__":
    main()

"""One row: from a model's files to its image, run as AI Deploy runs it."""

import contextlib
import importlib.metadata
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.images.cases import Case
from benchmarks.images.layers import LayerSize, layer_sizes
from migrate import formats
from migrate.core.values import FolderLocation, ModelRecord, RuntimeImage
from migrate.formats.onnx.converted import inspect_converted
from migrate.images.base.image import Base
from migrate.images.engine.build import build, read_image
from migrate.images.engine.connection import Engine
from migrate.images.model.context import ModelToRender, render
from migrate.images.runtime import wheels
from migrate.images.runtime.image import build_runtime
from migrate.images.runtime.templates import template_of
from migrate.images.trial.conversion import SCRIPTS, convert, converter_packages
from migrate.images.trial.in_engine import InEngine
from migrate.images.trial.rehearsal import rehearse
from migrate.sources.fetch import fetch

SLIM: Final = " --slim"  # what a row's name ends with where its model was converted to ONNX
_MEMORY: Final = 4 << 30  # bytes; the limit of the containers
_PATIENCE: Final = 900.0  # seconds until a model must be ready


class NotServedError(Exception):
    """A model that has no runtime: its verdict in words."""


@dataclass(frozen=True)
class Row:
    """What was measured of a model; sizes in bytes and over the base's layers, times in seconds.

    ``packages_seconds`` is for fetching, stripping and compiling, ``runtime_seconds`` for the runtime's image without
    the engine's cache, ``model_seconds`` for a model's image on a runtime that is there. ``peak_bytes`` is the most
    memory that the server has held until it was ready.
    """

    name: str
    runtime: str
    packages_seconds: float
    runtime_seconds: float
    model_seconds: float
    layers: list[LayerSize]
    ready_seconds: list[float]
    peak_bytes: list[int]
    versions: dict[str, str]

    @property
    def cold_seconds(self) -> float:
        """From nothing at all to the first model's image."""
        return self.packages_seconds + self.runtime_seconds + self.model_seconds

    @property
    def unpacked_bytes(self) -> int:
        """On disk."""
        return sum(layer.unpacked for layer in self.layers)

    @property
    def compressed_bytes(self) -> int:
        """In a registry, and over the network."""
        return sum(layer.compressed for layer in self.layers)


def measure(
    engine: Engine,
    case: Case,
    base: Base,
    *,
    starts: int,
    scratch: Path,
    say: Callable[[str], None],
    slim: bool = False,
) -> list[Row]:
    """Build everything anew in ``scratch``, look at the layers, start the image so many times.

    Gives a row, and with ``slim`` a second one for the same model as ONNX, where it can be converted.

    Raises:
        NotServedError: The model is not one that is served as it is.
        MigrateError: What building, starting or converting raises.
    """
    model = _model(case, scratch / "store")
    with _tags(engine) as new_tag:

        def row(name: str, one: ModelToRender) -> tuple[Row, RuntimeImage]:
            return _row(engine, name, one, base, starts=starts, scratch=scratch, say=say, new_tag=new_tag)

        plain, runtime = row(case.name, model)
        if not slim or model.inspection.settings.engine not in SCRIPTS:
            return [plain]
        settings = model.inspection.settings
        store = scratch / "store"
        artifact = convert(
            InEngine(engine),
            lambda: converter_packages(engine, runtime, store, say),
            runtime,
            model.artifact,
            settings,
            store=store,
            timeout=_PATIENCE,
        )
        converted = ModelToRender(
            record=model.record, artifact=artifact, inspection=inspect_converted(artifact, model.inspection)
        )
        return [plain, row(f"{case.name}{SLIM}", converted)[0]]


def _row(
    engine: Engine,
    name: str,
    model: ModelToRender,
    base: Base,
    *,
    starts: int,
    scratch: Path,
    say: Callable[[str], None],
    new_tag: Callable[[], str],
) -> tuple[Row, RuntimeImage]:
    store = scratch / "store"
    runtime = model.inspection.runtime
    if runtime is None:
        message = f"{name} is {model.inspection.verdict}"
        raise NotServedError(message)
    template = template_of(runtime)
    began = time.monotonic()
    packages = wheels.vendor(
        template.locks, python=base.python, store=store, progress_text=say, engine=engine, base=base.image_id
    )
    vendored = time.monotonic()
    runtime_tag = new_tag()
    image = build_runtime(engine, template, base, store=store, tag=runtime_tag, progress_text=say, cache=False)
    built = time.monotonic()
    runtime_image = RuntimeImage(
        runtime=runtime,
        reference=runtime_tag,
        image_id=image.image_id,
        key="",
        size=image.size,
        base=base.reference,
    )
    context = render([model], runtime_image, scratch / f"context-{runtime}")
    whole = build(engine, context, runtime_image, tag=new_tag(), progress=lambda *_: None)
    ended = time.monotonic()
    say(f"compressing the layers of {name}")
    below = len(read_image(engine, base.image_id).layers)
    layers = layer_sizes(engine, whole.image_id, skip=below, scratch=scratch)
    ready, peaks = [], []
    for number in range(starts):
        say(f"starting {name}, {number + 1} of {starts}")
        with rehearse(InEngine(engine), whole, memory=_MEMORY, timeout=_PATIENCE) as running:
            ready.append(running.cold_start)
            peaks.append(running.memory() or 0)
    row = Row(
        name=name,
        runtime=runtime,
        packages_seconds=vendored - began,
        runtime_seconds=built - vendored,
        model_seconds=ended - built,
        layers=layers,
        ready_seconds=ready,
        peak_bytes=peaks,
        versions={found.name: found.version for found in importlib.metadata.distributions(path=[str(packages)])},
    )
    return row, runtime_image


def _model(case: Case, store: Path) -> ModelToRender:
    record = ModelRecord(id=case.name, source="benchmark", location=FolderLocation(path=str(case.files.resolve())))
    artifact = fetch(record, store, None, lambda *_: None, stop=threading.Event())
    allowed = [file.digest for file in artifact.files] if case.trusted else []
    inspection = formats.inspect(artifact, framework=None, allow_unsafe=allowed)
    return ModelToRender(record=record, artifact=artifact, inspection=inspection)


@contextlib.contextmanager
def _tags(engine: Engine) -> Iterator[Callable[[], str]]:
    """Names for images that nobody else has; they and their images are removed at the end, the last one first."""
    made: list[str] = []

    def give() -> str:
        made.append(f"migrate-bench-{uuid.uuid4().hex[:12]}:1")
        return made[-1]

    try:
        yield give
    finally:
        for name in reversed(made):
            if engine.image(name) is not None:
                engine.client.api.remove_image(name, force=True)

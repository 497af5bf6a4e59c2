"""Models of a folder on this machine, for the commands that need no cloud: build, export, serve."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from migrate.core.errors import RefusedError, UsageError
from migrate.core.events import Emit, Notice, StepFinished, StepProgress, StepStarted
from migrate.core.names import slug
from migrate.core.text import printable
from migrate.core.values import Artifact, Image, Inspection, ModelRecord, Parity, Recording, RuntimeImage
from migrate.formats.inspect import inspect
from migrate.formats.recognise import recognise
from migrate.images.engine.build import build
from migrate.images.engine.connection import Engine
from migrate.images.model.context import ModelToRender, render
from migrate.images.runtime.image import ensure_runtime
from migrate.images.trial.oracle_run import run_reference
from migrate.images.trial.rehearsal import rehearse
from migrate.migration.journey import slim as slimming
from migrate.migration.journey.steps.inspect import demand_ready, said
from migrate.migration.journey.steps.record import SEED
from migrate.migration.journey.steps.rehearse import caller
from migrate.migration.run import permissions
from migrate.migration.run.licences import naming_the_other, under_licences
from migrate.migration.run.step_engine import disk_in_words
from migrate.migration.run.verification import stated_rows
from migrate.migration.run.workspace import Workspace
from migrate.parity.comparison import recorded_json
from migrate.parity.generate import generate
from migrate.parity.recording import REFERENCE_PROGRAM, has_reference, record_reference, record_self
from migrate.parity.replay import replay
from migrate.sources.fetch import fetch
from migrate.sources.listing import list_models
from migrate.sources.reference import FolderRef

_MEMORY: Final = 4 << 30  # one unit of ai1-1-cpu (contract: AI Deploy images)
_TIMEOUT: Final = 300.0
_NAMED: Final = 3  # quarantined models in one sentence


class LocalModel(Struct, frozen=True):
    """A model of a folder that can be served."""

    record: ModelRecord
    artifact: Artifact
    inspection: Inspection

    def render(self, recorded: bytes | None = None) -> ModelToRender:
        """What an image needs to know of it."""
        return ModelToRender(record=self.record, artifact=self.artifact, inspection=self.inspection, recorded=recorded)


class Built(Struct, frozen=True):
    """A local image with the proofs of its models."""

    image: Image
    proofs: dict[str, Parity]
    cold_start: float
    slim: dict[str, str]  # by model; see ``Outcome``


def read_folder(
    folder: Path,
    workspace: Workspace,
    emit: Emit,
    stop: threading.Event,
    *,
    allow_unsafe: tuple[str, ...] = (),
    accept_agpl: bool = False,
    loading: str,
) -> tuple[LocalModel, ...]:
    """The models of a folder: what lies at its root, or in the folders below it.

    Args:
        folder: The folder.
        workspace: Where its files are kept meanwhile.
        emit: Shows events.
        stop: Set to end early.
        allow_unsafe: Digests of files that the user lets run as code.
        accept_agpl: Whether PMML may be served by JPMML.
        loading: Where that would happen, for the sentence ``it is then loaded ...``.

    Raises:
        UsageError: There is no folder, no model in it, or models of several runtimes.
        RefusedError: Files run code when they are loaded, and are not allowed to.
        NeedsYouError: A model cannot be served as it is.
        LocalError: The disk.
    """
    ref = FolderRef(folder.expanduser().resolve())
    listing = list_models(ref, None, recognise)
    if not listing.models:
        raise UsageError(
            f"No model was found in {printable(str(folder), 300)}.",
            code="no-models",
            next_step=f"See what lies there: migrate list {folder}",
        )

    def found(artifact: Artifact, framework: str | None) -> Inspection:
        inspection = inspect(artifact, framework=framework, allow_unsafe=allow_unsafe)
        return under_licences(inspection, accept_agpl=accept_agpl)

    models = tuple(_read(record, workspace, emit, stop, found) for record in listing.models)
    for digest in permissions.unmatched(allow_unsafe, [model.artifact for model in models]):
        emit(Notice(text=permissions.unmatched_text(digest, all_read=True), level="warning"))
    _refuse_quarantined(models, allow_unsafe, loading)
    runtimes = {demand_ready(model.inspection) for model in models}
    if len(runtimes) > 1:
        raise UsageError(
            f"The models need different runtimes: {', '.join(sorted(runtimes))}.",
            code="several-runtimes",
            next_step="Name the folder of one model.",
        )
    return models


def _refuse_quarantined(models: tuple[LocalModel, ...], allow_unsafe: tuple[str, ...], loading: str) -> None:
    quarantined = [model.inspection for model in models if model.inspection.verdict == "quarantined"]
    if not quarantined:
        return
    digests = allow_unsafe
    for inspection in quarantined:
        digests = permissions.needed(digests, inspection)
    raise RefusedError(
        " ".join(inspection.text for inspection in quarantined[:_NAMED]),
        code=quarantined[0].reason,
        next_step="Only if you trust whoever made it, type the same command again with "
        f"{' '.join(permissions.words(digests))}; it is then loaded {loading}.",
    )


def _read(
    record: ModelRecord,
    workspace: Workspace,
    emit: Emit,
    stop: threading.Event,
    found: Callable[[Artifact, str | None], Inspection],
) -> LocalModel:
    def progress(done: int, total: int | None) -> None:
        emit(StepProgress(step="fetch", model=record.id, done=done, total=total))

    emit(StepStarted(step="fetch", model=record.id))
    with disk_in_words():
        artifact = fetch(record, workspace.store, None, progress, stop=stop)
        inspection = found(artifact, record.framework)
    emit(StepFinished(step="inspect", model=record.id, seconds=0.0, detail=inspection.verdict))
    for line in said(inspection):
        emit(Notice(text=line, model=record.id, level="warning" if inspection.unsafe else "info"))
    return LocalModel(record, artifact, inspection)


def build_folder(
    models: tuple[LocalModel, ...],
    *,
    engine: Engine,
    workspace: Workspace,
    tag: str,
    base: str | None,
    emit: Emit,
    stop: threading.Event,
    slim: bool,
) -> Built:
    """Builds one image of the models, rehearses it, and holds its answers against the engine's own.

    With ``slim`` they are served as ONNX where that changes no answer of any of them.

    Raises:
        MigrateError: What a step raised; an image that does not answer right is told, not hidden.
    """

    def progress(done: int, total: int | None) -> None:
        emit(StepProgress(step="build", done=done, total=total))

    here = _Here(engine, workspace, base, emit, stop)
    name = demand_ready(models[0].inspection)
    runtime = here.runtime(name)
    recordings = here.record(models, runtime)
    told: dict[str, str] = {}
    if slim:
        models, told = _slimmed(here, models, runtime, recordings)
        if "kept" in told.values():
            recordings = {model: slimming.by_another_engine(recording) for model, recording in recordings.items()}
        name = demand_ready(models[0].inspection)
        runtime = here.runtime(name)
    context = render(
        [model.render(recorded_json(recordings[model.record.id], model.inspection.settings)) for model in models],
        runtime,
        workspace.root / "contexts" / slug(tag),
    )
    emit(StepStarted(step="build", detail=tag))
    image = build(engine, context, runtime, tag=tag, progress=progress)
    emit(StepStarted(step="rehearse", detail=tag))
    with naming_the_other(name), rehearse(engine, image, memory=_MEMORY, timeout=_TIMEOUT, stop=stop) as running:
        proofs = {
            model.record.id: replay(
                recordings[model.record.id], model.inspection.settings, caller(running, model.record.id)
            )
            for model in models
        }
        return Built(image, proofs, running.cold_start, told)


def slim_folder(
    models: tuple[LocalModel, ...],
    *,
    engine: Engine,
    workspace: Workspace,
    base: str | None,
    emit: Emit,
    stop: threading.Event,
) -> tuple[tuple[LocalModel, ...], dict[str, str]]:
    """The models as ONNX where that changes no answer of any of them, and what became of each.

    Raises:
        MigrateError: What a step raised.
    """
    here = _Here(engine, workspace, base, emit, stop)
    runtime = here.runtime(demand_ready(models[0].inspection))
    return _slimmed(here, models, runtime, here.record(models, runtime))


class _Here(Struct, frozen=True):
    """The engine and the place of this machine."""

    engine: Engine
    workspace: Workspace
    base: str | None
    emit: Emit
    stop: threading.Event

    def say(self, text: str) -> None:
        """Tells what is done when it takes long."""
        self.emit(StepStarted(step="runtime", detail=text))

    def runtime(self, name: str) -> RuntimeImage:
        """The image of a runtime."""
        return ensure_runtime(self.engine, name, base=self.base, store=self.workspace.store, progress_text=self.say)

    def record(self, models: tuple[LocalModel, ...], runtime: RuntimeImage) -> dict[str, Recording]:
        """The answers of each model's own engine, by model."""
        with naming_the_other(runtime.runtime):
            return {model.record.id: _record(self.engine, runtime, model, self.stop) for model in models}


def _slimmed(
    here: _Here, models: tuple[LocalModel, ...], runtime: RuntimeImage, recordings: dict[str, Recording]
) -> tuple[tuple[LocalModel, ...], dict[str, str]]:
    """All of them as ONNX, or, because one image has one runtime, none."""
    if runtime.runtime in slimming.SMALL:
        return models, {}
    made: list[LocalModel] = []
    told: dict[str, str] = {}
    for model in models:
        name = model.record.id
        place = slimming.Place(
            engine=here.engine,
            store=here.workspace.store,
            context=here.workspace.root / "contexts" / f"{slug(name)}.slim",
            tag=f"migrate/slim-{slug(name)}:{model.artifact.digest.removeprefix('sha256:')[:12]}",
            memory=_MEMORY,
            timeout=_TIMEOUT,
            say=here.say,
            stop=here.stop,
        )
        original = slimming.Original(model.record, model.artifact, model.inspection, runtime, recordings[name])
        found = slimming.slim(original, lambda: here.runtime(slimming.RUNTIME), place)
        if found.artifact is None or found.inspection is None:
            here.emit(Notice(text=f"Its original runtime serves it: {found.reason}", model=name, level="warning"))
            told[name] = f"refused: {found.reason}"
        else:
            made.append(LocalModel(model.record, found.artifact, found.inspection))
            told[name] = "kept"
    if len(made) == len(models):
        return tuple(made), told
    shared = "refused: another model of the same image cannot be converted"
    return models, {name: shared if text == "kept" else text for name, text in told.items()}


def _record(engine: Engine, runtime: RuntimeImage, model: LocalModel, stop: threading.Event) -> Recording:
    settings = model.inspection.settings
    rows = stated_rows(model.artifact, settings)
    if not has_reference(settings):
        return record_self(generate(settings, seed=SEED), seed=SEED)
    origin = f"the engine of {runtime.reference}, called directly"
    with run_reference(
        engine, runtime, model.artifact, REFERENCE_PROGRAM, memory=_MEMORY, timeout=_TIMEOUT, stop=stop
    ) as ask:
        return record_reference(settings, ask, origin, seed=SEED, rows=rows)

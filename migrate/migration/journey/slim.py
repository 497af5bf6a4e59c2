"""Slim: a model is converted to ONNX, and kept so only if it then gives the answers recorded of the original."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct, structs

from migrate.core.errors import NeedsYouError
from migrate.core.model_json import content_of
from migrate.core.values import Artifact, Conversion, Inspection, ModelRecord, Parity, Recording, RuntimeImage
from migrate.formats.onnx.converted import inspect_converted
from migrate.images.engine.build import build, remove_image
from migrate.images.engine.connection import Engine
from migrate.images.model.context import ModelToRender, render
from migrate.images.trial.conversion import SCRIPTS, convert, converter_digest, converter_packages
from migrate.images.trial.in_engine import InEngine
from migrate.images.trial.rehearsal import RunningRehearsal, rehearse
from migrate.parity.http import caller_through, describe_through
from migrate.parity.replay import first_mismatch, replay

RUNTIME: Final = "onnx"
SMALL: Final = frozenset({"onnx", "processors", "tokenizers"})
"""Runtimes that a conversion makes no smaller."""


class Original(Struct, frozen=True):
    """A model as it is, with the answers of its own engine, of the customer or of the old service."""

    record: ModelRecord
    artifact: Artifact
    inspection: Inspection
    runtime: RuntimeImage
    recording: Recording

    @property
    def engine(self) -> str:
        """The engine that serves it."""
        return self.inspection.settings.engine


class Place(Struct, frozen=True):
    """Where conversions are made and tried: ``context`` is a folder of the tool's own, ``tag`` a name of its own.

    ``memory`` is bytes, ``timeout`` seconds for the conversion and for the start of the converted model, and ``stop``
    ends both.
    """

    engine: Engine
    store: Path
    context: Path
    tag: str
    memory: int
    timeout: float
    say: Callable[[str], None]
    stop: threading.Event


def why_not(original: Original) -> str:
    """Why a model is not converted at all; empty where it can be tried."""
    if original.engine not in SCRIPTS:
        return f"models of the format {original.inspection.format} are not converted"
    if original.recording.level == "self":
        return "there are no answers of the original to hold it against (give some with --samples)"
    return ""


def code_digest(original: Original) -> str:
    """A digest over what would convert a model."""
    return converter_digest(original.engine) if original.engine in SCRIPTS else ""


def slim(original: Original, onnx: Callable[[], RuntimeImage], place: Place) -> Conversion:
    """The model as ONNX, or the reason why the original stays.

    Args:
        original: The model.
        onnx: The image of the ONNX runtime, made when it is needed.
        place: Where to do it.

    Raises:
        LocalError: The container engine, the packages or the disk failed: nothing is known of the model.
        Interrupted: It was asked to stop.
    """
    refused = why_not(original)
    if refused:
        return Conversion(reason=refused)
    try:
        artifact = convert(
            InEngine(place.engine),
            lambda: _packages(original, place),
            original.runtime,
            original.artifact,
            original.inspection.settings,
            store=place.store,
            timeout=place.timeout,
            stop=place.stop,
        )
        inspection = inspect_converted(artifact, original.inspection)
        if inspection.verdict != "ready":
            return Conversion(reason=inspection.text)
        parity = _tried(original, artifact, inspection, onnx(), place)
    except NeedsYouError as error:
        return Conversion(reason=error.what)
    if not parity.passed:
        return Conversion(reason=f"It answers differently: {first_mismatch(parity)}.")
    return Conversion(artifact=artifact, inspection=inspection)


def by_another_engine(recording: Recording) -> Recording:
    """The recording of the original as what the converted model is held against: a second engine's answers."""
    return structs.replace(recording, level="cross-checked") if recording.level == "engine" else recording


def _packages(original: Original, place: Place) -> Path:
    found = converter_packages(place.engine, original.runtime, place.store, place.say)
    place.say("converting the model to ONNX")
    return found


def _tried(
    original: Original, artifact: Artifact, inspection: Inspection, runtime: RuntimeImage, place: Place
) -> Parity:
    """The converted model in an image, run as AI Deploy will run it, against the recording of the original."""
    place.say("rehearsing the converted model")
    # Without the recorded answers: the server would end at the first difference, and say less of it.
    model = ModelToRender(record=original.record, artifact=artifact, inspection=inspection)
    context = render([model], runtime, place.context)
    try:
        image = build(place.engine, context, runtime, tag=place.tag, progress=lambda *_: None)
        runner = InEngine(place.engine)
        with rehearse(runner, image, memory=place.memory, timeout=place.timeout, stop=place.stop) as running:
            return _replayed(original, running)
    finally:
        remove_image(place.engine, place.tag)
        shutil.rmtree(place.context, ignore_errors=True)


def _replayed(original: Original, running: RunningRehearsal) -> Parity:
    settings, recording = original.inspection.settings, original.recording
    described = {key: content_of(settings)[key] for key in ("inputs", "outputs", "rolling_windows_size")}
    name = original.record.id
    if recording.describe is None:
        recording = structs.replace(recording, describe=described)
    describe = describe_through(running.call, name)
    return replay(recording, settings, caller_through(running.call, name), describe=describe)

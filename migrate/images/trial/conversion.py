"""A model becomes ONNX: loaded and converted where its own runtime's image runs, never in the command's process.

That has no network, no rights, a read-only root and limits of memory, processes and time. The converter's packages,
which the runtime does not have, and the model's files are put beside it, and one file comes out, which is for
``formats/`` to read before anything else does.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from migrate.core.errors import MigrateError, NeedsYouError
from migrate.core.model_json import ModelJson, content_of
from migrate.core.names import digest_of
from migrate.core.text import printable
from migrate.core.values import Artifact, ArtifactFile, to_json
from migrate.images.base.image import ensure_base
from migrate.images.engine import tarstream
from migrate.images.engine.connection import translated
from migrate.images.engine.exchange import ExchangeEndedError, NotStartedError
from migrate.images.runtime import server_code, wheels
from migrate.images.runtime.templates import templates_folder
from migrate.images.trial import endings
from migrate.images.trial.oracle_run import model_entries
from migrate.images.trial.runner import Files, NothingTakenError
from migrate.machine.disk import disk_errors, scratch_folder

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from migrate.core.values import RuntimeImage
    from migrate.images.engine.connection import Engine
    from migrate.images.trial.runner import Runner, Trial

MODEL: Final = "model.onnx"
SCRIPTS: Final[Mapping[str, Path]] = {
    engine: Path(__file__).parent / "converters" / f"{name}.py"
    for engine, name in (("tensorflow", "from_tensorflow"), ("keras", "from_tensorflow"), ("torchscript", "from_torch"))
}
"""By engine: the program that converts its models."""

_ROOT: Final = "/convert"
_MEMORY: Final = 8 << 30  # bytes; TensorFlow alone takes 0.6 GB, and a graph is held a few times
_LARGEST: Final = 2 << 30  # bytes; a protobuf message has no more


class Asked(Struct, frozen=True, kw_only=True):
    """What a converter is told: the content of ``model.json``, and where the files are, the result and scratch go."""

    model: dict[str, object]
    files: str = f"{_ROOT}/files"
    target: str = f"{_ROOT}/out/{MODEL}"
    scratch: str = f"{_ROOT}/out"


def converter_digest(engine: str) -> str:
    """A digest over what converts the models of an engine."""
    return digest_of(SCRIPTS[engine].read_text(encoding="utf-8"), wheels.digest_of_file(_lock()))


def convert(
    runner: Runner,
    packages: Callable[[], Path],
    runtime_image: RuntimeImage,
    artifact: Artifact,
    settings: ModelJson,
    *,
    store: Path,
    timeout: float,
    stop: threading.Event | None = None,
) -> Artifact:
    """A model as an artifact of one file, ``model.onnx``, in the content store; made once.

    Args:
        runner: What runs the runtime's image.
        packages: The folder of the converter's packages, asked for where the model was not converted before, such as
            ``converter_packages`` gives.
        runtime_image: The runtime of the model.
        artifact: Its files.
        settings: Its description (``Inspection.settings``), of one of the engines of ``SCRIPTS``.
        store: The content store.
        timeout: Seconds for the conversion.
        stop: Set to end early.

    Raises:
        NeedsYouError: There is no ONNX of it: ``conversion-failed`` or ``conversion-timeout``. The text says why.
            Also what ``packages`` raises.
        LocalError: The engine or the box, the packages or the disk failed, or the processor cannot run the packages
            (``cpu-unsupported``).
        Interrupted: ``stop`` was set.
    """
    kind = settings.engine
    key = digest_of(runtime_image.key, artifact.digest, to_json(content_of(settings)).decode(), converter_digest(kind))
    place = store / "converted" / key[:40]
    if not place.is_dir():
        folder = packages()
        entries = [
            tarstream.folder("packages"),
            *tarstream.tree(folder, "packages/"),
            tarstream.content("script.py", SCRIPTS[kind].read_bytes()),
            tarstream.folder("out", 0o1777),
            *model_entries(artifact, "files"),
        ]
        with disk_errors(), scratch_folder(store, "converted-") as scratch:
            asked = Asked(model=content_of(settings))
            _converted(runner, runtime_image, entries, asked, scratch / MODEL, timeout, stop)
            place.parent.mkdir(exist_ok=True)
            if not place.is_dir():  # else another process was quicker
                scratch.rename(place)
    return _artifact(place)


def converter_packages(
    engine: Engine, runtime_image: RuntimeImage, store: Path, progress_text: Callable[[str], None]
) -> Path:
    """The converter's packages for a runtime's base, as a container engine helps to make them.

    Raises:
        NeedsYouError: The engine's machine is of another architecture than the images (``conversion-emulated``).
        LocalError: The engine or the packages failed.
    """
    _demand_native(engine)
    base = ensure_base(engine, runtime_image.base, progress_text)
    return wheels.vendor(
        (_lock(),), python=base.python, store=store, progress_text=progress_text, engine=engine, base=base.image_id
    )


def _lock() -> Path:
    return templates_folder() / "convert" / "requirements.lock"


def _demand_native(engine: Engine) -> None:
    """An emulated TensorFlow is slow and may lack AVX: the original runtime is the better choice then."""
    with translated():
        architecture = str(engine.client.api.version()["Arch"])
    if architecture not in ("amd64", "x86_64"):
        raise NeedsYouError(
            f"Models are converted on amd64 machines only, and the container engine's is {architecture}.",
            code="conversion-emulated",
            next_step="Run on an amd64 machine to have a smaller image.",
        )


def _converted(
    runner: Runner,
    runtime_image: RuntimeImage,
    entries: list[tarstream.Entry],
    asked: Asked,
    target: Path,
    timeout: float,
    stop: threading.Event | None,
) -> None:
    deadline = time.monotonic() + timeout
    path = f"{server_code.IMAGE_PATH}:{wheels.IMAGE_PATH}:{_ROOT}/packages"  # the runtime's own come first
    with runner.start(
        runtime_image.image_id,
        None,
        purpose="convert",
        memory=_MEMORY,
        files=Files(_ROOT, lambda: entries, writable=("out",)),
        working_dir=_ROOT,
        environment={"PYTHONPATH": path},
    ) as trial:
        try:
            with trial.exchange([f"{_ROOT}/script.py"], stop=stop) as exchange:
                try:
                    exchange.ask(asked, timeout=deadline - time.monotonic())
                except NotStartedError:
                    raise
                except ExchangeEndedError as error:
                    raise _ended(runner, trial, runtime_image, exchange.exit_code(), error) from error
        except NotStartedError as error:  # no model was loaded yet
            raise trial.refusal(error.errors) from error
        except TimeoutError as error:
            raise NeedsYouError(
                f"The conversion was not done within {timeout:.0f} seconds.",
                code="conversion-timeout",
                next_step="Give it more time with --rehearsal-timeout.",
            ) from error
        try:
            trial.take(f"out/{MODEL}", target, _LARGEST)
        except NothingTakenError as error:
            raise _failed(str(error)) from None


def _ended(
    runner: Runner, trial: Trial, runtime: RuntimeImage, code: int | None, error: ExchangeEndedError
) -> MigrateError:
    """Why the program ended, which is where the model was loaded."""
    last = _last(error.errors)
    evidence = tuple(printable(line, 600) for line in error.errors.splitlines())
    doing = "while the model was converted"
    found = endings.ended_beside(runner, trial, runtime.image_id, code, doing=doing, said=last, evidence=evidence)
    return _failed(last) if found.code == "rehearsal-failed" else found


def _failed(why: str) -> NeedsYouError:
    return NeedsYouError(
        f"It cannot be converted: {why}.", code="conversion-failed", next_step="The original runtime serves it."
    )


def _last(errors: str) -> str:
    """The last line that a program said before it ended, which names the exception."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return printable(lines[-1] if lines else "the converter ended without a word", 400).rstrip(".")


def _artifact(folder: Path) -> Artifact:
    path = folder / MODEL
    with disk_errors(), path.open("rb") as file:
        digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    size = path.stat().st_size
    file_value = ArtifactFile(path=MODEL, size=size, digest=digest)
    return Artifact(folder=str(folder), files=(file_value,), size=size, digest=f"sha256:{digest_of(MODEL, digest)}")

"""A model becomes ONNX: loaded and converted in a container of its own runtime, never in the command's process.

The container has no network, no rights, a read-only root and limits of memory, processes and time. The converter's
packages, which the runtime does not have, and the model's files go into a volume of it, and one file comes out, which
is for ``formats/`` to read before anything else does.
"""

from __future__ import annotations

import hashlib
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from migrate.core.errors import LocalError, MigrateError, NeedsYouError
from migrate.core.model_json import ModelJson, content_of
from migrate.core.names import digest_of
from migrate.core.text import printable
from migrate.core.values import Artifact, ArtifactFile, to_json
from migrate.images.base.image import ensure_base
from migrate.images.engine import containers, tarstream
from migrate.images.engine.connection import translated
from migrate.images.engine.exchange import Exchange, ExchangeEndedError, NotStartedError
from migrate.images.runtime import server_code, wheels
from migrate.images.runtime.bytecode import ChunkReader
from migrate.images.runtime.templates import templates_folder
from migrate.images.trial import endings
from migrate.images.trial.oracle_run import WAIT, model_entries
from migrate.machine.disk import disk_errors, scratch_folder

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from migrate.core.values import RuntimeImage
    from migrate.images.engine.connection import Engine

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
    engine: Engine,
    runtime_image: RuntimeImage,
    artifact: Artifact,
    settings: ModelJson,
    *,
    store: Path,
    timeout: float,
    progress_text: Callable[[str], None],
    stop: threading.Event | None = None,
) -> Artifact:
    """A model as an artifact of one file, ``model.onnx``, in the content store; made once.

    Args:
        engine: Where the runtime's image is.
        runtime_image: The runtime of the model.
        artifact: Its files.
        settings: Its description (``Inspection.settings``), of one of the engines of ``SCRIPTS``.
        store: The content store.
        timeout: Seconds for the conversion.
        progress_text: Told what is done when it takes long.
        stop: Set to end early.

    Raises:
        NeedsYouError: There is no ONNX of it: ``conversion-failed``, ``conversion-timeout`` or, where the engine's
            machine is of another architecture than the images, ``conversion-emulated``. The text says why.
        LocalError: The engine, the packages or the disk failed, or the processor cannot run the packages
            (``cpu-unsupported``).
        Interrupted: ``stop`` was set.
    """
    kind = settings.engine
    key = digest_of(runtime_image.key, artifact.digest, to_json(content_of(settings)).decode(), converter_digest(kind))
    place = store / "converted" / key[:40]
    if not place.is_dir():
        _demand_native(engine)
        base = ensure_base(engine, runtime_image.base, progress_text)
        packages = wheels.vendor(
            (_lock(),),
            python=base.python,
            store=store,
            progress_text=progress_text,
            engine=engine,
            base=base.image_id,
        )
        progress_text("converting the model to ONNX")
        entries = [
            tarstream.folder("packages"),
            *tarstream.tree(packages, "packages/"),
            tarstream.content("script.py", SCRIPTS[kind].read_bytes()),
            tarstream.folder("out", 0o1777),
            *model_entries(artifact, "files"),
        ]
        with disk_errors(), scratch_folder(store, "converted-") as scratch:
            asked = Asked(model=content_of(settings))
            _in_container(engine, runtime_image, entries, asked, scratch / MODEL, timeout, stop)
            place.parent.mkdir(exist_ok=True)
            if not place.is_dir():  # else another process was quicker
                scratch.rename(place)
    return _artifact(place)


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


def _in_container(
    engine: Engine,
    runtime_image: RuntimeImage,
    entries: list[tarstream.Entry],
    asked: Asked,
    target: Path,
    timeout: float,
    stop: threading.Event | None,
) -> None:
    deadline = time.monotonic() + timeout
    path = f"{server_code.IMAGE_PATH}:{wheels.IMAGE_PATH}:{_ROOT}/packages"  # the runtime's own come first
    # A volume, because a root that is read-only takes no archive.
    settings = containers.confined(_MEMORY) | {"mounts": [{"Type": "volume", "Target": _ROOT}]}
    with containers.container(
        engine,
        runtime_image.image_id,
        WAIT,
        purpose="convert",
        working_dir=_ROOT,
        environment={"PYTHONPATH": path},
        **settings,
    ) as identity:
        with translated():
            engine.client.api.put_archive(identity, _ROOT, tarstream.archive(entries))
            engine.client.api.start(identity)
        try:
            with Exchange(engine, identity, [f"{_ROOT}/script.py"], stop=stop) as exchange:
                try:
                    exchange.ask(asked, timeout=deadline - time.monotonic())
                except NotStartedError:
                    raise
                except ExchangeEndedError as error:
                    raise _ended(engine, runtime_image, exchange.exit_code(), error) from error
        except NotStartedError as error:  # no model was loaded yet
            raise error.failure() from error
        except TimeoutError as error:
            raise NeedsYouError(
                f"The conversion was not done within {timeout:.0f} seconds.",
                code="conversion-timeout",
                next_step="Give it more time with --rehearsal-timeout.",
            ) from error
        _take(engine, identity, target)


def _take(engine: Engine, identity: str, target: Path) -> None:
    """Bring the one file out; whatever else the container offers in its place is refused."""
    import docker.errors  # noqa: PLC0415

    with translated():
        try:
            chunks, _ = engine.client.api.get_archive(identity, f"{_ROOT}/out/{MODEL}")
        except docker.errors.NotFound:
            raise _failed("it left no file") from None
        try:
            with tarfile.open(fileobj=ChunkReader(chunks), mode="r|") as packed:  # type: ignore[call-overload]
                member = packed.next()
                data = packed.extractfile(member) if member is not None and member.isreg() else None
                if member is None or data is None or not 0 < member.size <= _LARGEST:
                    raise _failed("what it left is no file of 1 byte to 2 GiB")
                with target.open("xb") as file:
                    while piece := data.read(tarstream.CHUNK):
                        file.write(piece)
        except tarfile.TarError as error:
            raise LocalError(f"The container engine sent a broken archive: {error}.", code="engine-failed") from error


def _ended(engine: Engine, runtime: RuntimeImage, code: int | None, error: ExchangeEndedError) -> MigrateError:
    """Why the program ended, which is where the model was loaded."""
    last = _last(error.errors)
    evidence = tuple(printable(line, 600) for line in error.errors.splitlines())
    doing = "while the model was converted"
    found = endings.ended(engine, runtime.image_id, code, memory=False, doing=doing, said=last, evidence=evidence)
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

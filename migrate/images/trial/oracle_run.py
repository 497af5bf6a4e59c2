"""The engine called directly: the reference answers that the server's are held against.

The customer's model is loaded here, so this happens in a container of the runtime's image that has no network, no
rights, and limits of memory and time, never in the command's own process.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from migrate.core.errors import MigrateError, NeedsYouError
from migrate.core.text import printable
from migrate.images.engine import containers, tarstream
from migrate.images.engine.connection import translated
from migrate.images.engine.exchange import Exchange, ExchangeEndedError, NotStartedError
from migrate.images.model.context import safe_path
from migrate.images.trial import endings

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from migrate.core.values import Artifact, RuntimeImage
    from migrate.images.engine.connection import Engine

_FOLDER: Final = "reference"
# What a container runs while a script is executed in it.
WAIT: Final = ("python3", "-c", "import signal; signal.pause()")


@contextlib.contextmanager
def run_reference(
    engine: Engine,
    runtime_image: RuntimeImage,
    artifact: Artifact,
    program: Sequence[Path],
    *,
    memory: int,
    timeout: float,
    stop: threading.Event | None = None,
) -> Iterator[Callable[[Mapping[str, object]], dict[str, Any]]]:
    """A program in a container of the runtime's image, asked one JSON line for each line.

    Args:
        engine: Where the runtime's image is.
        runtime_image: The engine's packages.
        artifact: The model's files; they are the program's working folder, so relative paths in lines name them.
        program: A script that answers each line of its standard input with a line (``parity/references``), and the
            modules that it finds beside itself.
        memory: The limit in bytes.
        timeout: Seconds for all of it, once the files are in the container.
        stop: Set to end early.

    Yields:
        What asks: a line in, its answer out.

    Raises:
        NeedsYouError: The program ended (code ``reference-failed``, ``out-of-memory``), or was not done in time
            (``reference-timeout``).
        LocalError: The engine failed, or the processor cannot run the packages (``cpu-unsupported``).
        Interrupted: ``stop`` was set.
    """
    # The files are root's, in a volume that goes with the container: the root file system is read-only.
    volume = {"Type": "volume", "Target": f"/{_FOLDER}"}
    settings = containers.confined(memory) | {"mounts": [volume]}
    with contextlib.ExitStack() as stack:
        identity = stack.enter_context(
            containers.container(
                engine, runtime_image.image_id, WAIT, purpose="reference", working_dir=f"/{_FOLDER}/files", **settings
            )
        )
        with translated():
            engine.client.api.put_archive(identity, f"/{_FOLDER}", tarstream.archive(_entries(artifact, program)))
            engine.client.api.start(identity)
        deadline = time.monotonic() + timeout  # a large model takes long to get there, which says nothing of it
        with _in_time(timeout), _started():
            command = [f"/{_FOLDER}/program/{program[0].name}"]
            exchange = stack.enter_context(Exchange(engine, identity, command, stop=stop))

        def ask(line: Mapping[str, object]) -> dict[str, Any]:
            with _in_time(timeout), _started():
                try:
                    return _answer(exchange.ask(line, timeout=deadline - time.monotonic()))
                except NotStartedError:
                    raise
                except ExchangeEndedError as error:
                    raise _ended(engine, runtime_image, exchange.exit_code(), error) from error

        yield ask


@contextlib.contextmanager
def _started() -> Iterator[None]:
    """No model was loaded yet where the program did not even start."""
    try:
        yield
    except NotStartedError as error:
        raise error.failure() from error


@contextlib.contextmanager
def _in_time(timeout: float) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise NeedsYouError(
            f"The engine gave no answer within {timeout:.0f} seconds.",
            code="reference-timeout",
            next_step="Give it more time with --rehearsal-timeout, or your own answers with --samples DIR.",
        ) from error


def _answer(value: object) -> dict[str, Any]:
    """A line of the program, in whose process the model is: it may have written anything."""
    if not isinstance(value, dict):
        raise ExchangeEndedError(f"it answered {printable(str(value), 100)}")
    return value


def _ended(engine: Engine, runtime: RuntimeImage, code: int | None, error: ExchangeEndedError) -> MigrateError:
    """Why the program ended, which is where the model was loaded and run."""
    said = printable(" ".join(error.errors.split())[-600:], 600)
    evidence = tuple(printable(line, 600) for line in error.errors.splitlines())
    doing = "while the engine was called directly"
    found = endings.ended(engine, runtime.image_id, code, memory=False, doing=doing, said=said, evidence=evidence)
    if found.code != "rehearsal-failed":
        return found
    return NeedsYouError(
        f"The engine does not run this model: {said or f'it ended with code {code}'}",
        code="reference-failed",
        next_step="Export the model again with a current version of its framework.",
        evidence=evidence,
    )


def _entries(artifact: Artifact, program: Sequence[Path]) -> Iterator[tarstream.Entry]:
    yield tarstream.folder("program")
    for module in program:
        yield tarstream.content(f"program/{module.name}", module.read_bytes())
    yield from model_entries(artifact, "files")


def model_entries(artifact: Artifact, root: str) -> Iterator[tarstream.Entry]:
    """The model's files and their folders below ``root``.

    Raises:
        RefusedError: A file has a name that must not reach a container.
    """
    yield tarstream.folder(root)
    folders: set[str] = set()
    for file in artifact.files:
        path = safe_path(file.path)
        for parent in reversed(path.parents[:-1]):
            if str(parent) not in folders:
                folders.add(str(parent))
                yield tarstream.folder(f"{root}/{parent}")
        source = Path(artifact.folder) / path
        yield tarstream.Entry(name=f"{root}/{path}", mode=tarstream.FILE_MODE, source=source, size=file.size)

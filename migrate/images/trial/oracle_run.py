"""The engine called directly: the reference answers that the server's are held against.

The customer's model is loaded here, so this happens where the runtime's image runs without network and rights, with
limits of memory and time, never in the command's own process.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from migrate.core.errors import MigrateError, NeedsYouError
from migrate.core.text import printable
from migrate.images.engine import tarstream
from migrate.images.engine.exchange import ExchangeEndedError, NotStartedError
from migrate.images.model.context import safe_path
from migrate.images.trial import endings
from migrate.images.trial.runner import Files

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from migrate.core.values import Artifact, RuntimeImage
    from migrate.images.trial.runner import Runner, Trial

_FOLDER: Final = "reference"


@contextlib.contextmanager
def run_reference(
    runner: Runner,
    runtime_image: RuntimeImage,
    artifact: Artifact,
    program: Sequence[Path],
    *,
    memory: int,
    timeout: float,
    stop: threading.Event | None = None,
) -> Iterator[Callable[[Mapping[str, object]], dict[str, Any]]]:
    """A program with the packages of the runtime's image, asked one JSON line for each line.

    Args:
        runner: What runs the runtime's image.
        runtime_image: The engine's packages.
        artifact: The model's files; they are the program's working folder, so relative paths in lines name them.
        program: A script that answers each line of its standard input with a line (``parity/references``), and the
            modules that it finds beside itself.
        memory: The limit in bytes.
        timeout: Seconds for all of it, once the files are there.
        stop: Set to end early.

    Yields:
        What asks: a line in, its answer out.

    Raises:
        NeedsYouError: The program ended (code ``reference-failed``, ``out-of-memory``), or was not done in time
            (``reference-timeout``).
        LocalError: The engine or the box failed, or the processor cannot run the packages (``cpu-unsupported``).
        Interrupted: ``stop`` was set.
    """
    files = Files(f"/{_FOLDER}", lambda: _entries(artifact, program))
    with contextlib.ExitStack() as stack:
        trial = stack.enter_context(
            runner.start(
                runtime_image.image_id,
                None,
                purpose="reference",
                memory=memory,
                files=files,
                working_dir=f"/{_FOLDER}/files",
            )
        )
        deadline = time.monotonic() + timeout  # a large model takes long to get there, which says nothing of it
        with _in_time(timeout), _started(trial):
            command = [f"/{_FOLDER}/program/{program[0].name}"]
            exchange = stack.enter_context(trial.exchange(command, stop=stop))

        def ask(line: Mapping[str, object]) -> dict[str, Any]:
            with _in_time(timeout), _started(trial):
                try:
                    return _answer(exchange.ask(line, timeout=deadline - time.monotonic()))
                except NotStartedError:
                    raise
                except ExchangeEndedError as error:
                    raise _ended(runner, trial, runtime_image, exchange.exit_code(), error) from error

        yield ask


@contextlib.contextmanager
def _started(trial: Trial) -> Iterator[None]:
    """No model was loaded yet where the program did not even start."""
    try:
        yield
    except NotStartedError as error:
        raise trial.refusal(error.errors) from error


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


def _ended(
    runner: Runner, trial: Trial, runtime: RuntimeImage, code: int | None, error: ExchangeEndedError
) -> MigrateError:
    """Why the program ended, which is where the model was loaded and run."""
    said = printable(" ".join(error.errors.split())[-600:], 600)
    evidence = tuple(printable(line, 600) for line in error.errors.splitlines())
    doing = "while the engine was called directly"
    found = endings.ended_beside(runner, trial, runtime.image_id, code, doing=doing, said=said, evidence=evidence)
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

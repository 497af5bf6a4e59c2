"""The engine called directly: the reference answers that the server's are held against.

The customer's model is loaded here, so this happens in a container of the runtime's image that has no network, no
rights and a time limit, never in the command's own process.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from migrate.core.errors import NeedsYouError
from migrate.core.text import printable
from migrate.images import containers, tarstream
from migrate.images.engine import translated
from migrate.images.exchange import Exchange, ExchangeEndedError
from migrate.images.render import safe_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from migrate.core.values import Artifact, RuntimeImage
    from migrate.images.engine import Engine

_FOLDER: Final = "reference"
_WAIT: Final = ("python3", "-c", "import signal; signal.pause()")


def run_reference(
    engine: Engine,
    runtime_image: RuntimeImage,
    artifact: Artifact,
    script: Path,
    lines: Sequence[Mapping[str, object]],
    *,
    timeout: float,
) -> list[dict[str, Any]]:
    """Ask a script, in a container of the runtime's image, one JSON line for each line.

    Args:
        engine: Where the runtime's image is.
        runtime_image: The engine's packages.
        artifact: The model's files; they are the script's working folder, so relative paths in ``lines`` name them.
        script: A script that answers each line of its standard input with a line (``parity/references``).
        lines: What to ask.
        timeout: Seconds for all of it.

    Raises:
        NeedsYouError: The script ended (code ``reference-failed``), or was not done in time (``reference-timeout``).
        LocalError: The engine failed.
    """
    deadline = time.monotonic() + timeout
    with containers.container(
        engine, runtime_image.image_id, _WAIT, purpose="reference", working_dir=f"/{_FOLDER}/files"
    ) as identity:
        with translated():
            engine.client.api.put_archive(identity, "/", tarstream.archive(_entries(artifact, script)))
            engine.client.api.start(identity)
        try:
            with Exchange(engine, identity, [f"/{_FOLDER}/script.py"]) as exchange:
                return [exchange.ask(line, timeout=deadline - time.monotonic()) for line in lines]
        except ExchangeEndedError as error:
            said = printable(" ".join(error.errors.split())[-600:], 600)
            raise NeedsYouError(
                f"The engine does not run this model: {said or 'it ended without a word'}",
                code="reference-failed",
                next_step="Export the model again with a current version of its framework.",
            ) from error
        except TimeoutError as error:
            raise NeedsYouError(
                f"The engine gave no answer within {timeout:.0f} seconds.",
                code="reference-timeout",
                next_step="Give your own requests and answers with --samples DIR.",
            ) from error


def _entries(artifact: Artifact, script: Path) -> Iterator[tarstream.Entry]:
    yield tarstream.folder(_FOLDER)
    yield tarstream.content(f"{_FOLDER}/script.py", script.read_bytes())
    yield tarstream.folder(f"{_FOLDER}/files")
    folders: set[str] = set()
    for file in artifact.files:
        path = safe_path(file.path)
        for parent in reversed(path.parents[:-1]):
            if str(parent) not in folders:
                folders.add(str(parent))
                yield tarstream.folder(f"{_FOLDER}/files/{parent}")
        source = Path(artifact.folder) / path
        yield tarstream.Entry(name=f"{_FOLDER}/files/{path}", mode=tarstream.FILE_MODE, source=source, size=file.size)

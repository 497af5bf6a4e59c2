"""The reference program, run as it is run in a container: alone, by its path, with lines on its standard input."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from migrate.core.model_json import ModelJson, content_of
from migrate.parity.recording import REFERENCE_PROGRAM, Ask


@contextmanager
def reference(folder: Path, scratch: Path, *, python: str = sys.executable) -> Iterator[Ask]:
    """The program on a folder of model files; it is copied, so that nothing of this project can be imported."""
    program = scratch / "program"
    program.mkdir(parents=True, exist_ok=True)
    for path in REFERENCE_PROGRAM:
        shutil.copyfile(path, program / path.name)
    command = [python, "-I", str(program / REFERENCE_PROGRAM[0].name)]
    errors = scratch / "errors"
    with (
        errors.open("w") as sink,
        subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sink, text=True
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        put, lines = process.stdin, process.stdout

        def ask(line: Mapping[str, object]) -> dict[str, Any]:
            put.write(json.dumps(line) + "\n")
            put.flush()
            answer = lines.readline()
            assert answer, errors.read_text()
            found: dict[str, Any] = json.loads(answer)
            return found

        yield ask
    assert process.returncode == 0


def answers(
    folder: Path,
    settings: ModelJson | Mapping[str, Any],
    requests: Sequence[Mapping[str, Any]],
    *,
    python: str = sys.executable,
) -> list[dict[str, Any]]:
    """What the program says to each request."""
    with reference(folder, folder.parent / "reference", python=python) as ask:
        loaded = ask({"model": content_of(settings) if isinstance(settings, ModelJson) else settings})
        assert set(loaded) == {"known"}, loaded
        return [ask({"request": request}) for request in requests]

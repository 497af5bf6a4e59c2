"""Ask both PMML engines for the rows that files carry themselves, and print what a user would be told.

    python scripts/period/check_pmml.py FOLDER --pmml PYTHON --jpmml PYTHON

Each PYTHON is one of an environment with the packages of that runtime (``dockerfile_templates/*/requirements.lock``).
A file that the default engine answers otherwise than its own rows is never ``verified``.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from migrate.core.errors import NeedsYouError
from migrate.core.values import Artifact
from migrate.formats.inspect import inspect
from migrate.migration.run.licences import under_licences
from migrate.migration.run.verification import stated_rows
from migrate.parity.recording import REFERENCE_PROGRAM, record_reference
from tests.formats.models import artifact as artifact_of


def verdict(python: str, folder: Path, artifact: Artifact, *, accept_agpl: bool) -> tuple[str, str]:
    """``verified``, ``engine`` or the code of the refusal, with its sentence."""
    inspection = under_licences(inspect(artifact, framework=None), accept_agpl=accept_agpl)
    if inspection.verdict != "ready":
        return inspection.reason, inspection.text
    rows = stated_rows(artifact, inspection.settings)
    command = [python, str(REFERENCE_PROGRAM[0]), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        to, answers = process.stdin, process.stdout
        if to is None or answers is None:
            raise RuntimeError("the reference program has no pipes")

        def ask(line: Mapping[str, object]) -> dict[str, Any]:
            to.write(json.dumps(line).encode() + b"\n")
            to.flush()
            found: dict[str, Any] = json.loads(answers.readline())
            return found

        try:
            recording = record_reference(inspection.settings, ask, "", rows=rows)
        except NeedsYouError as error:
            return error.code, error.what
        finally:
            process.kill()
    noted = next((note for note in inspection.notes if note.startswith("PMML4S is known")), "")
    return recording.level, noted


def main() -> int:
    """Check a folder of PMML files."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pmml", required=True)
    parser.add_argument("--jpmml", required=True)
    options = parser.parse_args()
    counts: Counter[tuple[str, str]] = Counter()
    for path in sorted(options.folder.glob("*.pmml")):
        with tempfile.TemporaryDirectory() as scratch:
            shutil.copy(path, scratch)
            artifact = artifact_of(Path(scratch))
            found = [
                verdict(options.pmml, Path(scratch), artifact, accept_agpl=False),
                verdict(options.jpmml, Path(scratch), artifact, accept_agpl=True),
            ]
        counts[found[0][0], found[1][0]] += 1
        print(f"{path.stem:28} PMML4S {found[0][0]:22} JPMML {found[1][0]:22} {found[0][1][:150]}", flush=True)
    for (one, other), count in sorted(counts.items()):
        print(f"{count:4} PMML4S {one}, JPMML {other}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

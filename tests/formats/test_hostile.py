"""Every hostile case: its verdict, nothing run, nothing reached; and every guard of the package held by a case."""

import importlib
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from migrate.core.text import printable
from migrate.formats import inspect
from tests.formats.hostile import archives, hdf5, keras, tensorflows, torchscripts
from tests.formats.hostile.base import EXAMPLES, HostileCase
from tests.formats.hostile.corpus import CASES
from tests.formats.hostile.guards import guards, guards_of
from tests.formats.hostile.opcodes import NOWHERE, OUTSIDE
from tests.formats.hostile.watch import _watch, faults, warm, watched
from tests.formats.hostile.why import WHY
from tests.formats.hostile.zips import members, pack
from tests.formats.models import CHECKOUT, artifact, write

# Verdicts and codes that a file of each kind has had since there is a corpus.
ALWAYS = {
    "quarantined": """
        archive-absolute archive-bomb archive-case-clash archive-checksum archive-device archive-directory
        archive-duplicate archive-encrypted archive-headers-differ archive-hidden-data archive-link archive-method
        archive-names archive-names-differ archive-nested archive-overlap archive-sizes archive-slip
        archive-trailing-data custom-code hdf5-outside keras-custom-class keras-file keras-function keras-lambda
        keras-module keras-too-complex pickle-broken pickle-dangerous pickle-of-unknown-library pickle-unknown-import
        pickle-unusual pmml-entities pmml-function tensorflow-file tensorflow-operator tensorflow-python
        torch-not-plain torchscript-file torchscript-unusual
    """,
    "refused": "artifact-unreadable",
    "unreadable": """
        corrupt empty external-data-missing external-data-outside external-data-truncated invalid-manifest
        model-outside-folder no-model not-a-tokenizer not-pmml not-torch tensor-missing truncated variables-missing
        weights-missing
    """,
    "unsupported": """
        corrupt custom-operators older-than-supported pmml-encoding pmml-too-complex too-complex unsupported-flow
        unsupported-hdf5 unsupported-learner unsupported-pipeline weights-only
    """,
}


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    warm()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdict_without_harm(tmp_path: Path, case: HostileCase) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    assert faults(case, watched(case, folder)) == []


def test_the_corpus() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    assert all(case.harmless for case in CASES if case.verdict == "ready")
    assert all(case.refuses and printable(case.refuses, 80) == case.refuses for case in CASES)
    assert set(WHY) == {case.reason for case in CASES}
    always = {(verdict, code) for verdict, codes in ALWAYS.items() for code in codes.split()}
    assert always - {(case.verdict, case.reason) for case in CASES} == set()


def test_no_file_is_large() -> None:
    """Where a size is what is refused, the limit is lower."""
    good = {path.read_bytes() for path in EXAMPLES.rglob("*") if path.is_file()}
    made = [content for case in CASES for content in case.files.values() if isinstance(content, bytes)]
    assert max(len(content) for content in made if content not in good) < 16 * 1024


def test_what_the_pickles_name_is_nowhere(tmp_path: Path) -> None:
    assert importlib.util.find_spec(NOWHERE) is None
    assert not hasattr(importlib.import_module(OUTSIDE), NOWHERE)
    for number, case in enumerate(case for case in CASES if case.reason == "pickle-dangerous"):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert NOWHERE in watched(case, folder).text, case.name


def test_no_page_or_comment_names_a_hole_in_other_software() -> None:
    pages = [*(CHECKOUT / "docs").rglob("*.md"), *(CHECKOUT / "migrate/formats").rglob("*.py"), CHECKOUT / "README.md"]
    tests = [path for room in ("tests", "scripts") for path in (CHECKOUT / room).rglob("*.py")]
    named = [path for path in (*pages, *tests) if re.search(r"CVE-\d|GHSA-\w", path.read_text(encoding="utf-8"))]
    assert named == []


def mutation(*options: str) -> list[dict[str, Any]]:
    """The lines of ``tests.formats.hostile.mutation``."""
    command = [sys.executable, "-m", "tests.formats.hostile.mutation", *options]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_guard_in_the_code_has_a_case_that_comes_by_it() -> None:
    found = mutation("--reached")
    assert [line["guard"] for line in found] == [guard.name for guard in guards()]
    assert len(found) > 300
    assert [line["guard"] for line in found if not line["cases"]] == []


@pytest.mark.slow
def test_without_any_one_guard_a_case_falls() -> None:
    found = mutation()
    assert {line["guard"] for line in found} == {guard.name for guard in guards()}
    assert [line["guard"] for line in found if not line["falls"]] == []


_CODE = """
class _Signal(Exception):
    pass

def look(case, value):
    if value == 1:
        raise FormatError("one", "The first.", "Nothing.")
    if value == 2:
        case.danger("m", "two", "The second.")
    if value == 3:
        raise _Signal
    if value == 4:
        raise ValueError("a mistake of ours")
    return value

def listed(value) -> "Iterator[Danger]":
    yield "five", "The fifth."

class Reader:
    def read(self, reader):
        reader.fail("the sixth")
"""


def test_guards_are_found_in_any_code() -> None:
    found = guards_of("anywhere", _CODE)
    assert [(guard.name, guard.line) for guard in found] == [
        ("look: one…The first.…Nothing.", 7),
        ("look: m…two…The second.", 9),
        ("listed: five…The fifth.", 17),
        ("Reader.read: the sixth", 21),
    ]
    assert len({guard.name for guard in guards()}) == len(guards())


@pytest.mark.parametrize(
    "files",
    [
        {**torchscripts.FILES, "species.ts": pack(members(torchscripts.MEMBERS))},
        torchscripts.with_member("species/extra/notes.txt", archives.WORDS),
        torchscripts.script("y = 1"),
        {"m.h5": keras.model(keras.DENSE)},
        {"m.h5": hdf5.GOOD},
        {"saved_model.pb": tensorflows.saved_model()},
    ],
    ids=["zip", "torchscript-file", "torchscript-code", "keras", "hdf5", "tensorflow"],
)
def test_without_their_one_change_the_same_files_are_ready(tmp_path: Path, files: dict[str, bytes]) -> None:
    found = inspect(write(tmp_path, files), framework=None)
    assert (found.verdict, found.reason, found.text) == ("ready", "", "")


def test_the_watch_sees_what_it_is_there_for(tmp_path: Path) -> None:
    """A case that does harm while it is written down as the artifact's own, to know that events are heard."""
    _watch.begin(tmp_path)
    (EXAMPLES / "dates" / "manifest.json").read_bytes()
    eval(compile("1", "words", "eval"))  # noqa: S307 - the event is what is asked for
    events = _watch.end()
    assert [event.split()[0] for event in events] == ["open", "compile", "exec"]


def test_an_allowed_file_is_allowed_and_no_other(tmp_path: Path) -> None:
    made = artifact(EXAMPLES / "species-module")
    digest = made.files[0].digest
    assert inspect(made, framework=None).task.count(digest) == 1
    assert inspect(made, framework=None, allow_unsafe=["sha256:" + "0" * 64]).verdict == "quarantined"
    found = inspect(made, framework=None, allow_unsafe=[digest])
    assert (found.verdict, found.runtime) == ("ready", "torch")
    assert digest in found.notes[-1]
    assert [hazard.code for hazard in found.hazards] == ["pickled-code"]

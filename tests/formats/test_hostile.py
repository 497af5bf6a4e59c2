"""Every hostile case: its verdict, nothing run, nothing reached, little time and memory."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from migrate.formats import inspect
from tests.formats.hostile import CASES, archives, hdf5, keras, tensorflows, torchscripts
from tests.formats.hostile.base import CANARY, EXAMPLES, HostileCase
from tests.formats.hostile.watch import faults, warm, watched
from tests.formats.hostile.zips import members, pack
from tests.formats.models import artifact, write


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    CANARY.unlink(missing_ok=True)
    warm()


@contextmanager
def uncounted() -> Iterator[None]:
    """The lines that a bomb makes run by the million take five times as long when they are counted."""
    counter = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(counter)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdict_without_harm(tmp_path: Path, case: HostileCase) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    with uncounted() if case.name.startswith("bomb") else nullcontext():
        found = watched(case, folder)
    assert faults(case, found) == []


def test_the_corpus() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 45
    assert all(case.harmless for case in CASES if case.verdict == "ready")


@pytest.mark.parametrize(
    "files",
    [
        archives.carried(pack(members(archives.GOOD))),
        torchscripts.with_member("species/extra/notes.txt", b"plain words"),
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
    from tests.formats.hostile.watch import _watch  # noqa: PLC0415 - only here

    _watch.begin(tmp_path)
    (EXAMPLES / "dates" / "manifest.json").read_bytes()
    eval(compile("1", "canary", "eval"))  # noqa: S307 - the event is what is asked for
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

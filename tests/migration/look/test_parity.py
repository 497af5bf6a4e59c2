"""A look from afar says what an inspection of the fetched files says, or that it is not yet known: nothing else."""

import importlib
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example as such_as
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.core.looked import NotKnown
from migrate.core.values import Inspection
from migrate.formats.inspect import inspect, inspect_files
from migrate.sources.ranged import LEAST_ALLOWED
from tests.formats.far import far_files
from tests.formats.hostile.base import HostileCase, example, unzipped, zipped
from tests.formats.hostile.corpus import CASES
from tests.formats.models import CHECKOUT, artifact, write
from tests.migration.look.shelf import large_onnx

FOLDERS = sorted(
    folder
    for place in ("tests/period/models", "examples/models", "examples/formats")
    for folder in (CHECKOUT / place).iterdir()
    if folder.is_dir()
)


def agreement(folder: Path, fetched: Inspection, least: int) -> str:
    """``equal`` or ``not known``; anything else is a wrong verdict."""
    files = far_files(folder, least)
    try:
        found = inspect_files(files, framework=None)
    except NotKnown:
        return "not known"
    finally:
        assert files.bytes_read <= max(least, sum(files.sizes.values()) // 50)
    if found == fetched and not files.unchecked:
        return "equal"
    if not files.unchecked:  # the sentence alone is another one: the place where a cut was noticed
        assert (found.verdict, found.reason) == (fetched.verdict, fetched.reason)
        return "cut"
    assert all(text.endswith(" bytes that are read before a download.") for text in files.unchecked)
    if found.verdict == "ready":
        return "not known"
    assert fetched.verdict != "ready", (found, fetched)
    return "refused either way"


@pytest.mark.parametrize(
    "least", [LEAST_ALLOWED, 4_000, *(pytest.param(least, marks=pytest.mark.slow) for least in (20_000, 1_500))]
)
def test_committed_models(least: int) -> None:
    found = Counter(agreement(folder, inspect(artifact(folder), framework=None), least) for folder in FOLDERS)
    assert found.total() == len(FOLDERS) >= 50
    if least == LEAST_ALLOWED:
        assert found == {"equal": len(FOLDERS)}, "what is small is read whole"
    assert found["equal"] > 10


@pytest.fixture
def agree_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Counter[str]]:
    def agree(cases: tuple[HostileCase, ...], least: int) -> Counter[str]:
        found: Counter[str] = Counter()
        for case in cases:
            if case.disk or case.after or case.finish or case.name.startswith("far-"):
                continue  # about links and disks of this machine, or looked at from afar themselves
            folder = tmp_path / case.name
            folder.mkdir()
            case.write(folder)
            with monkeypatch.context() as limits:
                for module, name, value in case.limits:
                    limits.setattr(importlib.import_module(module), name, value)
                fetched = inspect(artifact(folder), framework=None)
                found[agreement(folder, fetched, least)] += 1
        return found

    return agree


def test_a_part_of_the_hostile_files(agree_on: Callable[..., Counter[str]]) -> None:
    assert set(agree_on(CASES[::12], 1_500)) <= {"equal", "not known", "refused either way"}


@pytest.mark.slow
@pytest.mark.parametrize("least", [LEAST_ALLOWED, 20_000, 4_000, 1_500])
def test_every_hostile_file(agree_on: Callable[..., Counter[str]], least: int) -> None:
    found = agree_on(CASES, least)
    assert found.total() > 500
    if least == LEAST_ALLOWED:
        assert set(found) == {"equal"}


NOISE = bytes(1) + bytes(range(256)) * 800
"""Two hundred kilobytes that no format takes for a part of its own."""


def with_noise(name: str, file: str, path: str) -> dict[str, bytes]:
    """An example whose archive has more in it than a look reads."""
    files = example(name)
    return {**files, file: zipped({**unzipped(files[file]), path: NOISE})}


def long_document() -> dict[str, bytes]:
    (data,) = example("species-tree").values()
    return {"m.pmml": data.replace(b"<Header", b"<!--" + b" " * 200_000 + b"--><Header", 1)}


LARGE = {
    "script": with_noise("species-torchscript", "species.ts", "species/extra/notes"),
    "module": with_noise("species-module", "species.pt", "species/notes"),
    "saved-model": with_noise("load-zip", "load.zip", "assets/words"),
    "document": long_document(),
    "graph": {"m.onnx": large_onnx(1)},
    "keras": example("digits-h5"),
    "pipeline": example("support-pipeline"),
    "folder": example("wine-tf2"),
}


@settings(max_examples=40, deadline=None)
@such_as(name="document", change="flip", place=-2, least=5_000)
@such_as(name="document", change="flip", place=-5, least=5_000)
@such_as(name="document", change="cut", place=-9, least=5_000)
@given(
    name=st.sampled_from(sorted(LARGE)),
    change=st.sampled_from(["none", "cut", "flip", "insert", "drop"]),
    place=st.one_of(st.integers(0, 3000), st.integers(-3000, -1), st.integers(0, 1 << 20)),
    least=st.sampled_from([5_000, 20_000, 70_000, 150_000]),
)
def test_files_that_were_changed_anywhere(name: str, change: str, place: int, least: int) -> None:
    files = dict(LARGE[name])
    largest = max(files, key=lambda path: len(files[path]))
    data = bytearray(files[largest])
    at = place % len(data)
    if change == "cut":
        del data[at:]
    elif change == "flip":
        data[at] ^= 0x10
    elif change == "insert":
        data[at:at] = b"\0"
    elif change == "drop":
        del data[at]
    files[largest] = bytes(data)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        fetched = inspect(write(folder, files), framework=None)
        assert agreement(folder, fetched, least) in {"equal", "not known", "refused either way", "cut"}

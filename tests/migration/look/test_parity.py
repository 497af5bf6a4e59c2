"""A look from afar says what an inspection of the fetched files says, or that it is not yet known: nothing else."""

import importlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.core.looked import NotKnown
from migrate.core.values import Inspection
from migrate.formats.inspect import inspect, inspect_files
from migrate.sources.ranged import LEAST_ALLOWED
from tests.formats.far import far_files
from tests.formats.hostile.base import HostileCase
from tests.formats.hostile.corpus import CASES
from tests.formats.models import CHECKOUT, artifact

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
    assert files.unchecked, (found, fetched)
    assert all(text.endswith(" bytes that are read before a download.") for text in files.unchecked)
    if found.verdict == "ready":
        return "not known"
    assert fetched.verdict != "ready", (found, fetched)
    return "refused either way"


@pytest.mark.parametrize("least", [LEAST_ALLOWED, 20_000, 4_000, 1_500])
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

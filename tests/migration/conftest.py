"""A journal on the disk, and the sandbox's API where a test needs the cloud."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.migration.journal.journal import Journal
from tests.clouds import cloud, sandbox, started

__all__ = ["cloud", "sandbox", "started"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    made = Journal.create(path, source="ns", endpoint="sandbox", project="p")
    made.begin("run")
    yield made
    made.close()

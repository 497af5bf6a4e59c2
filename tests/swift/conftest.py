"""A real OpenStack Swift for the tests of this folder; they are skipped where it is not installed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.ovhcloud import objects
from migrate.ovhcloud.config import read_credentials
from migrate.ovhcloud.session import Cloud, open_session
from tests.clouds import QUICK
from tests.swift.service import Api, Swift, missing


@pytest.fixture(scope="session")
def started_swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swift]:
    """Swift, as long as the tests run."""
    if why := missing():
        pytest.skip(why)
    swift = Swift(tmp_path_factory.mktemp("swift"))
    yield swift
    swift.stop()


@pytest.fixture
def swift(started_swift: Swift) -> Swift:
    """Swift without a container."""
    started_swift.clear()
    return started_swift


@pytest.fixture
def api(swift: Swift) -> Iterator[Api]:
    """The calls of the API before it."""
    with Api(swift) as made:
        yield made


@pytest.fixture
def cloud(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """The tool's session to it."""
    monkeypatch.setattr(objects, "STORAGE_RETRY", QUICK)
    session = open_session(read_credentials(api.environ), state_folder=tmp_path / "state", retry=QUICK)
    yield Cloud(session, api.environ["OVH_CLOUD_PROJECT_SERVICE"])
    session.close()

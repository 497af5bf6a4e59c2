"""Both ways in which Podman runs: as root, and as an ordinary user."""

import contextlib
from collections.abc import Iterator

import pytest

from migrate.images.engine.connection import Engine, connect
from tests.podman import Podman, podman_service


@pytest.fixture(scope="module", params=["root", "rootless"])
def podman(request: pytest.FixtureRequest) -> Iterator[Podman]:
    with podman_service(rootless=request.param == "rootless") as running:
        yield running


@pytest.fixture(scope="module")
def engine(podman: Podman) -> Iterator[Engine]:
    with contextlib.closing(connect({"DOCKER_HOST": podman.url})) as found:
        yield found

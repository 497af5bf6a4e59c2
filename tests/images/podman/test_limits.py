"""Limits of containers: what Podman says of them is what becomes of a process that takes too much."""

import docker.errors
import pytest

from migrate.images.engine import containers
from migrate.images.engine.connection import Engine, translated
from tests.podman import Podman, with_base

pytestmark = [pytest.mark.engine, pytest.mark.slow]

LIMIT = 128 << 20
TAKE = f"data = bytearray({3 * LIMIT}); data[::4096] = bytes(len(data[::4096])); print('took it')"


@pytest.fixture(scope="module")
def image(podman: Podman, engine: Engine) -> str:
    found = engine.image(with_base(podman))
    assert found is not None
    return str(found["Id"])


def test_a_limit_that_is_left_out_is_known(engine: Engine, image: str) -> None:
    missing = containers.unlimited(engine, image)
    with (
        containers.container(
            engine, image, ["python3", "-c", TAKE], purpose="test", **containers.confined(LIMIT)
        ) as identity,
        translated(),
    ):
        try:
            engine.client.api.start(identity)
        except docker.errors.APIError as error:
            if "rlimit" not in str(error):
                raise
            pytest.skip("Podman as root raises the number of open files, which this machine's root may not")
        engine.client.api.wait(identity, timeout=60)
        took = b"took it" in engine.client.api.logs(identity)
    assert took == ("memory" in missing)
    assert containers.unlimited(engine, image) is missing  # asked once

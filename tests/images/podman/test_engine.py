"""What is told apart of Podman and Docker."""

import contextlib
import os

import pytest

from migrate.images.engine.connection import Engine, connect

pytestmark = [pytest.mark.engine, pytest.mark.slow]


def test_podman_is_known_as_such(engine: Engine) -> None:
    assert engine.is_podman()
    with contextlib.closing(connect(os.environ)) as usual:
        if any(part["Name"] == "containerd" for part in usual.client.version().get("Components", ())):
            assert not usual.is_podman()

"""Runs without a container engine: the command finds none, and the apps run where the sandbox has one."""

import pytest

from migrate.images.base.archive import bootstrap
from tests.e2e.conftest import IRIS
from tests.e2e.harness import Tool

NONE = {"DOCKER_HOST": "unix:///nonexistent.sock"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def base() -> str:
    return f"oci:{bootstrap(print)}"


def test_a_folder_is_moved_with_proof(tool: Tool, base: str) -> None:
    ended = tool.run(str(IRIS), "--builder", "none", "--base-image", base, **NONE)
    assert ended.code == 0, ended
    assert ended.outcomes["iris"]["proof"] == "engine"

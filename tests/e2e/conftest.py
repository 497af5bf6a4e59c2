"""One sandbox for all end-to-end tests, reset between them; each test has a workspace of its own."""

import os
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from migrate.sandbox import control
from migrate.sandbox.base.settings import Options
from tests.e2e.harness import ROOT, Sandbox, Tool

IRIS = ROOT / "examples" / "models" / "iris"
TAG = "migrate-test-first:iris"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    folder = str(Path(__file__).parent) + os.sep
    for item in items:
        if str(item.path).startswith(folder):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.engine)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test tells how its last commands ended."""
    report = yield
    if call.when == "setup":
        Tool.said.clear()
    if report.failed and Tool.said:
        report.sections.append(("commands", "\n".join(Tool.said)))
    return report


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder = tmp_path_factory.mktemp("sandbox")
    # Each test's workspace has a rate bucket of its own, so the sandbox's limit is met only where a test is about it.
    control.start(folder, Options(rate_limit=0, unseen_seconds=0.2))
    sandbox = Sandbox(folder)
    # The runtime's image is there before any test, so that no undo owns it and no test builds it again.
    built = Tool(sandbox, tmp_path_factory.mktemp("first") / "workspace")("build", str(IRIS), "--tag", TAG, "--json")
    assert built.code == 0, built.err
    yield sandbox
    control.stop(folder)
    subprocess.run(["docker", "rmi", TAG], check=False, capture_output=True)


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Iterator[Sandbox]:
    control.reset(running_sandbox.folder)
    yield running_sandbox
    control.release(running_sandbox.folder)


@pytest.fixture
def tool(sandbox: Sandbox, tmp_path: Path) -> Tool:
    return Tool(sandbox, tmp_path / "workspace")

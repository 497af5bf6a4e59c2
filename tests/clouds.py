"""A sandbox without its runtime (the API and Object Storage alone), and a session to it, for tests of the clients."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from migrate.machine.patience import Retry
from migrate.ovhcloud.config import read_credentials
from migrate.ovhcloud.session import Cloud, open_session
from migrate.sandbox import control
from migrate.sandbox.base.requestlog import Line
from migrate.sandbox.base.settings import Options

QUICK = Retry(attempts=4, first_wait=0.01, longest_wait=0.05)


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a sandbox that runs as long as the tests do."""
    folder = tmp_path_factory.mktemp("sandbox")
    control.start(folder, Options(runtime=False, unseen_seconds=0.2, rate_limit=0))
    yield folder
    control.stop(folder)


@pytest.fixture
def sandbox(started: Path) -> Iterator[Path]:
    """The sandbox as after a fresh start."""
    control.release(started)
    control.reset(started)
    yield started
    control.release(started)


@pytest.fixture
def cloud(sandbox: Path, tmp_path: Path) -> Iterator[Cloud]:
    """The sandbox's project, through a session that does not wait long between tries."""
    with open_cloud(sandbox, tmp_path) as session_cloud:
        yield session_cloud


class open_cloud:  # noqa: N801 - reads as the function that it replaces
    """A session of its own to a sandbox; ``changes`` replace variables of the environment."""

    def __init__(self, sandbox: Path, state: Path, **changes: str) -> None:
        environ = {"HOME": "/nonexistent", **control.env(sandbox), **changes}
        self._session = open_session(read_credentials(environ), state_folder=state / "state", retry=QUICK)
        self._cloud = Cloud(self._session, environ["OVH_CLOUD_PROJECT_SERVICE"])

    def __enter__(self) -> Cloud:
        return self._cloud

    def __exit__(self, *_: object) -> None:
        self._session.close()


def logged(sandbox: Path) -> list[Line]:
    """The request log; whoever has the whole answer finds its line there."""
    return control.requests_made(sandbox)


def calls(sandbox: Path, method: str, ending: str) -> int:
    """How many requests of a method whose operation or path ends so the sandbox has answered."""
    return sum(
        1
        for line in logged(sandbox)
        if line.method == method and (line.operation.endswith(ending) or line.path.endswith(ending))
    )


def key_with(sandbox: Path, *rules: tuple[str, str]) -> str:
    """A validated consumer key with these rules, made as a person makes one."""
    known = control.env(sandbox)
    asked = requests.post(
        f"{known['OVH_ENDPOINT']}/auth/credential",
        json={"accessRules": [{"method": method, "path": path} for method, path in rules]},
        headers={"X-Ovh-Application": known["OVH_APPLICATION_KEY"]},
        timeout=30,
    ).json()
    requests.get(asked["validationUrl"], timeout=30).raise_for_status()
    return str(asked["consumerKey"])

"""Sandboxes for the tests: driven with the real ``ovh`` package and ``requests``, never with the tool's own client."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ovh
import pytest
import requests
from ovh import client as ovh_client

from migrate.sandbox import control
from migrate.sandbox.base.settings import Options

UNSEEN = 3600.0  # seconds: no state of an app passes unseen, however slow the machine is


class Box:
    """A running sandbox and clients for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = control.env(folder)
        self.project = self.env["OVH_CLOUD_PROJECT_SERVICE"]
        self.url = self.env["OVH_ENDPOINT"]
        self.root = self.url.removesuffix("/1.0")
        self._name = f"sandbox-{self.root.rpartition(':')[2]}"
        self._clients: list[Any] = []

    def client(self, **keys: str) -> Any:
        """A client of the ``ovh`` package; keywords replace keys."""
        ovh_client.ENDPOINTS[self._name] = self.url
        given = {
            "application_key": self.env["OVH_APPLICATION_KEY"],
            "application_secret": self.env["OVH_APPLICATION_SECRET"],
            "consumer_key": self.env["OVH_CONSUMER_KEY"],
        }
        made = ovh.Client(endpoint=self._name, **(given | keys))
        self._clients.append(made)
        return made

    def path(self, rest: str = "") -> str:
        """A path of the project."""
        return f"/cloud/project/{self.project}{rest}"

    def lines(self, **selection: object) -> list[Any]:
        """The lines of the request log whose fields have these values."""
        return [
            line
            for line in control.requests_made(self.folder)
            if all(getattr(line, name) == value for name, value in selection.items())
        ]

    def close(self) -> None:
        """Close the clients' connections, and forget the address: the table of endpoints is the whole process's."""
        ovh_client.ENDPOINTS.pop(self._name, None)
        for client in self._clients:
            client._session.close()
        self._clients.clear()


@pytest.fixture(scope="session")
def shared_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """One sandbox of the API alone, for every test that does not need options of its own."""
    folder = tmp_path_factory.mktemp("sandbox")
    control.start(folder, Options(runtime=False, rate_limit=0, authorized=True, unseen_seconds=UNSEEN))
    made = Box(folder)
    yield made
    made.close()
    control.stop(folder)


@pytest.fixture
def box(shared_box: Box) -> Iterator[Box]:
    """The shared sandbox as if freshly started."""
    control.reset(shared_box.folder)
    yield shared_box
    shared_box.close()


@pytest.fixture
def new_box(tmp_path: Path) -> Iterator[Callable[..., Box]]:
    """Starts a sandbox of its own, with options."""
    made: list[Box] = []

    def start(**options: Any) -> Box:
        folder = tmp_path / f"box{len(made)}"
        defaults = {"runtime": False, "rate_limit": 0, "authorized": True, "samples": False, "unseen_seconds": UNSEEN}
        control.start(folder, Options(**(defaults | options)))
        made.append(Box(folder))
        return made[-1]

    yield start
    for item in made:
        item.close()
        control.stop(item.folder)


@pytest.fixture
def http() -> Iterator[requests.Session]:
    """Plain HTTP."""
    with requests.Session() as session:
        session.trust_env = False
        yield session

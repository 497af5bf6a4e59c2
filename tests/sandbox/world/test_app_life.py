"""Apps that are really pulled and run: their states, URLs, tokens, logs, and what goes wrong."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import requests

from migrate.images.base.image import ensure_base
from migrate.images.engine.connection import connect
from migrate.sandbox import control
from migrate.sandbox.base.settings import Options
from migrate.sandbox.running.containers import labels
from tests.sandbox.conftest import UNSEEN, Box
from tests.sandbox.running.runner_helpers import PROGRAM
from tests.waiting import wait_until

pytestmark = pytest.mark.engine


class Cloud:
    """A whole sandbox, with an image in its shared registry."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.client = box.client()
        region = self.client.get(box.path("/ai/capabilities/region/GRA"))
        self.repository = f"{region['registryUrl']}/app"
        made = self.client.post(box.path("/user"), description="pusher", roles=["ai_training_operator"])
        path = box.path(f"/user/{made['id']}")
        wait_until(lambda: self.client.get(path)["status"] == "ok", "the user is not made")
        self.login = {"username": made["username"], "password": made["password"]}

    def push(self, engine: docker.DockerClient, source: str) -> str:
        """Push a local image under a fresh tag and return its reference."""
        reference = f"{self.repository}:{secrets.token_hex(4)}"
        engine.images.get(source).tag(reference)
        try:
            events = engine.api.push(reference, auth_config=self.login, stream=True, decode=True)
            assert not [event for event in events if "error" in event]
        finally:
            engine.images.remove(reference)
        return reference

    def create(self, image: str, **changes: Any) -> str:
        spec: dict[str, Any] = {
            "name": "life",
            "image": image,
            "region": "GRA",
            "resources": {"cpu": 1, "flavor": "ai1-1-cpu"},
            "command": ["python3", "-u", "-c", PROGRAM],
            "envVars": [{"name": "COLOR", "value": "red"}],
            "labels": {"mls-key": "k"},
            "probe": {"path": "/health"},
        }
        return str(self.client.post(self.box.path("/ai/app"), **(spec | changes))["id"])

    def get(self, app: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(self.box.path(f"/ai/app/{app}"))
        return found

    def states(self, app: str, last: str) -> list[str]:
        """The states that polling sees, until the wanted one."""
        seen: list[str] = []

        def reached() -> bool:
            state = self.get(app)["status"]["state"]
            if state not in seen[-1:]:
                seen.append(state)
            return last in seen

        wait_until(reached, lambda: f"{last} was not reached: {seen}, {self.get(app)['status']['info']}")
        return seen

    def token(self, selector: str) -> dict[str, str]:
        made = self.client.post(
            self.box.path("/ai/token"), name="t", region="GRA", role="ai_training_read", labelSelector=selector
        )
        return {"Authorization": f"Bearer {made['status']['value']}"}


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    found = docker.from_env()
    yield found
    found.close()


@pytest.fixture(scope="module")
def base() -> str:
    found = connect(os.environ)
    reference = ensure_base(found, None, lambda _text: None).reference
    found.client.close()
    return reference


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    folder = tmp_path_factory.mktemp("whole")
    shown = control.start(folder, Options(samples=False, rate_limit=0, authorized=True, unseen_seconds=UNSEEN))
    assert (shown.apps, shown.registry) == ("running", "running")
    made = Box(folder)
    yield made
    made.close()
    control.stop(folder)


@pytest.fixture
def cloud(running: Box) -> Iterator[Cloud]:
    control.reset(running.folder)
    yield Cloud(running)
    control.reset(running.folder)
    running.close()


@pytest.fixture(scope="module")
def image(running: Box, engine: docker.DockerClient, base: str) -> str:
    return Cloud(running).push(engine, base)


def ask_until_closed(http: requests.Session, url: str) -> None:
    """Ask until nobody answers; every answer says that nothing is there."""
    wait_until(lambda: http.get(url).status_code != 503, "it is still answered")


def test_the_life_of_an_app(cloud: Cloud, image: str, http: requests.Session) -> None:
    app = cloud.create(image)
    url = cloud.client.get(cloud.box.path("/ai/app"))[0]["status"]["url"]
    assert http.get(url).status_code == 503
    assert ["QUEUED", *cloud.states(app, "RUNNING")] == ["QUEUED", "INITIALIZING", "SCALING", "RUNNING"]
    assert cloud.get(app)["status"]["availableReplicas"] == 1

    right, wrong = cloud.token("mls-key=k"), cloud.token("mls-key=other")
    assert http.get(url).status_code == 401
    assert http.get(url, headers=wrong).status_code == 401
    answer = http.get(f"{url}/some/path", headers=right).json()
    assert answer["path"] == "/some/path"
    assert answer["ids"] == [42420, 42420]
    assert answer["color"] == "red"
    assert http.get(f"{url}/", auth=(cloud.login["username"], cloud.login["password"])).status_code == 200
    log = cloud.client.get(cloud.box.path(f"/ai/app/{app}/log"))
    assert any("asked for /some/path" in line["content"] for line in log["logs"])
    assert log["lastActivity"]
    assert len(cloud.client.get(cloud.box.path(f"/ai/app/{app}/log?size=1&page=2"))["logs"]) == 1
    seen = [line for line in cloud.box.lines(service="app") if line.path == "/some/path"]
    assert [(line.status, line.app_id) for line in seen] == [(200, app)]

    cloud.client.put(cloud.box.path(f"/ai/app/{app}/stop"))
    assert cloud.states(app, "STOPPED") == ["STOPPING", "STOPPED"]
    assert http.get(url, headers=right).status_code == 503
    cloud.client.put(cloud.box.path(f"/ai/app/{app}/start"))
    assert cloud.states(app, "RUNNING") == ["QUEUED", "INITIALIZING", "SCALING", "RUNNING"]
    assert cloud.get(app)["status"]["url"] == url
    assert http.get(url, headers=right).status_code == 200

    cloud.client.delete(cloud.box.path(f"/ai/app/{app}"), force=True)
    with pytest.raises(requests.ConnectionError):
        ask_until_closed(http, url)


def test_a_new_image_takes_effect_at_the_next_start(
    cloud: Cloud, image: str, engine: docker.DockerClient, base: str, http: requests.Session
) -> None:
    app = cloud.create(image, unsecureHttp=True)
    cloud.states(app, "RUNNING")
    path = cloud.box.path(f"/ai/app/{app}")
    cloud.client.put(path, url=cloud.push(engine, base), envVars=[{"name": "COLOR", "value": "blue"}])
    url = cloud.get(app)["status"]["url"]
    assert cloud.get(app)["status"]["state"] == "RUNNING"
    assert http.get(url).json()["color"] == "red"
    cloud.client.put(f"{path}/stop")
    cloud.states(app, "STOPPED")
    cloud.client.put(f"{path}/start")
    cloud.states(app, "RUNNING")
    assert http.get(url).json()["color"] == "blue"


@pytest.mark.slow
def test_a_rolling_image_and_nothing_left_after_the_stop(
    tmp_path: Path, engine: docker.DockerClient, base: str, http: requests.Session
) -> None:
    control.start(
        tmp_path,
        Options(samples=False, rate_limit=0, authorized=True, image_update="rolling", unseen_seconds=UNSEEN),
    )
    box = Box(tmp_path)
    try:
        cloud = Cloud(box)
        app = cloud.create(cloud.push(engine, base), unsecureHttp=True)
        cloud.states(app, "RUNNING")
        path = cloud.box.path(f"/ai/app/{app}")
        cloud.client.put(path, envVars=[{"name": "COLOR", "value": "blue"}])
        assert cloud.states(app, "RUNNING") == ["SCALING", "RUNNING"]
        assert http.get(cloud.get(app)["status"]["url"]).json()["color"] == "blue"
        mark = "=".join(*labels(tmp_path).items())
        assert len(engine.containers.list(all=True, filters={"label": mark}, ignore_removed=True)) == 1
        control.stop(tmp_path)
        assert engine.containers.list(all=True, filters={"label": mark}, ignore_removed=True) == []
    finally:
        box.close()
        control.stop(tmp_path)


def test_another_scale(cloud: Cloud, image: str, http: requests.Session) -> None:
    app = cloud.create(image, unsecureHttp=True)
    cloud.states(app, "RUNNING")
    path, url = cloud.box.path(f"/ai/app/{app}"), cloud.get(app)["status"]["url"]
    cloud.client.put(f"{path}/scalingstrategy", fixed={"replicas": 3})
    assert http.get(url).status_code == 200
    assert cloud.states(app, "RUNNING") == ["SCALING", "RUNNING"]
    assert cloud.get(app)["status"]["availableReplicas"] == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"command": ["python3", "-c", "import sys; print('no model'); sys.exit(3)"]}, "3"),
        ({"probe": {"path": "/health", "periodSeconds": 1, "failureThreshold": 1}, "command": ["missing"]}, "missing"),
    ],
)
def test_an_app_that_crashes(cloud: Cloud, image: str, change: dict[str, Any], said: str) -> None:
    app = cloud.create(image, **change)
    assert cloud.states(app, "FAILED")[-2:] == ["SCALING", "FAILED"]
    assert said in cloud.get(app)["status"]["info"]["message"]


def test_an_image_that_cannot_be_pulled(cloud: Cloud) -> None:
    app = cloud.create(f"{cloud.repository}:missing")
    cloud.states(app, "FAILED")
    info = cloud.get(app)["status"]["info"]
    assert info["code"] == "APP_FAILED"
    assert "app:missing" in info["message"]


def test_the_registry_is_down(cloud: Cloud, image: str) -> None:
    fault = control.fail(cloud.box.folder, "registry-down")
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{cloud.repository.partition('/')[0]}/v2/", timeout=60)
    app = cloud.create(f"{image}x")
    assert "FAILED" in cloud.states(app, "FAILED")
    control.release(cloud.box.folder, fault)
    assert requests.get(f"http://{cloud.repository.partition('/')[0]}/v2/", timeout=60).status_code == 401
    app = cloud.create(image)
    cloud.states(app, "RUNNING")


@pytest.mark.parametrize("state", ["FAILED", "ERROR"])
def test_an_app_is_told_to_fail(cloud: Cloud, image: str, state: str) -> None:
    control.fail(cloud.box.folder, "app-failed", label="mls-key=k", state=state, message="no luck", times=1)
    app = cloud.create(image)
    assert cloud.states(app, state)[-2:] == ["SCALING", state]
    assert cloud.get(app)["status"]["info"]["message"] == "no luck"


def test_answers_drift(cloud: Cloud, image: str, http: requests.Session) -> None:
    app = cloud.create(image, unsecureHttp=True)
    cloud.states(app, "RUNNING")
    url = cloud.get(app)["status"]["url"] + "/eval"
    true = http.post(url, json={}).json()
    fault = control.fail(cloud.box.folder, "drift", mode="swap", label="mls-key=k")
    assert http.post(url, json={}).json()["label"] == true["label"][::-1]
    control.release(cloud.box.folder, fault)
    control.fail(cloud.box.folder, "drift", mode="scale", label="mls-key=other")
    assert http.post(url, json={}).json() == true

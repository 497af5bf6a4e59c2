"""The life of an app on the sandbox with a real engine and a real registry."""

import contextlib
import io
import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import docker
import pytest
import requests
from msgspec.structs import replace

from migrate.apps import deploy, registries, tokens
from migrate.apps.watching import Watcher
from migrate.core.values import AppRequest, FixedScaling, PushedImage
from migrate.images.base.image import ensure_base
from migrate.images.engine.connection import connect
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from migrate.sandbox.base.settings import Options
from tests.clouds import open_cloud

pytestmark = pytest.mark.engine

PROGRAM = """import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"VERSION"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
print("listening", flush=True)
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


@pytest.fixture
def engine() -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture(params=["restart", "rolling"])
def project(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setenv("MIGRATE_POLL_SECONDS", "0.2")
    behaviour: Literal["restart", "rolling"] = request.param
    control.start(tmp_path / "sandbox", Options(samples=False, rate_limit=0, image_update=behaviour, authorized=True))
    with open_cloud(tmp_path / "sandbox", tmp_path) as cloud:
        yield cloud
    control.stop(tmp_path / "sandbox")


@pytest.fixture
def pushed(engine: docker.DockerClient, project: Cloud) -> Iterator[tuple[PushedImage, PushedImage]]:
    one, two = push(engine, project, ("one", "two"))
    yield one, two
    for image in (one, two):  # the sandbox pulled them into the same engine
        with contextlib.suppress(docker.errors.ImageNotFound):
            engine.images.remove(image.reference, force=True)


def push(engine: docker.DockerClient, cloud: Cloud, versions: tuple[str, ...]) -> Iterator[PushedImage]:
    """Images that answer with their version, in the shared registry."""
    connected = connect(os.environ)
    base = ensure_base(connected, None, lambda _text: None)
    connected.client.close()
    address = registries.shared_registry(cloud, "GRA")
    _, name, password = registries.create_ai_user(cloud, "test")
    for version in versions:
        text = PROGRAM.replace("VERSION", version).replace("\n", "\\n").replace('"', '\\"')
        file = io.BytesIO(f'FROM {base.reference}\nENTRYPOINT ["python3", "-c", "{text}"]\n'.encode())
        reference = f"{address}/apps-test/{version}:{secrets.token_hex(6)}"
        engine.images.build(fileobj=file, tag=reference, rm=True)
        events = engine.api.push(
            reference, auth_config={"username": name, "password": password.reveal()}, stream=True, decode=True
        )
        assert [event for event in events if "error" in event] == []
        engine.images.remove(reference)
        yield PushedImage(reference=reference, digest="", registry=str(address))


def ask(url: str, token: str) -> tuple[int, str]:
    answer = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=60)
    return answer.status_code, answer.text


@pytest.mark.slow
def test_an_app_is_made_called_changed_and_deleted(project: Cloud, pushed: tuple[PushedImage, PushedImage]) -> None:
    one, two = pushed
    plan = AppRequest(
        name="life",
        region="GRA",
        flavor="ai1-1-cpu",
        cpu=1,
        scaling=FixedScaling(replicas=1),
        labels={"mls-key": "life"},
    )
    made = deploy.create(project, plan, one)
    states: list[str] = []
    stop = threading.Event()
    watcher = Watcher(project)
    running = watcher.wait_running(made.id, timeout=120, on_state=states.append, stop=stop)
    assert states[-1] == running.state == "RUNNING"
    assert {"INITIALIZING", "SCALING"} <= set(states)
    token = tokens.create_token(
        project, name="life", region="GRA", role="ai_training_read", label_selector="mls-key=life"
    )
    other = tokens.create_token(
        project, name="other", region="GRA", role="ai_training_read", label_selector="mls-key=other"
    )
    assert token.value is not None
    assert other.value is not None
    assert ask(running.url, token.value.reveal()) == (200, "one")
    assert ask(running.url, other.value.reveal())[0] == 401

    assert deploy.has_cpus(project, running.id, plan)
    larger = replace(plan, cpu=2)
    deploy.replace_image(project, watcher, running.id, two, larger)
    changed = watcher.wait_running(made.id, timeout=120, on_state=lambda _: None, stop=stop, image=two.reference)
    assert (changed.id, changed.url, changed.image) == (running.id, running.url, two.reference)
    assert ask(changed.url, token.value.reveal()) == (200, "two")
    assert changed.cpu == 2
    assert deploy.has_cpus(project, running.id, larger)

    assert deploy.delete(project, made.id) is True
    assert deploy.listing(project) == ()

"""The sandbox on an engine that has to be looked for: Podman of an ordinary user, beside or without a Docker."""

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from migrate.commands.sandbox import use_engine
from migrate.images.engine import transfer
from migrate.images.engine.connection import connect
from migrate.sandbox.base.seam import Launch, Probe, RegistryAuth
from migrate.sandbox.running.backend import LaunchError
from migrate.sandbox.running.containers import connect as of_sandbox
from migrate.sandbox.running.containers import pull
from migrate.sandbox.running.in_engine import InEngine
from migrate.sandbox.running.runner import Runner
from tests.podman import Podman, podman_service, with_base
from tests.sandbox.running.registry_helpers import PASSWORD, USER, running_registry
from tests.sandbox.running.runner_helpers import PROGRAM, TOKEN, Switches, wait_for

pytestmark = [pytest.mark.engine, pytest.mark.slow]
LOGIN = {"username": USER, "password": PASSWORD}


@pytest.fixture(params=["root", "rootless"])
def podman(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Podman]:
    """One that only a look at its socket finds: Docker's context names one that is not there."""
    with podman_service(rootless=request.param == "rootless") as running:
        with_base(running)
        endpoint = {"Host": f"unix://{tmp_path}/none.sock", "SkipTLSVerify": False}
        meta = {"Name": "nobody", "Metadata": {}, "Endpoints": {"docker": endpoint}}
        place = tmp_path / "docker/contexts/meta" / hashlib.sha256(b"nobody").hexdigest()
        place.mkdir(parents=True)
        (place / "meta.json").write_text(json.dumps(meta))
        (tmp_path / "docker/config.json").write_text(json.dumps({"currentContext": "nobody"}))
        monkeypatch.setenv("DOCKER_HOST", "")  # and so what a test sets is taken back
        monkeypatch.delenv("DOCKER_HOST")
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(running.folder / "run"))
        yield running


def test_apps_run_on_the_engine_that_builds_the_models(podman: Podman, tmp_path: Path) -> None:
    use_engine()
    assert os.environ["DOCKER_HOST"] == podman.url
    with (
        running_registry(tmp_path) as registry,
        contextlib.closing(connect(os.environ)) as engine,
        contextlib.closing(of_sandbox()) as client,
    ):
        assert client.version()["Components"] == engine.client.version()["Components"]
        name, tag = f"{registry.address}/sandbox-test/app", secrets.token_hex(4)
        (base,) = (one for one in engine.names() if one.startswith(("migrate-base:", "python:")))
        engine.client.api.tag(base, name, tag=tag)
        assert [message for message in transfer.push(engine.client, name, tag, LOGIN) if "error" in message] == []
        engine.client.api.remove_image(f"{name}:{tag}", noprune=True)
        with pytest.raises(LaunchError) as error:
            pull(client, f"{name}:{tag}", ())
        assert "HTTPS" not in str(error.value)
        runner = Runner(InEngine(tmp_path / "runner"), Switches())
        try:
            url = runner.open("one")
            runner.start(
                Launch(
                    app_id="one",
                    image=f"{name}:{tag}",
                    command=("python3", "-c", PROGRAM),
                    env={"COLOR": "blue"},
                    memory_bytes=256 << 20,
                    probe=Probe(path="/ready"),
                    registry_auths=(RegistryAuth(address=registry.address, **LOGIN),),
                )
            )
            state = wait_for(lambda: runner.state("one"), "ready", "failed")
            if podman.user is not None and "/dev/net/tun" in state.info:
                pytest.skip("an ordinary user has no network for containers on this machine (/dev/net/tun)")
            assert state.phase == "ready", state
            answer = requests.get(f"{url}/x", headers={"Authorization": TOKEN}, timeout=60).json()
            assert answer["ids"] == [42420, 42420]
        finally:
            runner.close()

"""Images are really pulled from a real registry and really run, as the platform does it."""

import hashlib
import io
import json
import os
import secrets
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import docker
import pytest
import requests

from migrate.images.base.image import ensure_base
from migrate.images.engine.connection import connect
from migrate.sandbox import control
from migrate.sandbox.base.seam import Launch, Probe, RegistryAuth
from migrate.sandbox.running.containers import labels
from migrate.sandbox.running.in_engine import InEngine
from migrate.sandbox.running.registry import Registry
from migrate.sandbox.running.runner import Runner
from tests.sandbox.running.registry_helpers import PASSWORD, USER, running_registry
from tests.sandbox.running.runner_helpers import PROGRAM, TOKEN, Switches, wait_for
from tests.waiting import wait_until

pytestmark = pytest.mark.engine
LOGIN = {"username": USER, "password": PASSWORD}
HEADERS = {"Authorization": TOKEN, "Accept": "text/odd"}
Change = Callable[..., Launch]


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    engine = docker.from_env()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="module")
def image(registry: Registry, client: docker.DockerClient) -> Iterator[str]:
    """The base image, pushed to the registry under a name of its own."""
    engine = connect(os.environ)
    base = ensure_base(engine, None, lambda _text: None)
    engine.client.close()
    reference = f"{registry.address}/sandbox-test/app:{secrets.token_hex(4)}"
    client.images.get(base.reference).tag(reference)
    push(client, reference)
    yield reference
    client.images.remove(reference)


def push(client: docker.DockerClient, reference: str) -> None:
    events = client.api.push(reference, auth_config=LOGIN, stream=True, decode=True)
    assert [event for event in events if "error" in event] == []


@pytest.fixture
def gate() -> Switches:
    return Switches()


@pytest.fixture
def runner(tmp_path: Path, gate: Switches) -> Iterator[Runner]:
    started = Runner(InEngine(tmp_path), gate)
    yield started
    started.close()


@pytest.fixture
def hasty(tmp_path: Path, gate: Switches) -> Iterator[Runner]:
    """A runner that gives an app hardly any time to start."""
    started = Runner(InEngine(tmp_path / "hasty"), gate, start_deadline=3)
    yield started
    started.close()


@pytest.fixture
def launch(image: str, registry: Registry) -> Change:
    """A launch of the test program, with some of it changed."""

    def make(app_id: str = "one", image: str = image, **changes: object) -> Launch:
        environment = changes.pop("env", {})
        return Launch(
            app_id=app_id,
            image=image,
            command=("python3", "-c", PROGRAM),
            env={"COLOR": "blue"} | environment,  # type: ignore[operator]
            memory_bytes=256 << 20,
            probe=changes.pop("probe", Probe(path="/ready")),  # type: ignore[arg-type]
            registry_auths=(RegistryAuth(address=registry.address, **LOGIN),),
            **changes,  # type: ignore[arg-type]
        )

    return make


def test_the_engine_keeps_no_image_of_an_app(
    runner: Runner, client: docker.DockerClient, launch: Change, image: str, tmp_path: Path
) -> None:
    reference = f"{image.rpartition(':')[0]}:{secrets.token_hex(4)}"
    files = client.images.get(image)
    files.tag(reference)
    push(client, reference)
    client.images.remove(reference, noprune=True)
    runner.open("one")
    runner.start(launch(image=reference))
    wait_for(lambda: runner.state("one"), "ready")
    assert reference not in {tag for found in client.images.list() for tag in found.tags}
    runner.delete("one")
    wait_until(lambda: runner.deleted("one"), "it is not gone")
    assert ours(client, tmp_path) == []
    assert client.images.get(image)


def test_the_life_of_an_app(runner: Runner, client: docker.DockerClient, launch: Change, tmp_path: Path) -> None:
    url = runner.open("one")
    assert requests.get(url, headers=HEADERS, timeout=60).status_code == 503
    assert runner.state("one").phase == "stopped"
    runner.start(launch())
    phases: list[str] = []

    def ready() -> bool:
        phase = runner.state("one").phase
        if phases[-1:] != [phase]:
            phases.append(phase)
        assert phase in {"pulling", "starting", "ready"}
        return phase == "ready"

    wait_until(ready, lambda: f"it only came to {phases}")
    assert phases == ["pulling", "starting", "ready"]

    assert requests.get(url, timeout=60).status_code == 401
    answer = requests.get(f"{url}/a%2Fb//c?x=%20y", headers=HEADERS, timeout=60).json()
    assert answer["path"] == "/a%2Fb//c?x=%20y"
    assert answer["ids"] == [42420, 42420]
    assert answer["color"] == "blue"
    assert answer["accept"] == "text/odd"
    (container,) = ours(client, tmp_path)
    limits = container.attrs["HostConfig"]
    assert (limits["Memory"], limits["MemorySwap"], limits["NanoCpus"]) == (256 << 20, 256 << 20, 1_000_000_000)
    assert {binding["HostIp"] for ports in limits["PortBindings"].values() for binding in ports} == {"127.0.0.1"}
    assert "asked for /ready" in [line.content for line in runner.logs("one")]
    assert runner.logs("one")[0].timestamp.endswith("Z")

    runner.stop("one")
    wait_for(lambda: runner.state("one"), "stopped")
    assert requests.get(url, headers=HEADERS, timeout=60).status_code == 503
    assert runner.logs("one")
    runner.start(launch(env={"COLOR": "green"}))
    wait_for(lambda: runner.state("one"), "ready")
    assert requests.get(url, headers=HEADERS, timeout=60).json()["color"] == "green"

    runner.start(launch(env={"COLOR": "red"}))  # a running container is replaced
    wait_for(lambda: runner.state("one"), "pulling")
    wait_for(lambda: runner.state("one"), "ready")
    assert requests.get(url, headers=HEADERS, timeout=60).json()["color"] == "red"
    assert len(ours(client, tmp_path)) == 1

    runner.delete("one")
    wait_until(lambda: not ours(client, tmp_path), "its container is still there")
    assert runner.state("one").phase == "stopped"
    wait_until(lambda: not answers(url), "its port is still open")


def answers(url: str) -> bool:
    try:
        requests.get(url, timeout=60)
    except requests.ConnectionError:
        return False
    return True


def ours(client: docker.DockerClient, folder: Path) -> list[Any]:
    wanted = [f"{key}={value}" for key, value in labels(folder).items()]
    return list(client.containers.list(all=True, filters={"label": wanted}, ignore_removed=True))


def test_apps_run_side_by_side_and_close_ends_them(
    tmp_path: Path, gate: Switches, client: docker.DockerClient, launch: Change
) -> None:
    runner = Runner(InEngine(tmp_path), gate)
    try:
        urls = {name: runner.open(name) for name in ("one", "two")}
        for name in urls:
            runner.start(launch(name, env={"COLOR": name}))
        for name, url in urls.items():
            wait_for(partial(runner.state, name), "ready")
            assert requests.get(url, headers=HEADERS, timeout=60).json()["color"] == name
        assert len(ours(client, tmp_path)) == 2
    finally:
        runner.close()
    assert ours(client, tmp_path) == []


def test_answers_drift_when_they_are_told_to(runner: Runner, gate: Switches, launch: Change) -> None:
    url = runner.open("one")
    runner.start(launch())
    wait_for(lambda: runner.state("one"), "ready")

    def ask(path: str = "/m/eval") -> object:
        return requests.post(url + path, json={}, headers=HEADERS, timeout=60).json()

    true = {"label": [0, 2], "score": [[0.5, 0.25], [0.125, 2.0]]}
    assert ask() == true
    gate.mode = "scale"
    assert ask() == true | {"score": [[0.505, 0.2525], [0.12625, 2.02]]}
    assert ask("/else") == true
    gate.mode = "swap"
    assert ask() == true | {"label": [2, 0]}
    gate.mode = "nan"
    assert ask() == true | {"score": [["NaN", 0.25], [0.125, 2.0]]}


def test_images_come_from_the_registry(runner: Runner, registry: Registry, launch: Change) -> None:
    runner.open("one")
    before = len(registry.accesses())
    runner.start(launch())
    wait_for(lambda: runner.state("one"), "ready")
    asked = [line for line in registry.accesses()[before:] if line.status == 200]
    assert any("/manifests/" in line.path for line in asked)
    assert not any("/blobs/" in line.path for line in asked)  # the engine, which built it, has the layers


def test_no_more_processors_than_there_are(
    runner: Runner, client: docker.DockerClient, launch: Change, tmp_path: Path
) -> None:
    runner.open("one")
    runner.start(launch(cpu=500))
    wait_for(lambda: runner.state("one"), "ready")
    (container,) = ours(client, tmp_path)
    assert container.attrs["HostConfig"]["NanoCpus"] == client.info()["NCPU"] * 1_000_000_000


def test_a_crash_is_told_with_its_last_line(runner: Runner, launch: Change) -> None:
    runner.open("one")
    runner.start(launch(env={"BOOT": "print('no such weights', file=sys.stderr); sys.exit(3)"}))
    state = wait_for(lambda: runner.state("one"), "failed")
    assert (state.info, state.exit_code) == ("The container ended with exit code 3: no such weights", 3)
    assert [line.content for line in runner.logs("one")] == ["no such weights"]


def test_a_crash_later_is_told_too(runner: Runner, launch: Change) -> None:
    url = runner.open("one")
    boot = "import threading; threading.Timer(1.5, lambda: os._exit(9)).start()"
    runner.start(launch(env={"BOOT": boot}))
    wait_for(lambda: runner.state("one"), "ready")
    assert wait_for(lambda: runner.state("one"), "failed").exit_code == 9
    assert requests.get(url, headers=HEADERS, timeout=60).status_code == 503


def test_too_much_memory_is_told(runner: Runner, launch: Change) -> None:
    runner.open("one")
    runner.start(launch(env={"BOOT": "x = b'1' * (400 << 20)"}))
    state = wait_for(lambda: runner.state("one"), "failed")
    assert state.info == "The container was killed: it used more than its 256 MiB of memory"


def test_the_probe_gates(runner: Runner, hasty: Runner, launch: Change) -> None:
    hasty.open("one")
    runner.open("two")
    hasty.start(launch(env={"SICK": "/ready"}))
    runner.start(launch("two", env={"PORT": "9000"}, probe=Probe(path="/ready", port=9000, successes=3, period=0.2)))
    wait_for(lambda: runner.state("two"), "ready")
    state = wait_for(lambda: hasty.state("one"), "failed")
    assert state.info == "The probe GET :8080/ready never passed: status 418"


def test_the_probe_is_eager_at_first(runner: Runner, launch: Change) -> None:
    runner.open("one")
    runner.start(launch(env={"BOOT": "import time; time.sleep(0.8)"}, probe=Probe(path="/ready", period=60)))
    wait_for(lambda: runner.state("one"), "ready", "failed")
    assert runner.state("one").phase == "ready"


def test_the_start_may_be_called_off(runner: Runner, client: docker.DockerClient, launch: Change) -> None:
    runner.open("one")
    runner.start(launch())
    runner.stop("one")
    assert wait_for(lambda: runner.state("one"), "stopped").info == ""
    runner.delete("one")
    runner.delete("one")
    runner.stop("one")


@pytest.mark.parametrize(
    ("name", "login", "reason"),
    [
        ("sandbox-test/none:1", LOGIN, "not found"),
        (None, LOGIN | {"password": "wrong"}, "unauthorized"),
        (None, None, "no basic auth credentials|unauthorized"),
    ],
)
def test_images_that_cannot_be_pulled(
    runner: Runner,
    registry: Registry,
    image: str,
    launch: Change,
    name: str | None,
    login: dict[str, str] | None,
    reason: str,
) -> None:
    reference = f"{registry.address}/{name}" if name else image
    good = launch(image=reference)
    auths = (RegistryAuth(address=registry.address, **login),) if login else ()
    runner.open("one")
    runner.start(Launch(app_id="one", image=good.image, command=good.command, registry_auths=auths))
    state = wait_for(lambda: runner.state("one"), "failed")
    assert state.info.startswith(f"The image {reference} cannot be pulled: ")
    assert any(word in state.info for word in reason.split("|"))


@pytest.fixture
def arm_image(registry: Registry, client: docker.DockerClient) -> Iterator[str]:
    """An image for another processor, made by hand as an archive that ``docker load`` takes."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("empty"))
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    config = json.dumps(
        {
            "architecture": "arm64",
            "os": "linux",
            "config": {"Cmd": ["/empty"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    ).encode()
    reference = f"{registry.address}/sandbox-test/arm:{secrets.token_hex(4)}"
    manifest = [{"Config": "config.json", "RepoTags": [reference], "Layers": ["layer.tar"]}]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in (
            ("config.json", config),
            ("layer.tar", layer.getvalue()),
            ("manifest.json", json.dumps(manifest).encode()),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    client.images.load(archive.getvalue())
    push(client, reference)
    yield reference
    client.images.remove(reference, force=True)


def test_an_image_for_another_processor(runner: Runner, arm_image: str, launch: Change) -> None:
    runner.open("one")
    runner.start(launch(image=arm_image))
    state = wait_for(lambda: runner.state("one"), "failed")
    assert "linux/amd64" in state.info


def test_a_command_that_is_not_there(runner: Runner, launch: Change) -> None:
    runner.open("one")
    good = launch()
    runner.start(
        Launch(app_id="one", image=good.image, command=("no-such-program",), registry_auths=good.registry_auths)
    )
    assert wait_for(lambda: runner.state("one"), "failed").info.startswith("The container cannot be started: ")


def test_what_a_killed_sandbox_left_is_removed(
    tmp_path: Path, gate: Switches, client: docker.DockerClient, launch: Change, image: str
) -> None:
    marks = labels(tmp_path, "lost")
    client.containers.run(image, ["sleep", "60"], labels=marks, detach=True)
    (tmp_path / "other").mkdir()
    stranger = client.containers.run(image, ["sleep", "60"], labels=labels(tmp_path / "other", "lost"), detach=True)
    Runner(InEngine(tmp_path), gate).close()
    assert ours(client, tmp_path) == []
    assert len(ours(client, tmp_path / "other")) == 1
    control.stop(tmp_path / "other")  # stopping a sandbox that was killed removes them too
    with pytest.raises(docker.errors.NotFound):
        stranger.reload()


def test_no_engine_is_one_sentence(tmp_path: Path, gate: Switches, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(RuntimeError, match="no container engine answers"):
        Runner(InEngine(tmp_path), gate)

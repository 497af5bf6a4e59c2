"""Apps without a container engine: pulled from a real registry and run in boxes, as the platform does it."""

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest
import requests

from migrate.boxes import bubblewrap
from migrate.images.base.archive import bootstrap
from migrate.images.base.stored import at_path, read_image
from migrate.images.oci.blobs import CONFIGURATION, MANIFEST
from migrate.sandbox.base.seam import Launch, Probe
from migrate.sandbox.running.in_boxes import InBoxes
from migrate.sandbox.running.registry import Registry
from migrate.sandbox.running.runner import Runner
from tests.images.base.layouts import digest_of
from tests.sandbox.running.pushing import login, need_program, put_manifest, send
from tests.sandbox.running.registry_helpers import running_registry
from tests.sandbox.running.runner_helpers import PROGRAM, TOKEN, Switches, wait_for
from tests.waiting import wait_until

HEADERS = {"Authorization": TOKEN, "Accept": "text/odd"}
Change = Callable[..., Launch]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    if why := bubblewrap.why_not():
        pytest.skip(f"no boxes here: {why}")
    need_program()
    with running_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="module")
def image(registry: Registry) -> str:
    """The base image that Debian's packages make, pushed without an engine."""
    blobs = at_path(bootstrap(print))
    base = read_image(blobs)
    (layer,) = base.layers
    stream = base.open(layer.descriptor, 0)
    pieces = []
    while piece := stream.read(1 << 20):
        pieces.append(piece)
    stream.close()
    parts = [(layer.descriptor.digest, b"".join(pieces)), (digest_of(base.configuration), base.configuration)]
    send(registry, "sandbox-test/app", ((digest.removeprefix("sha256:"), data) for digest, data in parts))
    described = {"mediaType": CONFIGURATION, "digest": parts[1][0], "size": len(base.configuration)}
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": described,
        "layers": [msgspec.to_builtins(layer.descriptor) | {"mediaType": layer.descriptor.media_type}],
    }
    put_manifest(registry, "sandbox-test/app", msgspec.json.encode(manifest), MANIFEST, "1")
    return f"{registry.address}/sandbox-test/app:1"


@pytest.fixture
def gate() -> Switches:
    return Switches()


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> InBoxes:
    """One for all, so that the image is unpacked once; each test's runner closes nothing of it but its apps."""
    return InBoxes(tmp_path_factory.mktemp("boxes"))


@pytest.fixture
def runner(backend: InBoxes, gate: Switches, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    monkeypatch.setattr(backend, "close", lambda: None)
    monkeypatch.setattr(backend, "forget", lambda *_: None)
    started = Runner(backend, gate)
    yield started
    started.close()


@pytest.fixture
def launch(image: str, registry: Registry) -> Change:
    """A launch of the test program, with some of it changed."""

    def make(app_id: str = "one", image: str = image, **changes: object) -> Launch:
        environment = changes.pop("env", {})
        given: dict[str, object] = {
            "command": ("python3", "-c", PROGRAM),
            "memory_bytes": 256 << 20,
            "probe": Probe(path="/ready"),
            "registry_auths": login(registry),
        }
        return Launch(
            app_id=app_id,
            image=image,
            env={"COLOR": "blue"} | environment,  # type: ignore[operator]
            **(given | changes),  # type: ignore[arg-type]
        )

    return make


def test_the_life_of_an_app(runner: Runner, launch: Change) -> None:
    url = runner.open("one")
    assert requests.get(url, headers=HEADERS, timeout=60).status_code == 503
    runner.start(launch())
    phases: list[str] = []

    def ready() -> bool:
        phase = runner.state("one").phase
        if phases[-1:] != [phase]:
            phases.append(phase)
        assert phase in {"pulling", "starting", "ready"}, runner.state("one")
        return phase == "ready"

    wait_until(ready, lambda: f"it only came to {phases}")
    assert phases == ["pulling", "starting", "ready"]
    assert requests.get(url, timeout=60).status_code == 401
    answer = requests.get(f"{url}/a%2Fb//c?x=%20y", headers=HEADERS, timeout=60).json()
    assert answer == {"path": "/a%2Fb//c?x=%20y", "ids": [42420, 42420], "color": "blue", "accept": "text/odd"}
    assert "asked for /ready" in [line.content for line in runner.logs("one")]
    assert runner.logs("one")[0].timestamp.endswith("Z")

    runner.stop("one")
    wait_for(lambda: runner.state("one"), "stopped")
    assert requests.get(url, headers=HEADERS, timeout=60).status_code == 503
    assert runner.logs("one")
    runner.start(launch(env={"COLOR": "green"}))
    wait_for(lambda: runner.state("one"), "ready")
    assert requests.get(url, headers=HEADERS, timeout=60).json()["color"] == "green"
    runner.start(launch(env={"COLOR": "red"}))  # a running one is replaced
    wait_for(lambda: runner.state("one"), "pulling")
    wait_for(lambda: runner.state("one"), "ready")
    assert requests.get(url, headers=HEADERS, timeout=60).json()["color"] == "red"
    runner.delete("one")
    wait_until(lambda: runner.deleted("one"), "it is not gone")


def test_apps_run_side_by_side(runner: Runner, launch: Change) -> None:
    urls = {name: runner.open(name) for name in ("one", "two")}
    for name in urls:
        runner.start(launch(name, env={"COLOR": name}))
    for name, url in urls.items():
        wait_for(partial(runner.state, name), "ready")
        assert requests.get(url, headers=HEADERS, timeout=60).json()["color"] == name


CONFINED = """
import os, socket
def attempt(action):
    try:
        action()
    except OSError as error:
        return type(error).__name__
    return "done"
print("interfaces", [name for _, name in socket.if_nameindex()])
print("root", attempt(lambda: open("/x", "w")), attempt(lambda: open("/usr/x", "w")))
print("scratch", attempt(lambda: open("/tmp/x", "w")), attempt(lambda: open("/workspace/x", "w")))
print("processors", len(os.sched_getaffinity(0)), open("/sys/fs/cgroup/cpu.max").read().split())
print("memory", open("/sys/fs/cgroup/memory.max").read().strip())
print("home", os.environ["HOME"], flush=True)
"""


def test_what_an_app_has_in_a_box(runner: Runner, launch: Change) -> None:
    runner.open("one")
    runner.start(launch(env={"BOOT": CONFINED}))
    wait_for(lambda: runner.state("one"), "ready")
    said = [line.content for line in runner.logs("one")]
    assert said[:6] == [
        "interfaces ['lo']",
        "root OSError OSError",
        "scratch done done",
        "processors 1 ['100000', '100000']",
        f"memory {256 << 20}",
        "home /",
    ]


def test_what_ends_by_itself_is_told(runner: Runner, launch: Change) -> None:
    url = runner.open("one")
    runner.start(launch(env={"BOOT": "print('no such weights', file=sys.stderr); sys.exit(3)"}))
    state = wait_for(lambda: runner.state("one"), "failed")
    assert (state.info, state.exit_code) == ("The container ended with exit code 3: no such weights", 3)
    assert [line.content for line in runner.logs("one")] == ["no such weights"]

    runner.start(launch(env={"BOOT": "http.server.BaseHTTPRequestHandler.do_DELETE = lambda _: os._exit(9)"}))
    wait_for(lambda: runner.state("one"), "ready")
    assert requests.delete(url, headers=HEADERS, timeout=60).status_code == 502
    assert wait_for(lambda: runner.state("one"), "failed").exit_code == 9

    runner.start(launch(env={"BOOT": "x = b'1' * (400 << 20); import time; time.sleep(60)"}))
    state = wait_for(lambda: runner.state("one"), "failed")
    assert state.info == "The container was killed: it used more than its 256 MiB of memory"

    runner.start(launch(command=("no-such-program",)))
    state = wait_for(lambda: runner.state("one"), "failed")
    assert state.info.startswith("The container cannot be started: ")
    assert "no-such-program" in state.info

    runner.start(launch(image="127.0.0.1:9/none:1"))
    assert "cannot be pulled" in wait_for(lambda: runner.state("one"), "failed").info


def test_the_probe_gates(backend: InBoxes, runner: Runner, gate: Switches, launch: Change) -> None:
    hasty = Runner(backend, gate, start_deadline=3)
    try:
        hasty.open("one")
        hasty.start(launch(env={"SICK": "/ready"}))
        runner.open("two")
        probe = Probe(path="/ready", port=9000, successes=3, period=0.2)
        runner.start(launch("two", env={"PORT": "9000"}, probe=probe))
        wait_for(lambda: runner.state("two"), "ready")
        state = wait_for(lambda: hasty.state("one"), "failed")
        assert state.info == "The probe GET :8080/ready never passed: status 418"
    finally:
        hasty.close()


def test_the_start_may_be_called_off(runner: Runner, launch: Change) -> None:
    runner.open("one")
    runner.start(launch())
    runner.stop("one")
    assert wait_for(lambda: runner.state("one"), "stopped").info == ""
    runner.delete("one")
    runner.delete("one")
    runner.stop("one")


def test_nothing_is_left_of_a_sandbox_that_was_killed(launch: Change, tmp_path: Path) -> None:
    script = f"""
import sys, time
from pathlib import Path
import msgspec
from migrate.sandbox.base.seam import Launch
from migrate.sandbox.running.in_boxes import InBoxes
backend = InBoxes(Path({str(tmp_path / "apps")!r}))
launch = msgspec.json.decode(sys.stdin.readline(), type=Launch)
with backend.pulled(launch) as image:
    app = backend.run(launch, image)
while not app.logs():  # it runs, and bubblewrap has done all it has to do
    time.sleep(0.01)
print(*app._box.roots(), app._box.network, app._network._helper.pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as maker:  # fmt: skip
        assert maker.stdin is not None
        assert maker.stdout is not None
        maker.stdin.write(msgspec.json.encode(launch(env={"BOOT": "print(1, flush=True)"})).decode() + "\n")
        maker.stdin.flush()
        processes = [int(word) for word in maker.stdout.readline().split()]
        assert len(processes) == 3
        maker.send_signal(signal.SIGKILL)

    def runs(process: int) -> bool:
        try:
            return "(zombie)" not in Path(f"/proc/{process}/status").read_text()
        except OSError:
            return False

    wait_until(lambda: not any(map(runs, processes)), "something of it is left")


def test_an_app_that_has_ended_takes_no_connection(backend: InBoxes, launch: Change) -> None:
    wanted = launch("ended", command=("python3", "-c", "pass"))
    with backend.pulled(wanted) as image:
        app = backend.run(wanted, image)
    early = app.connection(8080, 60)
    wait_until(lambda: not app.running(), "it goes on")
    assert app.connection(8080, 60) is None
    app.remove()
    app.remove()
    if early is not None:
        with pytest.raises((OSError, http.client.HTTPException)):
            early.request("GET", "/")

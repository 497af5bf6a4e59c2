"""Starting and stopping, whatever was left behind."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from migrate.sandbox import control
from migrate.sandbox.base.errors import SandboxError
from migrate.sandbox.base.settings import Folder, Options
from tests.waiting import wait_until

pytestmark = pytest.mark.programs

API = Options(runtime=False, samples=False, rate_limit=0)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    made = tmp_path / "sandbox"
    yield made
    control.stop(made)


def test_starting_twice_is_starting_once(folder: Path) -> None:
    said: list[str] = []
    first = control.start(folder, API, progress=said.append)
    second = control.start(folder, API)
    assert first.pid == second.pid
    assert first.url == second.url
    assert first.ready
    assert control.stop(folder)
    assert not control.stop(folder)
    assert control.status(folder) is None
    assert not Folder(folder).pid_file.exists()


def test_two_starts_at_once_make_one_sandbox(folder: Path) -> None:
    found: list[control.Running] = []
    threads = [threading.Thread(target=lambda: found.append(control.start(folder, API))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({item.pid for item in found}) == 1
    assert len(found) == 3


def test_it_is_a_process_group_of_its_own(folder: Path) -> None:
    running = control.start(folder, API)
    assert os.getpgid(running.pid) != os.getpgid(0)
    assert os.getsid(running.pid) != os.getsid(0)


def test_keys_and_port_stay_over_a_restart(folder: Path) -> None:
    control.start(folder, API)
    before = control.env(folder)
    control.stop(folder)
    control.start(folder)
    assert control.env(folder) == before
    settings = Folder(folder).read()
    assert settings is not None
    assert settings.options == API


def test_the_folder_is_private(folder: Path) -> None:
    control.start(folder, API)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "sandbox.json").stat().st_mode & 0o777 == 0o600


def test_a_killed_sandbox_leaves_a_stale_pid_file_that_does_no_harm(folder: Path) -> None:
    first = control.start(folder, API)
    os.kill(first.pid, signal.SIGKILL)
    wait_until(lambda: not control.running(Folder(folder)), "it is still running")
    assert Folder(folder).pid_file.exists()
    assert control.status(folder) is None
    assert not control.stop(folder)
    second = control.start(folder, API)
    assert second.pid != first.pid


def test_a_pid_file_of_another_process_is_not_believed(folder: Path) -> None:
    place = Folder(folder)
    place.make()
    place.pid_file.write_text(f"{os.getpid()}\n")
    assert control.status(folder) is None
    assert not control.stop(folder)
    assert control.start(folder, API).pid != os.getpid()


def test_a_port_that_is_taken(folder: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(SandboxError, match=f"port {taken} of 127.0.0.1 cannot be used"):
            control.start(folder, Options(port=taken, runtime=False))
        place = Folder(folder)
        settings = place.read()
        assert settings is not None
        # The port of the last start is only a wish.
        place.write(type(settings)(options=API, identity=settings.identity, port=taken))
        assert control.start(folder, API).url != f"http://127.0.0.1:{taken}/1.0"


def test_it_listens_on_loopback_only(folder: Path) -> None:
    running = control.start(folder, API)
    port = int(running.url.split(":")[2].split("/")[0])
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)}
    for address in addresses - {"127.0.0.1", "127.0.1.1"}:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((str(address), port), timeout=2)
    assert requests.get(running.url.removesuffix("1.0"), timeout=60).status_code == 200


def test_broken_settings(folder: Path) -> None:
    place = Folder(folder)
    place.make()
    place.settings_file.write_text("{")
    with pytest.raises(SandboxError, match="delete the folder to begin anew"):
        control.start(folder, API)


def test_commands_need_a_sandbox(folder: Path) -> None:
    with pytest.raises(SandboxError, match="no sandbox is running"):
        control.env(folder)
    with pytest.raises(SandboxError, match="no sandbox is running"):
        control.fail(folder, "slow")
    control.start(folder, API)
    control.stop(folder)
    with pytest.raises(SandboxError, match="no sandbox is running"):
        control.reset(folder)
    assert control.requests_made(folder) == []


def test_the_commands_want_the_folder_s_token(folder: Path) -> None:
    running = control.start(folder, API)
    root = running.url.removesuffix("/1.0")
    assert requests.get(f"{root}/sandbox/status", timeout=60).status_code == 403
    assert requests.post(f"{root}/sandbox/stop", headers={"X-Sandbox-Token": "x"}, timeout=60).status_code == 403
    assert control.status(folder) is not None


def test_the_environment_is_what_the_ovh_package_reads(folder: Path) -> None:
    control.start(folder, API)
    env = control.env(folder)
    assert set(env) == {
        "OVH_ENDPOINT",
        "OVH_APPLICATION_KEY",
        "OVH_APPLICATION_SECRET",
        "OVH_CONSUMER_KEY",
        "OVH_CLOUD_PROJECT_SERVICE",
    }
    code = (
        "import os, ovh; from ovh import client;"
        "client.ENDPOINTS['s'] = os.environ.pop('OVH_ENDPOINT');"
        "print(ovh.Client(endpoint='s').get('/cloud/project')[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == env["OVH_CLOUD_PROJECT_SERVICE"]


def test_objects_that_cannot_be_put(box: Any, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="cannot be read"):
        control.put_object(box.folder, "c", "a", tmp_path / "missing")
    with pytest.raises(SandboxError, match="colour"):
        control.put_object(box.folder, "c", "a", tmp_path, colour="red")


def test_a_reset_is_a_fresh_start(box: Any, tmp_path: Path) -> None:
    client = box.client()
    file = tmp_path / "a"
    file.write_bytes(b"x")
    control.put_object(box.folder, "c", "a", file)
    client.post(box.path("/ai/token"), name="t", region="GRA", role="ai_training_read")
    client.post(box.path("/user"), role="ai_training_read")
    client.post(box.path("/ai/app"), image="a/b:1", region="GRA", resources={"cpu": 1})
    control.fail(box.folder, "serving-gone")
    control.reset(box.folder)
    assert box.lines() == []
    for path in ("/ai/token", "/user", "/ai/app"):
        assert client.get(box.path(path)) == []
    assert [item["name"] for item in client.get(box.path("/storage"))] == ["models", "formats"]
    assert client.get(box.path("/ai/serving"))


def test_the_program_says_how_it_is_used() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "migrate.sandbox.process"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("usage:")


def test_storage_that_is_no_folder(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="is not a folder"):
        control.start(folder, Options(runtime=False, storage=str(tmp_path / "missing")))


def test_a_start_that_fails_leaves_nothing_running(folder: Path, tmp_path: Path) -> None:
    content = tmp_path / "content" / "c"
    content.mkdir(parents=True)
    (content / "unreadable").symlink_to("/proc/self/mem")
    with pytest.raises(SandboxError, match="did not start: "):
        control.start(folder, Options(runtime=False, samples=False, storage=str(tmp_path / "content")))
    assert not control.running(Folder(folder))
    assert "Traceback" in (folder / "sandbox.log").read_text()


def test_what_cannot_run_here_says_what_it_needs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    running = control.start(folder, Options(samples=False), builder="none")
    assert running.ready
    assert "bubblewrap" in running.apps
    assert "apt-get install docker-registry" in running.registry
    assert running.apps_in == ""
    control.stop(folder)
    again = control.start(folder, builder="auto")
    assert "no container engine answers" in again.apps
    assert "bubblewrap" in again.apps
    assert "apt-get install docker-registry" in again.registry
    control.stop(folder)
    assert control.start(folder, builder="engine").apps.startswith("no container engine answers")

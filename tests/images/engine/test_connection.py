import contextlib
import os
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
from pathlib import Path

import docker.errors
import pytest
import requests

from migrate.core.errors import LocalError
from migrate.images.engine import connection as engine_module
from migrate.images.engine.connection import Engine, connect, engine_error, translated
from migrate.images.engine.transfer import message_of


def test_an_engine_that_is_not_there_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LocalError) as error:
        connect({"DOCKER_HOST": f"unix://{tmp_path}/none.sock", "HOME": str(tmp_path)})
    assert error.value.code == "engine-not-running"
    assert str(tmp_path) in error.value.what
    assert "DOCKER_HOST" in error.value.next_step


class Banner(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(OSError):
            self.request.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


def test_something_else_listening_is_not_an_engine(tmp_path: Path) -> None:
    with socketserver.ThreadingUnixStreamServer(str(tmp_path / "s"), Banner) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        try:
            probe = subprocess.run(
                [sys.executable, "-m", "migrate.images.engine.connection"],
                env={"DOCKER_HOST": f"unix://{tmp_path}/s", "HOME": str(tmp_path)},
                check=False,
                capture_output=True,
                text=True,
                timeout=60,
            )
        finally:
            server.shutdown()
    assert probe.returncode == 7
    assert probe.stderr.startswith("No container engine answers")
    assert "Traceback" not in probe.stderr


@pytest.mark.parametrize("host", ["gopher://x", "unix:", "tcp://"])
def test_an_address_that_is_none_is_no_programming_error(host: str) -> None:
    with pytest.raises(LocalError):
        connect({"DOCKER_HOST": host})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("write /layer.tar: no space left on device", "disk-full"),
        ("Disk quota exceeded", "disk-full"),
        ("something\x1b[2Jelse", "engine-failed"),
    ],
)
def test_what_the_engine_says_becomes_an_error(text: str, code: str) -> None:
    error = engine_error(text)
    assert error.code == code
    assert "\x1b" not in error.what


def test_failures_are_translated_and_mistakes_are_not() -> None:
    with pytest.raises(LocalError) as error, translated():
        raise docker.errors.APIError("500", explanation="no space left on device")
    assert error.value.code == "disk-full"
    with pytest.raises(LocalError) as error, translated():
        raise requests.ConnectionError("connection reset")
    assert error.value.code == "engine-not-running"
    with pytest.raises(KeyError), translated():
        raise KeyError("a mistake")


@pytest.mark.parametrize("line", [b"<html>502</html>", b'{"status": "Pus', b'["no message"]', b'{"status": "\xff"}'])
def test_what_is_no_message_of_a_stream_is_said_in_one_sentence(line: bytes) -> None:
    assert message_of(b'{"status": "Pushing"}') == message_of('{"status": "Pushing"}') == {"status": "Pushing"}
    with pytest.raises(LocalError, match="its answer is broken") as error, translated():
        message_of(line)
    assert error.value.code == "engine-failed"


def test_asking_for_help_imports_no_client() -> None:
    code = (
        "import migrate.images.engine.connection, migrate.images.engine.build, sys; sys.exit('docker' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.engine
def test_images_that_are_not_there(engine: Engine) -> None:
    assert engine.image("migrate-test-none:1") is None
    with pytest.raises(LocalError) as error:
        engine.pull("127.0.0.1:9/migrate-test/none:1")
    assert error.value.code == "pull-failed"


@pytest.mark.engine
def test_scripts_can_ask(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine_module.main([]) == 0
    assert engine_module.main(["--has", "migrate-test-none:1"]) == 1
    assert engine_module.main(["--pull", "127.0.0.1:9/migrate-test/none:1"]) == 7
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")
    assert engine_module.main([]) == 7
    assert os.environ["DOCKER_HOST"]


@pytest.mark.engine
def test_the_folder_of_an_engine_of_this_machine_has_a_free_space() -> None:
    with contextlib.closing(connect(os.environ)) as engine:
        folder = engine.folder()
        info = engine.client.info()
    if info["Name"] != socket.gethostname():
        assert folder is None
    else:
        assert folder is not None
        assert shutil.disk_usage(folder).free > 0

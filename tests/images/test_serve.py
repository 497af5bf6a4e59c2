"""The server on this machine, as ``migrate serve`` runs it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from migrate.core.errors import LocalError
from migrate.images import serve as serve_module
from migrate.images.serve import ensure_environment
from tests.images.conftest import silent

PROGRAM = """
import os, signal, sys
from pathlib import Path
from migrate.images.serve import serve
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started this with the signal ignored
from tests.images.conftest import IRIS, model_of
sys.exit(serve([model_of(IRIS, "iris")], host="127.0.0.1", port=int(sys.argv[1]), store=Path(sys.argv[2]),
               environ=os.environ, progress_text=lambda text: print(text, flush=True)))
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def get(url: str) -> bytes:
    deadline = time.monotonic() + 60
    while True:
        try:
            answer = requests.get(url, timeout=60)
        except requests.ConnectionError:
            answer = None
        if answer is not None and answer.status_code == 200:  # 503 until it is ready
            return answer.content
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_and_ends_cleanly(store: Path, tmp_path: Path, how: signal.Signals) -> None:
    port = free_port()
    environ = {**os.environ, "OVH_APPLICATION_SECRET": "must-not-travel", "MIGRATE_REGISTRY_PASSWORD": "nor-this"}
    environ |= {"TMPDIR": str(tmp_path), "SOMETHING_ELSE": "may-travel"}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(port), str(store)],
        cwd=Path(__file__).parents[2],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as program:
        try:
            described = json.loads(get(f"http://127.0.0.1:{port}/describe"))
            assert described["inputs"][0]["name"] == "float_input"
            (child,) = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
            variables = Path(f"/proc/{child}/environ").read_text()
            assert "must-not-travel" not in variables
            assert "nor-this" not in variables
            assert "may-travel" in variables
            program.send_signal(how)
            said, _ = program.communicate(timeout=120)
        finally:
            program.kill()
    assert program.returncode == (130 if how == signal.SIGINT else 0), said
    assert "Traceback" not in said
    assert not Path(f"/proc/{child}").exists()
    assert list(tmp_path.iterdir()) == []


def test_the_environment_is_made_once_and_apart_from_this_one(store: Path) -> None:
    said: list[str] = []
    python = ensure_environment("onnx", store=store, progress_text=said.append)
    again = ensure_environment("onnx", store=store, progress_text=said.append)
    assert python == again
    assert len(said) <= 1
    code = "import onnxruntime, sys; sys.exit(sys.prefix in onnxruntime.__file__ and 'x' or 3)"
    environ = {"PATH": os.environ["PATH"], "ORT_DISABLE_TELEMETRY": "1"}
    done = subprocess.run([str(python), "-c", code], env=environ, check=False, capture_output=True, text=True)
    assert done.stderr.strip() == "x"
    assert subprocess.run([str(python), "-c", "import typer"], check=False, capture_output=True).returncode == 1


def test_an_environment_that_cannot_be_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(LocalError) as error:
        serve_module.ensure_environment("onnx", store=tmp_path / "store", progress_text=silent)
    assert error.value.code == "wheels-failed"
    assert list((tmp_path / "store/partial").iterdir()) == []
    assert not (tmp_path / "store/environments").exists()

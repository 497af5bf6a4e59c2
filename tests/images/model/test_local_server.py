"""The server on this machine, as ``migrate serve`` runs it."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import requests

from migrate.core.errors import LocalError, NeedsYouError
from migrate.core.model_json import Unserved
from migrate.images.model import local_server as serve_module
from migrate.images.model.local_server import ensure_environment
from migrate.machine.processes import port_to_open
from tests.images.conftest import IRIS, model_of, silent
from tests.server.process import listening
from tests.waiting import wait_until

pytestmark = pytest.mark.programs

INSTALLED_SECONDS = 250.0  # the first time the packages are installed
PROGRAM = """
import os, signal, sys
from pathlib import Path
from migrate.images.model.local_server import serve
from migrate.machine.processes import port_to_open
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started this with the signal ignored
from tests.images.conftest import IRIS, model_of
with port_to_open("127.0.0.1", 0) as port:
    sys.exit(serve([model_of(IRIS, "iris")], host="127.0.0.1", port=port, store=Path(sys.argv[1]),
                   environ=os.environ, progress_text=lambda text: print(text, flush=True),
                   timeout=float(sys.argv[2])))
"""


def get(url: str) -> bytes:
    answers: list[requests.Response] = []

    def ready() -> bool:
        answers.append(requests.get(url, timeout=60))
        return answers[-1].status_code == 200  # 503 until it is ready

    wait_until(ready, lambda: answers[-1].text)
    return answers[-1].content


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_and_ends_cleanly(store: Path, tmp_path: Path, how: signal.Signals) -> None:
    log = tmp_path.with_suffix(".log")
    environ = {**os.environ, "OVH_APPLICATION_SECRET": "must-not-travel", "MIGRATE_REGISTRY_PASSWORD": "nor-this"}
    environ |= {"TMPDIR": str(tmp_path), "SOMETHING_ELSE": "may-travel"}
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(store), "200"],
            cwd=Path(__file__).parents[3],
            env=environ,
            stdout=output,
            stderr=output,
        ) as program,
    ):
        try:
            port = listening(program, log, patience=INSTALLED_SECONDS)["port"]
            described = json.loads(get(f"http://127.0.0.1:{port}/describe"))
            assert described["inputs"][0]["name"] == "float_input"
            (child,) = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
            variables = Path(f"/proc/{child}/environ").read_text()
            assert "must-not-travel" not in variables
            assert "nor-this" not in variables
            (locales,) = [part for part in variables.split("\0") if part.startswith("LOCPATH=")]
            assert [path.name for path in Path(locales.partition("=")[2]).iterdir()] == ["en_US.utf8"]
            assert "may-travel" in variables
            program.send_signal(how)
            program.wait(timeout=120)
        finally:
            program.kill()
    said = log.read_text()
    assert program.returncode == (130 if how == signal.SIGINT else 0), said
    assert "Traceback" not in said
    assert not Path(f"/proc/{child}").exists()
    assert list(tmp_path.iterdir()) == []


def test_what_is_found_when_it_is_ready_may_end_it(store: Path, tmp_path: Path) -> None:
    asked: list[str] = []

    def on_ready(url: str, unserved: Mapping[str, str]) -> None:
        assert unserved == {}
        asked.append(url)
        assert json.loads(get(f"{url}/describe"))["inputs"]
        raise NeedsYouError("It answers differently.", code="answers-differ")

    with port_to_open("0.0.0.0", 0) as port, pytest.raises(NeedsYouError) as error:
        serve_module.serve(
            [model_of(IRIS, "iris")],
            host="0.0.0.0",
            port=port,
            store=store,
            environ={**os.environ, "TMPDIR": str(tmp_path)},
            progress_text=silent,
            timeout=200,
            on_ready=on_ready,
        )
    assert error.value.code == "answers-differ"
    assert asked == [f"http://127.0.0.1:{port}"]
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/health/live", timeout=60)


def test_a_server_that_is_never_ready_is_ended() -> None:
    with port_to_open("127.0.0.1", 0) as nowhere, pytest.raises(NeedsYouError) as error:
        serve_module._run(
            [sys.executable, "-c", "import time; time.sleep(600)"],
            os.environ,
            http.client.HTTPConnection("127.0.0.1", nowhere, timeout=5),
            1.0,
            lambda *_: pytest.fail("it was not ready"),
        )
    assert error.value.code == "not-ready"
    assert "--rehearsal-timeout" in error.value.next_step


def test_a_server_that_ends_by_itself_is_not_waited_for() -> None:
    command = [sys.executable, "-c", "import sys; sys.exit(5)"]
    with port_to_open("127.0.0.1", 0) as port:
        nowhere = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        assert serve_module._run(command, os.environ, nowhere, 600.0, lambda *_: pytest.fail("it was not ready")) == 5


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


def test_what_cannot_be_served_says_so_beside_the_others(store: Path, tmp_path: Path) -> None:
    found: dict[str, str] = {}

    def on_ready(url: str, unserved: Mapping[str, str]) -> None:
        found.update(unserved)
        assert json.loads(get(f"{url}/iris/describe"))["inputs"]
        refused = requests.get(f"{url}/the%20other/describe", timeout=60)
        assert (refused.status_code, refused.json()["message"]) == (503, "The model the other is not served: it is bad")
        raise NeedsYouError("That is all.", code="answers-differ")

    with port_to_open("127.0.0.1", 0) as port, pytest.raises(NeedsYouError, match="That is all"):
        serve_module.serve(
            [model_of(IRIS, "iris"), Unserved("the other", "it is bad")],
            host="127.0.0.1",
            port=port,
            store=store,
            environ={**os.environ, "TMPDIR": str(tmp_path)},
            progress_text=silent,
            timeout=200,
            on_ready=on_ready,
        )
    assert found == {"the other": "it is bad"}

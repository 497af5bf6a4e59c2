"""The benchmark itself, quickly, on this server and the echo; and that it does not measure wrong answers."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from benchmarks.server.contenders import (
    Question,
    ask_echo,
    ask_fastapi,
    ask_litserve,
    ask_mlserver,
    ask_ours,
    ask_v2,
)
from benchmarks.server.measure import WrongAnswerError, check
from benchmarks.server.models import open_session, payloads, run, write_model
from benchmarks.server.processes import cpu_seconds, memory_bytes, tree_of
from benchmarks.server.samples import ROW, SAMPLES, sample_payloads, write_sample
from tests.waiting import wait_until

pytestmark = pytest.mark.programs

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_quick_run(tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.server", "--quick", "--only", "migrate,echo"),
            *("--cases", "row-32,image-png", "--json", str(numbers)),
        ],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "one row of 4 as JSON, 32 connections" in done.stdout
    found = json.loads(numbers.read_text())["contenders"]
    assert set(found) == {"migrate", "echo"}
    assert set(found["migrate"]["medians"]) == {"row-32", "image-png"}
    for contender in found.values():
        assert contender["versions"]["uvicorn"]
        for sample in contender["medians"].values():
            assert sample["rps"] > 0
            assert sample["errors"] == 0


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model("mlp", tmp_path_factory.mktemp("model"))


@pytest.fixture
def endpoint() -> Iterator[tuple[int, list[bytes]]]:
    """A server at the edge that answers what it is told to."""
    said: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(said[0])))
            self.end_headers()
            self.wfile.write(said[0])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port, said
    server.shutdown()
    thread.join()
    server.server_close()


def test_only_right_answers_are_measured(model: Path, endpoint: tuple[int, list[bytes]]) -> None:
    port, said = endpoint
    payload = payloads("mlp")["row"]
    question = ask_ours("mlp", payload)
    assert question is not None
    right = run(open_session(model), payload.array).tolist()
    said[:] = [json.dumps({"output": right}).encode()]
    check(question, port, model, payload)
    right[0][1] += 1e-4
    said[:] = [json.dumps({"output": right}).encode()]
    with pytest.raises(WrongAnswerError, match="row"):
        check(question, port, model, payload)
    with pytest.raises(WrongAnswerError, match="echo"):
        check(Question("/", "application/json", b"something", None), port, model, payload)


def test_everybody_is_asked_the_same() -> None:
    row = payloads("mlp")["row"]
    ours, by_hand, asked = ask_ours("mlp", row), ask_fastapi("mlp", row), ask_v2("mlp", row)
    assert ours is not None
    assert by_hand is not None
    assert asked is not None
    assert json.loads(ours.body) == json.loads(by_hand.body)
    (tensor,) = json.loads(asked.body)["inputs"]
    assert (tensor["shape"], tensor["data"]) == ([1, 4], [5.1, 3.5, 1.4, 0.2])
    picture = payloads("image")["picture"]
    assert picture.png is not None
    bare, form = ask_ours("image", picture), ask_litserve("image", picture)
    assert bare is not None
    assert form is not None
    assert bare.body == picture.png
    assert picture.png in form.body
    assert ask_v2("image", picture) is None


def test_what_is_sent_in_binary_is_answered_in_binary() -> None:
    rows = payloads("mlp")["binary"]
    asked = ask_v2("mlp", rows)
    assert asked is not None
    ((_, length),) = asked.headers
    assert asked.body[int(length) :] == rows.array.tobytes()
    assert asked.read is not None
    values = np.array([0.5, 1e9], np.float32)
    assert np.array_equal(asked.read(b'{"outputs":[]}' + values.tobytes()), values)
    assert [ask("mlp", rows) for ask in (ask_ours, ask_fastapi, ask_litserve, ask_mlserver, ask_echo)] == [None] * 5


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_asked_what_was_recorded(name: str, tmp_path: Path) -> None:
    file = write_sample(name, tmp_path)
    assert file.is_file()
    assert (file.parents[1] / "model.json").exists()
    payload = sample_payloads(name)[ROW]
    ours, by_hand = ask_ours(name, payload), ask_fastapi(name, payload)
    assert ours is not None
    assert by_hand is not None
    assert ours.body == by_hand.body
    assert payload.wanted is not None
    assert payload.wanted.size > 0
    assert ask_v2(name, payload) is None


def test_a_tree_of_processes_is_measured_whole() -> None:
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(10**7)); input()'])"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as parent:
        try:
            wait_until(lambda: len(tree_of(parent.pid)) == 2 and cpu_seconds(parent.pid) >= 0.1, "it does not compute")
            assert memory_bytes(parent.pid) > memory_bytes(tree_of(parent.pid)[1]) > 0
        finally:
            assert parent.stdin is not None
            parent.stdin.close()

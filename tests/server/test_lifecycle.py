"""The life of the process: right before ready, alive while it computes, nothing lost when it ends."""

import http.client
import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.server import models
from tests.server.process import Server, held, running, start, wait_ready
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.programs

BETWEEN = 30  # checks; a model on the event loop lets one through before it begins, and hardly any after
LONG = 10.0  # seconds
GOOD = {"x": [1.0, 2.0, 2.0]}


def record(folder: Path, scores: list[float]) -> None:
    sample = {"name": "one", "request": GOOD, "answer": {"scores": [scores], "label": [1]}}
    tolerances = {"float": {"relative": 1e-5, "absolute": 1e-6}}
    (folder / "recorded.json").write_text(json.dumps({"tolerances": tolerances, "samples": [sample]}))


def fails(root: Path, log: Path) -> str:
    """The reason that a server gives when it ends by itself."""
    server = start(root, log)
    try:
        assert server.process.wait(timeout=PATIENCE) == 1
    finally:
        server.process.kill()
    return str(server.lines()[-1].get("reason") or server.lines()[-2]["reason"])


def test_recorded_answers_a_little_off_are_logged_and_ready(tmp_path: Path, log: Path) -> None:
    record(models.linear(tmp_path / "linear"), [2.0, 3.0 + 1e-6])
    with running(tmp_path, log) as server:
        assert server.eval(GOOD).status == 200
        line = next(line for line in server.lines() if line["message"] == "recorded answers reproduced")
        assert line["worst_difference"] == pytest.approx(1e-6, rel=1e-3)


def test_recorded_answers_really_off_end_the_process(tmp_path: Path, log: Path) -> None:
    record(models.linear(tmp_path / "linear"), [2.0, 3.01])
    reason = fails(tmp_path, log)
    assert "sample one, scores, value 1" in reason
    assert "difference 0.01" in reason


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"scores": [2, 3], "label": 0}, "label, value 0: 1, recorded was 0"),
        ({"scores": [2, 3]}, "recorded were ['scores']"),
        ({"scores": [2, 3, 4], "label": 1}, "2 values, recorded were 3"),
        ({"scores": [2, "NaN"], "label": 1}, "recorded was NaN"),
    ],
)
def test_other_differences(tmp_path: Path, log: Path, answer: dict[str, Any], why: str) -> None:
    folder = models.linear(tmp_path / "linear")
    sample = {"name": "one", "request": GOOD, "answer": answer}
    (folder / "recorded.json").write_text(json.dumps({"samples": [sample]}))
    assert why in fails(tmp_path, log)


def test_answers_of_the_engine_itself_count_for_a_table(tmp_path: Path, log: Path) -> None:
    folder = models.table(tmp_path / "table")
    sample = {"name": "one", "request": {"a": 1, "b": 2, "c": 3}, "answer": {"y": [[2, 4, 6]]}}
    (folder / "recorded.json").write_text(json.dumps({"samples": [sample]}))
    with running(tmp_path, log) as server:
        assert any(line["message"] == "recorded answers reproduced" for line in server.lines())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"engine": "other"}, "no engine named 'other'"),
        ({"entry": "missing.onnx"}, "cannot load missing.onnx"),
        ({"inputs": [{"name": "z", "type": "float", "shape": [-1, 3]}]}, "the file has ['x']"),
        ({"inputs": [{"name": "x", "type": "double", "shape": [-1, 3]}]}, "declared as double, the file has float"),
        ({"inputs": [{"name": "x", "type": "float", "shape": [-1, 4]}]}, "declared as [-1, 4]"),
        ({"inputs": [{"name": "x", "type": "float", "shape": [3]}]}, "declared as [3]"),
        ({"outputs": [{"name": "z", "type": "float", "shape": [-1]}]}, "no output z"),
        ({"outputs": [{"name": "label", "type": "string", "shape": [-1]}]}, "declared as string, the file has long"),
    ],
)
def test_a_description_that_the_engine_contradicts(tmp_path: Path, log: Path, change: dict[str, Any], why: str) -> None:
    folder = models.linear(tmp_path / "linear")
    settings = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**settings, **change}))
    assert why in fails(tmp_path, log)


def test_lines_are_json_in_utf_8_whatever_the_locale() -> None:
    script = "import logging; from migrate.server import logs; logs.set_up(); logs.log(logging.INFO, chr(252))"
    ascii_alone = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([sys.executable, "-c", script], env=ascii_alone, capture_output=True, check=True)
    assert json.loads(done.stdout)["message"] == "ü"
    assert done.stderr == b""


def test_no_models_and_wrong_settings(tmp_path: Path, log: Path) -> None:
    assert "no folder with a model.json" in fails(tmp_path, log)
    models.linear(tmp_path / "linear")
    server = start(tmp_path, log, max_in_flight="many")
    assert server.process.wait(timeout=PATIENCE) == 1
    assert "MIGRATE_MAX_IN_FLIGHT" in server.lines()[-1]["reason"]


def test_a_port_in_use(tmp_path: Path, log: Path) -> None:
    models.linear(tmp_path / "linear")
    with running(tmp_path, log) as first:
        second = start(tmp_path, tmp_path / "second", port=str(first.port))
        assert second.process.wait(timeout=PATIENCE) == 1
        assert second.lines()[-1]["reason"].startswith("cannot listen: ")
        assert first.eval(GOOD).status == 200


def test_nothing_is_written(tmp_path: Path, log: Path) -> None:
    folder = models.linear(tmp_path / "linear")
    before = sorted(path.name for path in folder.rglob("*"))
    with running(tmp_path, log) as server:
        assert server.eval(GOOD).status == 200
    assert sorted(path.name for path in folder.rglob("*")) == before


def test_health_answers_while_the_model_is_saturated(tmp_path: Path, log: Path) -> None:
    """A model on the event loop would keep nearly every check waiting until a call has ended, however long they take.

    So the calls become longer until enough checks came between two ends: what is slow here slows both.
    """
    models.slow(tmp_path / "slow")
    with running(tmp_path, log) as server:
        rounds, longest, between = 200, 0.0, 0
        while between < BETWEEN:
            assert longest < LONG, f"{between} checks were answered while calls of {longest:.0f} s were computed"
            longest, between = _answered_between(server, rounds)
            rounds *= 2


def _answered_between(server: Server, rounds: int) -> tuple[float, int]:
    """The seconds of one call of the model, and the checks that came while six of them ran and none ended."""
    begin = time.perf_counter()
    assert server.eval({"rounds": [rounds]}).status == 200
    seconds, between = time.perf_counter() - begin, 0
    with ThreadPoolExecutor(6) as pool:
        calls = [pool.submit(server.eval, {"rounds": [rounds]}) for _ in range(6)]
        while not all(call.done() for call in calls):
            before = sum(call.done() for call in calls)
            assert server.call("GET", "/health/live").status == 200
            between += before == sum(call.done() for call in calls)
        assert all(call.result().status == 200 for call in calls)
    return seconds, between


class Load:
    """Clients that send request after request, on kept and on fresh connections, until they are refused."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answered = 0
        self.lost: list[str] = []
        self._lock = threading.Lock()

    def keep(self) -> None:
        connection: http.client.HTTPConnection | None = None
        while True:
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
                try:
                    connection.connect()
                except OSError:
                    return
            if not self._ask(connection):
                return
            if connection.sock is None:
                connection = None

    def fresh(self) -> None:
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            try:
                connection.connect()
            except OSError:
                return
            alive = self._ask(connection)
            connection.close()
            if not alive:
                return

    def _ask(self, connection: http.client.HTTPConnection) -> bool:
        try:
            connection.request("POST", "/eval", b'{"x":[1,2,2]}', {"Content-Type": "application/json"})
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            with self._lock:
                self.lost.append(repr(error))
            return False
        with self._lock:
            self.answered += 1
            if response.status != 200 or body != b'{"scores":[2.0,3.0],"label":1}':
                self.lost.append(f"{response.status} {body!r}")
        return True


def test_sigterm_under_load_loses_nothing(tmp_path: Path, log: Path) -> None:
    models.linear(tmp_path / "linear")
    server = start(tmp_path, log, drain_seconds="3")
    wait_ready(server)
    load = Load(server.port)
    clients = [threading.Thread(target=load.keep) for _ in range(8)] + [
        threading.Thread(target=load.fresh) for _ in range(4)
    ]
    for client in clients:
        client.start()
    wait_until(lambda: load.answered > 500, "nobody was answered")
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: server.call("GET", "/health/ready").status == 503, "it is still ready")
    assert server.call("GET", "/health/live").status == 200
    before = load.answered
    assert server.process.wait(timeout=PATIENCE) == 0
    for client in clients:
        client.join(timeout=PATIENCE)
    assert load.lost == []
    assert load.answered > before
    messages = [line["message"] for line in server.lines() if line["message"] != "request"]
    assert messages[-2:] == ["draining", "stopped"]


def test_a_call_that_began_is_finished_before_the_end(tmp_path: Path, log: Path) -> None:
    models.slow(tmp_path / "slow")
    server = start(tmp_path, log)
    wait_ready(server)
    with held(server, b'{"rounds":[200]}') as call:
        server.catch_up()
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: server.lines()[-1]["message"] == "draining", log.read_text)
        assert call().startswith(b"HTTP/1.1 200 ")
    assert server.process.wait(timeout=PATIENCE) == 0


def test_interrupt_ends_at_once(tmp_path: Path, log: Path) -> None:
    models.linear(tmp_path / "linear")
    server = start(tmp_path, log, drain_seconds="3600")
    wait_ready(server)
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(timeout=PATIENCE) == 0
    assert [line["message"] for line in server.lines()][-2:] == ["ready", "stopped"]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries give it back by themselves")
def test_memory_is_given_back() -> None:
    """After arrays of growing sizes, the process is as small as before; glibc alone keeps up to 32 MiB of them."""
    script = """
import numpy as np
from migrate.server.threads import give_memory_back

def resident():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1])

assert give_memory_back()
before = resident()
for size in range(1, 31):
    kept = [np.ones(size << 17), np.ones(size << 17)]
    del kept
pieces = [np.ones(1 << 21) for _ in range(3)]
del pieces[:]
assert resident() - before < 4096, resident() - before
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

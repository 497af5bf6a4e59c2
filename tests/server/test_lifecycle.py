"""The life of the process: right before ready, alive while it computes, nothing lost when it ends."""

import http.client
import json
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
from tests.server.process import Server, running, start, wait_ready

GOOD = {"x": [1.0, 2.0, 2.0]}


def record(folder: Path, scores: list[float]) -> None:
    sample = {"name": "one", "request": GOOD, "answer": {"scores": [scores], "label": [1]}}
    tolerances = {"float": {"relative": 1e-5, "absolute": 1e-6}}
    (folder / "recorded.json").write_text(json.dumps({"tolerances": tolerances, "samples": [sample]}))


def end(server: Server) -> int:
    server.process.terminate()
    return server.process.wait(timeout=30)


def fails(root: Path, log: Path) -> str:
    """The reason that a server gives when it ends by itself."""
    server = start(root, log)
    try:
        assert server.process.wait(timeout=30) == 1
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


def test_no_models_and_wrong_settings(tmp_path: Path, log: Path) -> None:
    assert "no folder with a model.json" in fails(tmp_path, log)
    models.linear(tmp_path / "linear")
    server = start(tmp_path, log, max_in_flight="many")
    assert server.process.wait(timeout=30) == 1
    assert "MIGRATE_MAX_IN_FLIGHT" in server.lines()[-1]["reason"]


def test_a_port_in_use(tmp_path: Path, log: Path) -> None:
    models.linear(tmp_path / "linear")
    with running(tmp_path, log) as first:
        second = start(tmp_path, tmp_path / "second", port=str(first.port))
        second.process.kill()
        second.process.wait()
        other = start(tmp_path, tmp_path / "other")
        wait_ready(other)
        end(other)


def test_nothing_is_written(tmp_path: Path, log: Path) -> None:
    folder = models.linear(tmp_path / "linear")
    before = sorted(path.name for path in folder.rglob("*"))
    with running(tmp_path, log) as server:
        assert server.eval(GOOD).status == 200
    assert sorted(path.name for path in folder.rglob("*")) == before


def test_health_answers_while_the_model_is_saturated(tmp_path: Path, log: Path) -> None:
    models.slow(tmp_path / "slow")
    with running(tmp_path, log) as server:
        rounds = 200
        while (seconds := _timed(server, rounds)) < 0.7:
            rounds = int(rounds * max(1.5, min(10, 1.0 / seconds)))
        waits = []
        with ThreadPoolExecutor(6) as pool:
            running_calls = [pool.submit(server.eval, {"rounds": [rounds]}) for _ in range(6)]
            while not all(call.done() for call in running_calls) and len(waits) < 60:
                begin = time.perf_counter()
                assert server.call("GET", "/health/live").status == 200
                waits.append(time.perf_counter() - begin)
                time.sleep(0.02)
            assert all(call.result().status == 200 for call in running_calls)
        assert len(waits) > 20
        # A model on the event loop would keep nearly every check waiting for a call; a few may meet a busy machine.
        assert sorted(waits)[int(len(waits) * 0.8)] < 0.05


def _timed(server: Server, rounds: int) -> float:
    begin = time.perf_counter()
    assert server.eval({"rounds": [rounds]}).status == 200
    return time.perf_counter() - begin


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
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
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
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
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
    server = start(tmp_path, log, drain_seconds="1")
    wait_ready(server)
    load = Load(server.port)
    clients = [threading.Thread(target=load.keep) for _ in range(8)] + [
        threading.Thread(target=load.fresh) for _ in range(4)
    ]
    for client in clients:
        client.start()
    time.sleep(0.5)
    before = load.answered
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert server.call("GET", "/health/ready").status == 503
    assert server.call("GET", "/health/live").status == 200
    assert server.process.wait(timeout=30) == 0
    for client in clients:
        client.join(timeout=30)
    assert load.lost == []
    assert load.answered > before > 0
    messages = [line["message"] for line in server.lines() if line["message"] != "request"]
    assert messages[-2:] == ["draining", "stopped"]


def test_a_running_call_is_finished_before_the_end(tmp_path: Path, log: Path) -> None:
    models.slow(tmp_path / "slow")
    server = start(tmp_path, log)
    wait_ready(server)
    rounds = 1000
    while _timed(server, rounds) < 0.4:
        rounds *= 2
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(server.eval, {"rounds": [rounds]})
        time.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)
        assert call.result(timeout=30).status == 200
    assert server.process.wait(timeout=30) == 0


def test_interrupt_ends_at_once(tmp_path: Path, log: Path) -> None:
    models.linear(tmp_path / "linear")
    server = start(tmp_path, log, drain_seconds="60")
    wait_ready(server)
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(timeout=10) == 0


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

"""``scripts/conformance_onnx.py``: it passes what is right, and can tell what is not."""

import importlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.programs

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def wire() -> Iterator[ModuleType]:
    """The module that asks and compares, imported as the scripts import each other."""
    sys.path.insert(0, str(SCRIPTS))
    try:
        yield importlib.import_module("conformance_onnx_wire")
    finally:
        sys.path.remove(str(SCRIPTS))


def test_the_simple_cases() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "conformance_onnx.py"), "--kind", "simple"],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "23 cases; onnxruntime itself passes 17" in done.stdout
    for route in ("v2 JSON", "v2 binary"):
        assert f"{route}: 17 of 17 cases give the same answer (100.0%)" in done.stdout


@pytest.fixture
def answering() -> Iterator[tuple[int, list[Any]]]:
    """A server at the edge that answers every request with the JSON it is given."""
    said: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, body = said[0], json.dumps(said[1]).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port, said
    server.shutdown()
    thread.join()
    server.server_close()


def v2(data: list[Any], shape: list[int], datatype: str = "FP32") -> dict[str, Any]:
    return {"outputs": [{"name": "y", "datatype": datatype, "shape": shape, "data": data}]}


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (200, v2([1.5, 2.5], [1, 2]), ""),
        (200, v2([1.5, 2.6], [1, 2]), "1 values differ"),
        (200, v2([1.5, 2.5], [2]), "shape"),
        (200, v2([1.5, 2.5], [1, 2], "FP64"), "dtype"),
        (200, {"outputs": []}, "missing"),
        (500, {"error": "no"}, "500"),
        (200, v2([1.5, 2.500_1], [1, 2]), "not what onnxruntime answers directly"),
    ],
)
def test_v2_misses(
    wire: ModuleType, answering: tuple[int, list[Any]], status: int, body: dict[str, Any], fault: str
) -> None:
    port, said = answering
    said[:] = [status, body]
    wanted = {"y": np.array([[1.5, 2.5]], np.float32)}
    example = wire.Example({"x": np.zeros((1, 2), np.float32)}, wanted, wanted)
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    if fault:
        with pytest.raises(wire.MissError, match=fault):
            wire.ask_v2_json(connection, "m", example, 1e-3, 1e-7)
    else:
        wire.ask_v2_json(connection, "m", example, 1e-3, 1e-7)
    connection.close()


@pytest.mark.parametrize(
    ("value", "fault"),
    [([1.5, 2.5], ""), ([1.5, "NaN"], "1 values differ"), ([[1.5, 2.5]], "shape"), (1.5, "shape")],
)
def test_misses_of_the_old_route(wire: ModuleType, answering: tuple[int, list[Any]], value: object, fault: str) -> None:
    port, said = answering
    said[:] = [200, {"y": value}]
    wanted = {"y": np.array([[1.5, 2.5]], np.float32)}
    example = wire.Example({"x": np.array([[np.inf, 1]], np.float32)}, wanted, wanted)
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    if fault:
        with pytest.raises(wire.MissError, match=fault):
            wire.ask_eval(connection, "m", example, 1e-3, 1e-7)
    else:
        wire.ask_eval(connection, "m", example, 1e-3, 1e-7)
    connection.close()


@pytest.mark.parametrize(
    "array", [np.zeros(2, np.int8), np.zeros((0, 2), np.float32), np.array([np.nan]), np.array([2**63], np.uint64)]
)
def test_what_the_old_contract_cannot_say(wire: ModuleType, array: Any) -> None:
    with pytest.raises(wire.OutsideError):
        wire.check_old(wire.Example({"x": array}, {"y": np.zeros(1, np.float32)}, None))

"""One server with a namespace: started, asked one model and all in turn, and ended."""

import json
import os
import re
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Final

import platformdirs

from benchmarks.packed.namespaces import Namespace
from benchmarks.server.contenders import PEERS, Launch
from benchmarks.server.environments import OURS, python_of, say, wrk
from benchmarks.server.processes import cpus, free_ports, memory_bytes, running
from migrate.images.model.local_server import ensure_environment

CONNECTIONS: Final = 32
_SCRIPT: Final = Path(__file__).with_name("rotate.lua")
_TIMEOUT_SECONDS: Final = 60
_WARM_SECONDS: Final = 2


@dataclass(frozen=True)
class Load:
    """What wrk saw: requests a second, the latency in seconds that 99 of 100 do not exceed, failed requests."""

    rps: float
    p99: float
    errors: int


@dataclass(frozen=True)
class Visit:
    """What one start gave.

    Attributes:
        ready_seconds: From the start of the process to the first yes of its readiness route.
        ready_bytes: Memory then.
        one: One model alone, the others idle.
        every: All models in turn.
        bytes: Memory after the load.
        unloads: How often a model was unloaded.
        again: Seconds of a call that found its model unloaded, of those that did; with a limit of memory only.
    """

    ready_seconds: float
    ready_bytes: int
    one: Load
    every: Load
    bytes: int
    unloads: int = 0
    again: tuple[float, ...] = ()


def ours(namespace: Namespace, scratch: Path, port: int, code: Path, limit: int) -> Launch:
    """This server with its image's environment and every default, but for a limit of memory."""
    if namespace.runtime == OURS:
        python = python_of(OURS)
    else:
        store = platformdirs.user_cache_path("mlserving-migrate") / "runtimes"
        python = ensure_environment(namespace.runtime, store=store, progress_text=say)
    environment = {
        "PYTHONPATH": str(code),
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        "MIGRATE_DRAIN_SECONDS": "0",
    }
    environment |= {"ORT_DISABLE_TELEMETRY": "1"} | ({"MIGRATE_MODELS_RSS": str(limit)} if limit else {})
    command = (str(python), "-m", "migrate.server", str(namespace.root), "--host", "127.0.0.1")
    return Launch((*command, "--port", str(port), "--metrics-port", "0"), environment, scratch, "/health/ready")


def mlserver(namespace: Namespace, scratch: Path, port: int, code: Path, limit: int) -> Launch:
    """MLServer with the same ONNX files, inference in the serving process."""
    del code, limit
    ports = {"http_port": port, "grpc_port": port + 1, "metrics_port": port + 2}
    (scratch / "settings.json").write_text(
        json.dumps({"host": "127.0.0.1", "debug": False, "parallel_workers": 0, **ports})
    )
    for name in namespace.requests:
        folder = scratch / name
        folder.mkdir()
        uri = str(namespace.root / name / "files" / "model.onnx")
        model = {"name": name, "implementation": "mlserver_packed.PackedModel", "parameters": {"uri": uri}}
        (folder / "model-settings.json").write_text(json.dumps(model))
    command = (str(python_of("mlserver").parent / "mlserver"), "start", str(scratch))
    return Launch(command, {"PYTHONPATH": str(PEERS)}, scratch, "/v2/health/ready")


def _v2_body(text: str) -> str:
    ((name, rows),) = json.loads(text).items()
    shape = [len(rows), len(rows[0])]
    flat = [value for row in rows for value in row]
    return json.dumps({"inputs": [{"name": name, "shape": shape, "datatype": "FP32", "data": flat}]})


CONTENDERS: Final[Mapping[str, Any]] = {"migrate": ours, "mlserver": mlserver}


def visit(who: str, namespace: Namespace, scratch: Path, code: Path, *, seconds: int, limit: int = 0) -> Visit:
    """Start, measure and end a server."""
    if who == "migrate":
        lines = [f"/{name}/eval\t{text}" for name, text in namespace.requests.items()]
    else:
        lines = [f"/v2/models/{name}/infer\t{_v2_body(text)}" for name, text in namespace.requests.items()]
    server_cpu, _ = cpus()
    port = free_ports()
    with tempfile.TemporaryDirectory(dir=scratch, prefix=f"{who}-") as folder:
        place = Path(folder)
        launch: Launch = CONTENDERS[who](namespace, place, port, code, limit)
        with running(launch, port, server_cpu, place / "log") as process:
            ready_bytes = memory_bytes(process.pid)
            for line in lines:
                _ask(port, *line.split("\t"))
            one = _load(lines[:1], port, place, seconds)
            every = _load(lines, port, place, seconds)
            found = Visit(process.ready_seconds, ready_bytes, one, every, memory_bytes(process.pid))
            if limit:
                again = _seconds_again(lines, port)
                found = replace(found, unloads=int(_metric(port, "model_unloads_total")), again=again)
    return found


def _seconds_again(lines: list[str], port: int) -> tuple[float, ...]:
    """What calls take that find their model unloaded: all models are called one after the other."""
    found = []
    for line in lines:
        before, start = _metric(port, "model_reloads_total"), time.perf_counter()
        _ask(port, *line.split("\t"))
        seconds = time.perf_counter() - start
        if _metric(port, "model_reloads_total") > before:
            found.append(seconds)
    return tuple(found)


def _ask(port: int, path: str, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body.encode(), headers)
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310 - this machine's
        response.read()


def _metric(port: int, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=_TIMEOUT_SECONDS) as response:
        text = response.read().decode()
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    return 0.0 if found is None else float(found[1])


def _load(lines: list[str], port: int, place: Path, seconds: int) -> Load:
    """Warm up, then measure."""
    file = place / "requests"
    file.write_text("\n".join(lines) + "\n")
    _wrk(port, file, _WARM_SECONDS)
    seen = _wrk(port, file, seconds)
    return Load(seen["requests"] / seen["seconds"], seen["p99"], seen["errors"])


def _wrk(port: int, file: Path, seconds: int) -> dict[str, Any]:
    command = ["taskset", "-c", str(cpus()[1]), wrk(), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    command += ["--timeout", f"{_TIMEOUT_SECONDS}s", "-s", str(_SCRIPT), f"http://127.0.0.1:{port}", "--", str(file)]
    done = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        timeout=seconds + 2 * _TIMEOUT_SECONDS,
        env={**os.environ, "LC_ALL": "C"},
    )
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def middle(visits: list[Visit]) -> Visit:
    """The median of each number; errors and unloadings are added up."""

    def load(found: list[Load]) -> Load:
        return Load(median(x.rps for x in found), median(x.p99 for x in found), sum(x.errors for x in found))

    return Visit(
        ready_seconds=median(found.ready_seconds for found in visits),
        ready_bytes=int(median(found.ready_bytes for found in visits)),
        one=load([found.one for found in visits]),
        every=load([found.every for found in visits]),
        bytes=int(median(found.bytes for found in visits)),
        unloads=sum(found.unloads for found in visits),
        again=tuple(seconds for found in visits for seconds in found.again),
    )

"""Hold the inference server against golden request and answer vectors of the old runtime, over HTTP.

    python scripts/conformance.py [GOLDEN]

For each model of the folder a server process is started on what `migrate` makes of the model, with the packages of its
runtime; each case is sent and compared as ``index.json`` says. The cases of the mnist model run a second time against
an ONNX twin of its signature. Then come the vectors of single rules. A line a case; a case that cannot be run is
missing, not passed.
Exits with 1 when anything failed or is missing.
"""

import argparse
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs
from conformance_artifacts import artifact_of
from conformance_compare import Mismatch, compare
from conformance_units import unit_results
from make_mnist_twin import ORIGINAL, make_twin

from migrate.core.model_json import written
from migrate.formats import inspect
from migrate.images.model.local_server import ensure_environment
from migrate.images.runtime import server_code

START_SECONDS = 120


class MissingError(Exception):
    """A case that cannot be run yet; the text says why."""


def write_model(source: Path, root: Path) -> str:
    """What an image holds of a model: its files beside the ``model.json`` of their inspection; gives its runtime."""
    inspection = inspect(artifact_of(source), framework=None)
    if inspection.verdict != "ready":
        raise MissingError(inspection.text)
    settings = {"id": source.name, "title": source.name, **written(inspection.settings)}
    folder = root / "model"
    folder.mkdir(parents=True)
    shutil.copytree(source, folder / "files")
    (folder / "model.json").write_text(json.dumps(settings))
    return inspection.runtime or ""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def server_of(source: Path) -> Iterator[int]:
    """A server process for a model's folder; gives its port."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch, "models")
        runtime = write_model(source, root)
        port = free_port()
        environment = {**os.environ, "MIGRATE_DRAIN_SECONDS": "0"}
        python = sys.executable
        if runtime != "onnx":  # this checkout's own environment has that one
            store = platformdirs.user_cache_path("mlserving-migrate") / "runtimes"
            python = str(ensure_environment(runtime, store=store, progress_text=print))
            server_code.copy_server(Path(scratch, "server"))
            environment |= {"PYTHONPATH": str(Path(scratch, "server")), "PYTHONSAFEPATH": "1"}
        command = [python, "-m", "migrate.server", str(root), "--host", "127.0.0.1"]
        command += ["--port", str(port), "--metrics-port", "0"]
        with Path(scratch, "log").open("w+b") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
            try:
                wait_ready(port, process, Path(scratch, "log"))
                yield port
            finally:
                process.terminate()
                process.wait(timeout=30)


def wait_ready(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Return when the server is ready; a server that ends before is an error."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SystemExit(f"the server ended with {process.returncode}:\n{log.read_text()}")
        try:
            status, _, _ = call(port, "GET", "/health/ready", {}, None)
        except OSError:
            status = 0
        if status == 200:
            return
        time.sleep(0.02)
    raise SystemExit(f"the server was not ready after {START_SECONDS} s:\n{log.read_text()}")


def call(
    port: int, method: str, path: str, headers: dict[str, str], body: bytes | None
) -> tuple[int, dict[str, str], bytes]:
    """One request as it stands; no header is added but Host and Content-Length."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def run_cases(golden: Path, cases: list[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """For each case its name, ``pass``, ``fail`` or ``missing``, and a remark."""
    by_model: dict[str, list[dict[str, Any]]] = {}
    for case in cases:
        by_model.setdefault(case["model_dir"], []).append(case)
    for model, group in by_model.items():
        try:
            with server_of(golden / model) as port:
                for case in group:
                    yield (case["case"], *run_case(golden, case, port))
        except MissingError as error:
            yield from ((case["case"], "missing", str(error)) for case in group)


def run_case(golden: Path, case: dict[str, Any], port: int) -> tuple[str, str]:
    """Send one case and compare."""
    request = case["request"]
    body = None if request["body_file"] is None else (golden / request["body_file"]).read_bytes()
    answer = call(port, request["method"], request["path"], request["headers"], body)
    try:
        compare(golden, case["expect"], *answer)
    except Mismatch as error:
        return "fail", str(error)
    return "pass", ""


def report(title: str, results: Iterator[tuple[str, str, str]]) -> Counter[str]:
    """Print a line for each result and the total."""
    counts: Counter[str] = Counter()
    print(f"\n{title}")
    for name, outcome, remark in results:
        counts[outcome] += 1
        print(f"  {outcome:8}{name}{'  ' if remark else ''}{' '.join(remark.split())}", flush=True)
    total = sum(counts.values())
    absent = f", {counts['absent']} absent" if counts["absent"] else ""
    print(f"  {counts['pass']} of {total} pass, {counts['fail']} fail, {counts['missing']} missing{absent}")
    return counts


def main() -> int:
    """Run everything; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("golden", type=Path, nargs="?", default=Path("../shared/golden"))
    golden: Path = parser.parse_args().golden
    if not (golden / "index.json").is_file():
        raise SystemExit(f"{golden} has no index.json")
    cases = json.loads((golden / "index.json").read_text())
    counts = report(f"cases of {golden}", run_cases(golden, cases))
    if any(case["model_dir"] == ORIGINAL for case in cases):
        with tempfile.TemporaryDirectory() as scratch:
            twin = Path(scratch)
            counts += report(
                "the mnist cases against an ONNX twin of its signature", run_cases(twin, make_twin(golden, twin))
            )
    if (golden / "unit_vectors.json").is_file():
        counts += report("vectors of single rules", unit_results(golden))
    print(f"\n{counts['pass']} passed, {counts['fail']} failed, {counts['missing']} missing")
    return 1 if counts["fail"] or counts["missing"] else 0


if __name__ == "__main__":
    sys.exit(main())

"""Hold the inference server against golden request and answer vectors of the old runtime, over HTTP.

    python scripts/conformance.py [--runtime NAME]... [--packed] [GOLDEN]...

Without a folder: ours, ``tests/golden``, and ``../shared/golden`` where it is. For each model of a folder a server
process is started on what `migrate` makes of the model, with the packages of its runtime; each case is sent and
compared as ``index.json`` says. ``--packed`` starts one process for all models of a runtime and asks each under its id.
The cases of the mnist model run a second time against an ONNX twin of its signature. Then come the vectors of single
rules. A line a case; a case that cannot be run is missing, not passed.
Exits with 1 when anything failed or is missing.
"""

import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import platformdirs
from conformance_artifacts import artifact_of
from conformance_compare import Mismatch, compare
from conformance_units import unit_results
from make_mnist_twin import ORIGINAL, make_twin

from migrate.core.model_json import content_of
from migrate.formats import inspect
from migrate.images.model.local_server import ensure_environment
from migrate.images.runtime import server_code

CHECKOUT = Path(__file__).parents[1]
START_SECONDS = 120


class MissingError(Exception):
    """A case that cannot be run yet; the text says why."""


def write_model(source: Path, root: Path) -> str:
    """What an image holds of a model: its files beside the ``model.json`` of their inspection; gives its runtime."""
    inspection = inspect(artifact_of(source), framework=None)
    if inspection.verdict != "ready":
        raise MissingError(inspection.text)
    settings = {"id": source.name, "title": source.name, **content_of(inspection.settings)}
    folder = root / (inspection.runtime or "") / source.name
    folder.mkdir(parents=True)
    shutil.copytree(source, folder / "files")
    (folder / "model.json").write_text(json.dumps(settings))
    return inspection.runtime or ""


@contextmanager
def server_of(root: Path, runtime: str) -> Iterator[int]:
    """A server process for the models of a folder; gives its port."""
    with tempfile.TemporaryDirectory() as scratch:
        environment = {**os.environ, "MIGRATE_DRAIN_SECONDS": "0"}
        python = sys.executable
        if runtime != "onnx":  # this checkout's own environment has that one
            store = platformdirs.user_cache_path("mlserving-migrate") / "runtimes"
            python = str(ensure_environment(runtime, store=store, progress_text=print))
            server_code.copy_server(Path(scratch, "server"))
            environment |= {"PYTHONPATH": str(Path(scratch, "server")), "PYTHONSAFEPATH": "1"}
        command = [python, "-m", "migrate.server", str(root), "--host", "127.0.0.1"]
        command += ["--port", "0", "--metrics-port", "0"]
        with Path(scratch, "log").open("w+b") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
            try:
                yield wait_ready(process, Path(scratch, "log"))
            finally:
                process.terminate()
                process.wait(timeout=30)


def wait_ready(process: "subprocess.Popen[bytes]", log: Path) -> int:
    """The port of a server, when it is ready; a server that ends before is an error."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SystemExit(f"the server ended with {process.returncode}:\n{log.read_text(encoding='utf-8')}")
        port = _port(log)
        try:
            status = call(port, "GET", "/health/ready", {}, None)[0] if port else 0
        except OSError:
            status = 0
        if status == 200:
            return port
        time.sleep(0.02)
    raise SystemExit(f"the server was not ready after {START_SECONDS} s:\n{log.read_text(encoding='utf-8')}")


def _port(log: Path) -> int:
    """The port that the server has taken, as its log says; 0 before."""
    whole, _, _ = log.read_text(encoding="utf-8", errors="replace").rpartition("\n")
    return next((int(json.loads(line)["port"]) for line in whole.splitlines() if '"message":"listening"' in line), 0)


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


Result = tuple[str, str, str]
Cases = dict[str, list[dict[str, Any]]]


def run_cases(
    golden: Path, cases: list[dict[str, Any]], *, runtimes: Collection[str] = (), packed: bool = False
) -> Iterator[Result]:
    """For each case its name, ``pass``, ``fail`` or ``missing``, and a remark; those of other runtimes are left out."""
    groups: Cases = {}
    for case in cases:
        groups.setdefault(case["model_dir"], []).append(case)
    with tempfile.TemporaryDirectory() as scratch:
        models: dict[str, list[str]] = {}
        for model, group in groups.items():
            try:
                runtime = write_model(golden / model, Path(scratch))
            except MissingError as error:
                yield from ((case["case"], "missing", str(error)) for case in group)
                continue
            if not runtimes or runtime in runtimes:
                models.setdefault(runtime, []).append(model)
        for runtime, chosen in models.items():
            folder = Path(scratch, runtime)
            if packed:
                with server_of(folder, runtime) as port:
                    for model in chosen:
                        yield from _asked(golden, groups[model], port, f"/{quote(Path(model).name)}")
                continue
            for model in chosen:
                with tempfile.TemporaryDirectory() as alone:
                    (folder / Path(model).name).rename(Path(alone, "model"))
                    with server_of(Path(alone), runtime) as port:
                        yield from _asked(golden, groups[model], port, "")


def _asked(golden: Path, cases: list[dict[str, Any]], port: int, prefix: str) -> Iterator[Result]:
    for case in cases:
        yield (case["case"], *run_case(golden, case, port, prefix))


def run_case(golden: Path, case: dict[str, Any], port: int, prefix: str) -> tuple[str, str]:
    """Send one case and compare."""
    request = case["request"]
    body = None if request["body_file"] is None else (golden / request["body_file"]).read_bytes()
    answer = call(port, request["method"], prefix + request["path"], request["headers"], body)
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


def folders() -> list[Path]:
    """Ours, and that of the old runtime where it is beside this checkout."""
    beside = CHECKOUT.parent / "shared" / "golden"
    return [CHECKOUT / "tests" / "golden", *([beside] if beside.exists() else [])]


def hold(golden: Path, *, runtimes: Collection[str], packed: bool) -> Counter[str]:
    """Run everything in a folder and print it."""
    if not (golden / "index.json").is_file():
        raise SystemExit(f"{golden} has no index.json")
    cases = json.loads((golden / "index.json").read_text(encoding="utf-8"))
    counts = report(f"cases of {golden}", run_cases(golden, cases, runtimes=runtimes, packed=packed))
    left_out = len(cases) - sum(counts.values())
    if left_out:
        print(f"  {left_out} cases of other runtimes left out")
    elif any(case["model_dir"] == ORIGINAL for case in cases):
        with tempfile.TemporaryDirectory() as scratch:
            twin = Path(scratch)
            counts += report(
                "the mnist cases against an ONNX twin of its signature", run_cases(twin, make_twin(golden, twin))
            )
    if (golden / "unit_vectors.json").is_file():
        counts += report(f"vectors of single rules of {golden}", unit_results(golden))
    return counts


def main() -> int:
    """Run everything; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("golden", type=Path, nargs="*", default=folders())
    parser.add_argument("--runtime", action="append", default=[], metavar="NAME", help="models of these alone")
    parser.add_argument("--packed", action="store_true", help="one process for all models of a runtime")
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    for golden in options.golden:
        counts += hold(golden, runtimes=options.runtime, packed=options.packed)
    print(f"\n{counts['pass']} passed, {counts['fail']} failed, {counts['missing']} missing")
    return 1 if counts["fail"] or counts["missing"] else 0


if __name__ == "__main__":
    sys.exit(main())

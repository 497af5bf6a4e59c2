"""One contender at a time: started, held against the engine's own answers, loaded, measured, ended."""

import json
import os
import subprocess
import tempfile
import urllib.request
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.server.contenders import Contender, Place, Question
from benchmarks.server.environments import HERE, wrk
from benchmarks.server.models import Payload, open_session, run
from benchmarks.server.processes import cpu_seconds, cpus, free_ports, memory_bytes, running

_TIMEOUT_SECONDS: Final = 60
_WARM_SECONDS: Final = 1


class WrongAnswerError(Exception):
    """A contender does not answer what the engine does."""


@dataclass(frozen=True)
class Case:
    """A load: a payload of a model at a number of connections, for a time."""

    name: str
    title: str
    model: str
    payload: str
    connections: int
    seconds: float


@dataclass(frozen=True)
class Sample:
    """What one run of wrk saw.

    Attributes:
        rps: Requests per second.
        p50: Median latency in seconds.
        p99: The same that 99 of 100 requests do not exceed.
        cpu_seconds: CPU time of the server's processes per thousand requests.
        busy: The share of its CPU that the server had; well below 1 under load, others used that CPU.
        errors: Answers other than 200, and connections that failed.
    """

    rps: float
    p50: float
    p99: float
    cpu_seconds: float
    busy: float
    errors: int


@dataclass
class Visit:
    """What one start of a contender gave: time to ready, memory after the load, and a sample for each case."""

    ready_seconds: float = 0.0
    memory_bytes: int = 0
    samples: dict[str, Sample] = field(default_factory=dict)


@dataclass(frozen=True)
class Bench:
    """What all visits share: the models' files, what is sent, and this server's code."""

    files: dict[str, Path]
    payloads: dict[str, dict[str, Payload]]
    code: Path
    scratch: Path


def visit(bench: Bench, contender: Contender, model: str, cases: list[Case]) -> Visit | None:
    """Start a contender with a model and run the cases that it can take; None when there are none."""
    asked = [(case, contender.ask(model, bench.payloads[model][case.payload])) for case in cases]
    questions = [(case, question) for case, question in asked if question is not None]
    if not questions:
        return None
    server_cpu, _ = cpus()
    with tempfile.TemporaryDirectory(dir=bench.scratch, prefix=f"{contender.name}-") as folder:
        scratch = Path(folder)
        port = free_ports()
        launch = contender.start(Place(scratch, port, model, bench.files[model], bench.code))
        with running(launch, port, server_cpu, scratch / "log") as process:
            result = Visit(process.ready_seconds)
            for case, question in questions:
                check(question, port, bench.files[model], bench.payloads[model][case.payload])
                result.samples[case.name] = load(question, case, port, process.pid, scratch)
            result.memory_bytes = memory_bytes(process.pid)
    return result


def check(question: Question, port: int, file: Path, payload: Payload) -> None:
    """Hold a contender's answer against the engine called directly.

    Raises:
        WrongAnswerError: It is another.
    """
    answer = ask(question, port)
    if question.read is None:
        if answer != question.body:
            raise WrongAnswerError("the echo answers something else")
        return
    wanted = run(open_session(file), payload.array).reshape(-1) if payload.wanted is None else payload.wanted
    values = np.array(question.read(answer), np.float32).reshape(-1)
    if values.shape != wanted.shape or not np.allclose(values, wanted, rtol=payload.tolerance, atol=0):
        raise WrongAnswerError(f"{payload.name}: answered {values[:4]}, the engine gives {wanted[:4]}")


def ask(question: Question, port: int) -> bytes:
    """One request."""
    url = f"http://127.0.0.1:{port}{question.path}"
    headers = {"Content-Type": question.content_type, **dict(question.headers)}
    request = urllib.request.Request(url, question.body, headers)
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310 - this machine's
        body: bytes = response.read()
    return body


def load(question: Question, case: Case, port: int, pid: int, scratch: Path) -> Sample:
    """Warm up, then measure."""
    body = scratch / "body"
    body.write_bytes(question.body)
    _wrk(question, case, port, body, min(_WARM_SECONDS, case.seconds))
    before = cpu_seconds(pid)
    seen = _wrk(question, case, port, body, case.seconds)
    used = cpu_seconds(pid) - before
    requests = max(1, seen["requests"])
    rate = seen["requests"] / seen["seconds"]
    per_thousand = used / requests * 1000
    return Sample(rate, seen["p50"], seen["p99"], per_thousand, used / seen["seconds"], seen["errors"])


def _wrk(question: Question, case: Case, port: int, body: Path, seconds: float) -> dict[str, Any]:
    _, load_cpu = cpus()
    url = f"http://127.0.0.1:{port}{question.path}"
    duration = f"-d{max(1, round(seconds))}s"
    command = ["taskset", "-c", str(load_cpu), wrk(), "-t1", f"-c{case.connections}", duration]
    command += ["--timeout", f"{_TIMEOUT_SECONDS}s", "-s", str(HERE / "load.lua"), url, "--", str(body)]
    done = subprocess.run(
        [*command, question.content_type, *chain.from_iterable(question.headers)],
        check=True,
        capture_output=True,
        text=True,
        timeout=seconds + 2 * _TIMEOUT_SECONDS,
        env={**os.environ, "LC_ALL": "C"},
    )
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result

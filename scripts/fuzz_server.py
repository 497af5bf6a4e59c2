"""Attack a running inference server with generated requests.

    python scripts/fuzz_server.py [--minutes M | --requests N] [--seed S] [--replay NUMBER]

Requests come from a seed and a number, so each can be made again: right and wrong JSON, images, forms and v2 requests,
headers, paths, and bytes that are no HTTP. Checked are: the process lives, each well-framed request is answered in
time, no status is undocumented, right requests get the same answers from the first to the last, the process keeps
saying that it lives, and memory, open files and requests in flight are back where they were at the end.
"""

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from conformance import call, wait_ready
from fuzz_client import Client, ClosedError, ProtocolError, SilentError, fault_of
from fuzz_models import Target, write_targets
from fuzz_requests import Generated, generate
from fuzz_watch import Growth, Pulse, error_lines, idle_faults

WORKERS: Final = 4
MOST_FINDINGS: Final = 20
# So small that the fuzzer meets them.
LIMITS: Final = {
    "MIGRATE_MAX_BODY_BYTES": "2000000",
    "MIGRATE_MAX_IMAGE_PIXELS": "1000000",
    "MIGRATE_HEADER_SECONDS": "2",
    "MIGRATE_BODY_SECONDS": "2",
    "MIGRATE_IDLE_SECONDS": "5",
    "MIGRATE_DRAIN_SECONDS": "0",
    "MIGRATE_ACCESS_LOG": "none",
}


@dataclass
class Run:
    """What the workers share: the next number, counts, findings."""

    seed: int
    port: int
    targets: list[Target]
    last: int
    end: float
    folder: Path
    next: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    statuses: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    findings: dict[str, list[int]] = field(default_factory=dict)
    stop: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> int | None:
        """The next request's number, or None when it is enough."""
        with self.lock:
            if self.stop or self.next >= self.last or time.monotonic() >= self.end:
                return None
            self.next += 1
            return self.next

    def found(self, fault: str, number: int, request: Generated) -> None:
        """Note a fault and keep the first request that shows it."""
        with self.lock:
            if fault not in self.findings and len(self.findings) < MOST_FINDINGS:
                self.folder.mkdir(parents=True, exist_ok=True)
                (self.folder / f"{self.seed}-{number}.request").write_bytes(request.data)
            self.findings.setdefault(fault, []).append(number)
            self.stop = self.stop or len(self.findings) >= MOST_FINDINGS


@contextmanager
def server_of(root: Path, log: Path) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """A server process; gives its port and the process."""
    command = [sys.executable, "-m", "migrate.server", str(root), "--host", "127.0.0.1"]
    command += ["--port", "0", "--metrics-port", "0"]
    with log.open("w+b") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, env={**os.environ, **LIMITS})
        try:
            yield wait_ready(process, log), process
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()


def work(run: Run) -> None:
    """Send requests until it is enough."""
    client = Client(run.port)
    while (number := run.take()) is not None:
        request = generate(run.seed, number, run.targets)
        fault = ""
        try:
            answer = client.ask(request)
            if answer is not None:
                fault = fault_of(request, answer)
                run.statuses[request.kind][answer.status] += 1
        except (ProtocolError, SilentError, ClosedError) as error:
            fault = f"{type(error).__name__.removesuffix('Error').lower()}: {error}"
        except OSError as error:
            fault = f"cannot connect: {error}"
            run.stop = True
        run.counts[request.kind] += 1
        if fault:
            run.found(fault, number, request)
    client.close()


def answers(port: int, targets: list[Target]) -> list[bytes]:
    """What the models answer to right requests, byte by byte."""
    client = Client(port)
    found = []
    for number, target in enumerate(targets):
        for place in range(len(target.good)):
            request = canary(target, place)
            answer = client.ask(request)
            found.append(f"{number}/{place}: none".encode() if answer is None else answer.body)
    client.close()
    return found


def canary(target: Target, place: int) -> Generated:
    """One of a model's right requests."""
    only = Target(target.id, target.settings, (target.good[place],))
    number = 0
    while not (request := generate(0, number, [only])).good:
        number += 1
    return request


def replay(options: argparse.Namespace, port: int, targets: list[Target]) -> int:
    """Send one request again and show everything."""
    request = generate(options.seed, options.replay, targets)
    print(f"{request.kind}, whole={request.whole}, good={request.good}\n{request.data[:4000]!r}\n")
    try:
        answer = Client(port).ask(request)
    except (ProtocolError, SilentError, ClosedError) as error:
        print(f"{type(error).__name__}: {error}")
        return 1
    if answer is None:
        print("no answer, and none was due")
        return 0
    fault = fault_of(request, answer)
    print(f"{answer.status} {answer.headers}\n{answer.body[:4000]!r}\n{fault or 'as it should be'}")
    return 1 if fault else 0


def attack(options: argparse.Namespace, port: int, pid: int, targets: list[Target], log: Path) -> int:
    """Send everything, then look at what is left of the server; returns the exit code."""
    seconds = float("inf") if options.requests else options.minutes * 60
    run = Run(options.seed, port, targets, options.requests or sys.maxsize, time.monotonic() + seconds, options.folder)
    before = answers(port, targets)
    growth = Growth(pid)
    pulse = Pulse(port)
    start = time.monotonic()
    threads = [threading.Thread(target=work, args=(run,), daemon=True) for _ in range(WORKERS)]
    for thread in (*threads, pulse):
        thread.start()
    try:
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.5)
            growth.look(run.next)
            progress(f"{run.next} requests, {len(run.findings)} findings, {growth.text()}")
    except KeyboardInterrupt:
        run.stop = True
        for thread in threads:
            thread.join()
    progress("")
    taken = time.monotonic() - start
    pulse.end()
    faults = [f"{fault}\n    requests {_some(numbers)}" for fault, numbers in run.findings.items()]
    faults += pulse.faults()
    if not Path(f"/proc/{pid}/status").exists() or growth.gone:
        faults.append("the server's process ended")
    else:
        if answers(port, targets) != before:
            faults.append("right requests are answered otherwise than before")
        faults += idle_faults(port, pid, growth) + growth.faults()
    faults += error_lines(log)
    print(f"seed {options.seed}: {run.next} requests in {taken:.0f} s ({run.next / taken:.0f}/s)")
    for kind, count in run.counts.most_common():
        statuses = ", ".join(f"{status}: {times}" for status, times in sorted(run.statuses[kind].items()))
        print(f"  {kind:9} {count}, answered {statuses}")
    print(f"  liveness  {pulse.text()}\n  process   {growth.text()}")
    for fault in faults:
        print(f"FOUND {fault}")
    if run.findings:
        print(f"their requests are in {options.folder}; --seed {options.seed} --replay NUMBER sends one again")
    print(f"{len(faults)} findings")
    return 1 if faults else 0


def _some(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:5]))
    return shown if len(numbers) <= 5 else f"{shown} and {len(numbers) - 5} more"


def progress(text: str) -> None:
    """Say on a terminal how far it is."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def main() -> int:
    """Fuzz; returns 1 when anything was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=3.0, help="how long (default: 3)")
    parser.add_argument("--requests", type=int, help="how many, instead of how long")
    parser.add_argument("--seed", type=int, default=None, help="where the requests come from (default: any)")
    parser.add_argument("--replay", type=int, metavar="NUMBER", help="send only this request and show the answer")
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"), help="where requests are kept that find")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = secrets.randbelow(10**6)
    with tempfile.TemporaryDirectory() as scratch:
        targets = write_targets(Path(scratch, "models"))
        log = Path(scratch, "log")
        with server_of(Path(scratch, "models"), log) as (port, process):
            call(port, "GET", "/metrics", {}, None)
            if options.replay is not None:
                return replay(options, port, targets)
            return attack(options, port, process.pid, targets, log)


if __name__ == "__main__":
    sys.exit(main())

"""What is compared: the tool of a checkout, and a shell script. Each gets a sandbox of its own with every default."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from resource import struct_rusage
from typing import Any, Final, Protocol

from msgspec import Struct

from benchmarks.runs.received import Received, received
from migrate.sandbox import control
from migrate.sandbox.base.settings import Options

_HERE: Final = Path(__file__).parent
_LIMIT: Final = 3600.0  # seconds
_LOOK: Final = 0.02
_OUTPUT: Final = "output.txt"


class Again(Struct, frozen=True):
    """A run in which nothing is left to do."""

    seconds: float
    calls: int


class Measured(Struct, frozen=True, kw_only=True):
    """What one side took.

    Attributes:
        seconds: Wall time.
        calls: Requests to OVHcloud's API, by the sandbox's log.
        received: What its registry got.
        cpu: CPU seconds of the command and of what it started; not of the container engine.
        peak: Bytes: the most memory that the command held; of a shell script, its largest program.
        steps: CPU seconds of the command by step, where the command has steps.
        walls: Wall seconds by step, summed over the models; that of ``deploy`` is nearly all waiting.
        load: The load averages of one minute before and after: what else this machine had to do.
        again: The same command once more.
    """

    seconds: float
    calls: int
    received: Received
    cpu: float
    peak: int
    steps: dict[str, float]
    walls: dict[str, float]
    load: tuple[float, float]
    again: Again | None = None


class Work(Struct, frozen=True, kw_only=True):
    """What each side is given: the models, how many, the base image, and what pip is told in a build."""

    models: Path
    number: int
    base: str
    pip: Mapping[str, str]


class Side(Protocol):
    """Something that moves models."""

    @property
    def title(self) -> str:
        """Its name in tables."""

    def measure(self, work: Work, folder: Path) -> Measured:
        """Moves the models once into a new sandbox, and takes everything back. ``folder`` is empty."""


class Tool(Struct, frozen=True):
    """``migrate run`` of a checkout, run by this checkout's Python and packages."""

    title: str
    checkout: Path

    def measure(self, work: Work, folder: Path) -> Measured:
        """Run, run again, undo."""
        with _sandbox(folder, work.number) as place:
            words = ("run", str(work.models), "--yes", "--base-image", work.base)
            load = os.getloadavg()[0]
            took, cost = self._call(place, folder, *words)
            loads = load, os.getloadavg()[0]
            walls = _walls(folder / _OUTPUT)
            again, _ = self._call(place, folder, *words)
            counted = received(place / "registry")
            self._call(place, folder, "undo", str(work.models), "--yes")
        steps = {"start": cost["start"], **cost["steps"]}
        return Measured(
            seconds=took.seconds,
            calls=took.calls,
            received=counted,
            cpu=took.cpu,
            peak=cost["peak"],
            steps={**steps, "other": cost["process"] - sum(steps.values()), "programs": cost["children"]},
            walls=walls,
            load=loads,
            again=Again(again.seconds, again.calls),
        )

    def _call(self, place: Path, folder: Path, *words: str) -> "tuple[_Took, dict[str, Any]]":
        cost = folder / "cost.json"
        environment = {"PYTHONPATH": str(self.checkout), "MIGRATE_WORKSPACE": str(folder / "workspace")}
        command = [sys.executable, "-P", str(_HERE / "clock.py"), str(cost), *words, "--json"]
        return _timed(self.title, command, place, environment, self.checkout), json.loads(cost.read_bytes())


class Shell(Struct, frozen=True):
    """``shell/move.sh`` in one of its forms; ``jobs`` models side by side."""

    title: str
    form: str
    jobs: int

    def measure(self, work: Work, folder: Path) -> Measured:
        """Run it once; its apps go with the sandbox."""
        with _sandbox(folder, work.number) as place:
            load = os.getloadavg()[0]
            environment = {**work.pip, "BASE": work.base, "JOBS": str(self.jobs)}
            command = [str(_HERE / "shell" / "move.sh"), self.form, str(work.models)]
            took = _timed(self.title, command, place, environment, folder)
            return Measured(
                seconds=took.seconds,
                calls=took.calls,
                received=received(place / "registry"),
                cpu=took.cpu,
                peak=took.peak,
                steps={},
                walls={},
                load=(load, os.getloadavg()[0]),
            )


class _Took(Struct, frozen=True):
    seconds: float
    calls: int
    cpu: float
    peak: int


def _timed(title: str, command: list[str], place: Path, environment: Mapping[str, str], cwd: Path) -> _Took:
    """Run a command against a sandbox; it must end well."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith(("OVH_", "MIGRATE_"))}
    output = place.parent / _OUTPUT
    before, start = len(_calls(place)), time.monotonic()
    with output.open("wb") as file:
        process = subprocess.Popen(
            command,
            env={**ours, **control.env(place), **environment},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
        code, usage = _ended(process.pid, start + _LIMIT)
    seconds = time.monotonic() - start
    if code != 0:
        said = output.read_text(encoding="utf-8", errors="replace")[-4000:]
        raise SystemExit(f"bench-run: {title} ended with {code}\n{said}")
    calls = len(_calls(place)) - before
    return _Took(seconds, calls, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def _walls(output: Path) -> dict[str, float]:
    """The seconds of steps that were made, from the events of a run."""
    summed: defaultdict[str, float] = defaultdict(float)
    for line in output.read_bytes().splitlines():
        event = json.loads(line)
        if event["event"] == "step-finished" and not event.get("reused"):
            summed[event["step"]] += event["seconds"]
    return dict(summed)


def _ended(pid: int, deadline: float) -> tuple[int, struct_rusage]:
    """The exit code of a child that leads a process group, and what it and its children used."""
    while True:
        found, status, usage = os.wait4(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status), usage
        if time.monotonic() > deadline:
            os.killpg(pid, signal.SIGKILL)
        time.sleep(_LOOK)


def _calls(place: Path) -> list[control.Line]:
    return [line for line in control.requests_made(place) if line.service == "api"]


@contextmanager
def _sandbox(folder: Path, models: int) -> Iterator[Path]:
    place = folder / "sandbox"
    running = control.start(place, Options(samples=False, authorized=True, quota_cpu=4 * models))
    try:
        yield place
    finally:
        control.stop(place)
        _remove_images(running.registry_address)


def _remove_images(registry: str) -> None:
    """The names that images got to be pushed to a registry, and the images with their last one."""
    names = ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"]
    listed = subprocess.run(names, check=True, capture_output=True, text=True).stdout.split()
    if left := [name for name in listed if name.startswith(f"{registry}/")]:
        subprocess.run(["docker", "rmi", "--force", *left], check=False, capture_output=True)

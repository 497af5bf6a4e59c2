"""Server processes on a CPU of their own: started, watched, measured and ended by their ids."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.server.contenders import Launch

READY_SECONDS: Final = 90.0
_STOP_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.005
_TICK: Final = os.sysconf("SC_CLK_TCK")
_PORTS: Final = 3


class ServerFailedError(Exception):
    """A server ended or did not become ready; the text has the end of its log."""


@dataclass(frozen=True)
class Process:
    """A running server; ``ready_seconds`` is from the start of its process to its first yes."""

    pid: int
    port: int
    ready_seconds: float


def cpus() -> tuple[int, int]:
    """The CPU for servers and the one for the load; the same one twice where there is no second."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def free_ports() -> int:
    """The first of three neighbouring ports that nobody listens on."""
    for first in range(18080, 20000, _PORTS):
        try:
            for port in range(first, first + _PORTS):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise SystemExit("bench-server: there are no free ports")


@contextmanager
def running(launch: Launch, port: int, cpu: int, log: Path) -> Iterator[Process]:
    """A server on one CPU until the context ends."""
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    command = ["taskset", "-c", str(cpu), *launch.command]
    with log.open("wb") as stream:
        start = time.monotonic()
        child = subprocess.Popen(
            command,
            cwd=launch.folder,
            env={**clean, **launch.environment},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        _wait_ready(child, port, launch.ready, log)
        yield Process(child.pid, port, time.monotonic() - start)
    finally:
        _stop(child)


def _wait_ready(child: "subprocess.Popen[bytes]", port: int, path: str, log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        if child.poll() is not None:
            raise ServerFailedError(f"ended with {child.returncode}: {log.read_text(errors='replace')[-2000:]}")
        if status_of(port, path) == 200:
            return
        time.sleep(_POLL_SECONDS)
    raise ServerFailedError(f"not ready after {READY_SECONDS:.0f} s: {log.read_text(errors='replace')[-2000:]}")


def status_of(port: int, path: str) -> int:
    """The status of a GET, or 0 when nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _stop(child: "subprocess.Popen[bytes]") -> None:
    """Ask the process to end; then end what is left of its tree."""
    tree = tree_of(child.pid)
    child.terminate()
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    end = time.monotonic() + _STOP_SECONDS
    while (left := [pid for pid in tree if _alive(pid)]) and time.monotonic() < end:
        time.sleep(0.05)
    for pid in left:
        os.kill(pid, signal.SIGKILL)


def _alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    fields = _stat(pid)
    return fields is not None and fields[0] != "Z"


def _stat(pid: int) -> list[str] | None:
    """The fields of ``/proc/PID/stat`` after the program's name, or None for a process that is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def tree_of(pid: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))) is not None:
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    tree = [pid]
    for parent in tree:
        tree.extend(children.get(parent, ()))
    return tree


def cpu_seconds(pid: int) -> float:
    """CPU time used so far by a process and its descendants, those that ended included."""
    ticks = 0
    for member in tree_of(pid):
        fields = _stat(member)
        if fields is not None:
            ticks += sum(map(int, fields[11:15]))
    return ticks / _TICK


def memory_bytes(pid: int) -> int:
    """Resident memory of a process and its descendants; pages that several share count for each."""
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(int(fields[21]) * page for member in tree_of(pid) if (fields := _stat(member)) is not None)

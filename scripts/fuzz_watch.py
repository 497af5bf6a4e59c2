"""The server's process while it is fuzzed: memory, files, whether it says that it lives, what it logs."""

import json
import os
import re
import threading
import time
from collections import Counter
from http.client import HTTPException
from pathlib import Path
from statistics import median
from typing import Final

from conformance import call

_MIB: Final = 1024 * 1024
# Memory that allocators keep and caches fill is no leak: what grows on after the first third of the run is.
_GROWTH_BYTES: Final = 24 * _MIB
_MORE_FILES: Final = 4
_SETTLE_SECONDS: Final = 10
_PULSE_SECONDS: Final = 0.2
_SLOWEST_PULSE: Final = 2.0
_MOST_KINDS: Final = 10
_TROUBLE: Final = re.compile("Traceback|Warning|Fatal|Aborted|Segmentation|corrupted|Assertion|leak", re.IGNORECASE)


class Growth:
    """Resident memory over the run."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._sizes: list[tuple[int, int]] = []
        self.files = open_files(pid)
        self.gone = False

    def look(self, requests: int) -> None:
        """Note the size after so many requests."""
        try:
            self._sizes.append((requests, resident_bytes(self._pid)))
        except OSError:
            self.gone = True

    def text(self) -> str:
        """First, middle and last size."""
        if not self._sizes:
            return "not looked at"
        sizes = [size // _MIB for _, size in self._sizes]
        return f"RSS {sizes[0]} MiB, then {sizes[len(sizes) // 3]}, at the end {sizes[-1]}, at most {max(sizes)}"

    def faults(self) -> list[str]:
        """Whether the last third is larger than the second."""
        third = len(self._sizes) // 3
        if third < 10:
            return []
        middle = median(size for _, size in self._sizes[third : 2 * third])
        last = median(size for _, size in self._sizes[2 * third :])
        if last - middle <= _GROWTH_BYTES:
            return []
        return [f"memory grows: {middle / _MIB:.0f} MiB in the second third of the run, {last / _MIB:.0f} in the last"]


class Pulse(threading.Thread):
    """Asks for ``/health/live`` again and again."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._seconds: list[float] = []
        self._failures: list[str] = []
        self._over = threading.Event()

    def run(self) -> None:
        """Until the end."""
        while not self._over.wait(_PULSE_SECONDS):
            start = time.monotonic()
            try:
                status, _, _ = call(self._port, "GET", "/health/live", {}, None)
            except (OSError, HTTPException) as error:
                self._failures.append(f"{type(error).__name__}: {error}")
                continue
            self._seconds.append(time.monotonic() - start)
            if status != 200:
                self._failures.append(f"status {status}")

    def end(self) -> None:
        """Stop asking."""
        self._over.set()
        self.join()

    def text(self) -> str:
        """How quickly it answered."""
        if not self._seconds:
            return "never answered"
        ordered = sorted(self._seconds)
        return f"{len(ordered)} times, median {median(ordered) * 1000:.1f} ms, slowest {ordered[-1] * 1000:.0f} ms"

    def faults(self) -> list[str]:
        """Refusals, and answers that took too long."""
        found = [f"/health/live failed {len(self._failures)} times: {self._failures[0]}"] if self._failures else []
        slowest = max(self._seconds, default=0.0)
        if slowest > _SLOWEST_PULSE:
            found.append(f"/health/live took {slowest:.1f} s")
        return found


def resident_bytes(pid: int) -> int:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_files(pid: int) -> int:
    """Open files and sockets of a process."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def idle_faults(port: int, pid: int, growth: Growth) -> list[str]:
    """What a server without requests must not have: open connections, requests in flight."""
    end = time.monotonic() + _SETTLE_SECONDS
    while (files := open_files(pid)) > growth.files + _MORE_FILES and time.monotonic() < end:
        time.sleep(0.2)
    found = []
    if files > growth.files + _MORE_FILES:
        found.append(f"{files} files are open, {growth.files} were before")
    _, _, text = call(port, "GET", "/metrics", {}, None)
    flight = re.search(rb"^inference_requests_in_flight (\S+)$", text, re.MULTILINE)
    if flight is None or float(flight[1]) != 0:
        found.append(f"requests in flight at the end: {flight[1].decode() if flight else 'not counted'}")
    return found


def error_lines(log: Path) -> list[str]:
    """The errors in the server's log: each kind once, with how often it is there."""
    found: Counter[str] = Counter()
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            # What is no line of the log comes from below Python: the interpreter's end, or a library's remark.
            entry = {"level": "error" if _TROUBLE.search(line) else "remark", "message": line}
        if entry.get("level") == "error":
            cause = str(entry.get("traceback", "")).rstrip().rpartition("\n")[2]
            found[re.sub(r"0x[0-9a-f]+", "0x...", f"{str(entry['message']).strip()}: {cause}")[:500]] += 1
    return [f"in the log, {count} times: {text}" for text, count in found.most_common(_MOST_KINDS)]

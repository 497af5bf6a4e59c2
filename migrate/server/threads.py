"""What this process takes of the container: its CPUs, who goes first on them, its memory, and what is given back."""

import contextlib
import ctypes
import gc
import os
import sys
import threading
from math import ceil
from pathlib import Path
from typing import Final

_MODEL_NICENESS: Final = 5
_TRIM_THRESHOLD: Final = -1  # of mallopt(3)
_MMAP_THRESHOLD: Final = -3
_KEPT_BYTES: Final = 1 << 20


def cpu_count(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """CPUs by affinity, limited by the CPU quota of cgroup v2 or v1 rounded up; at least 1."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota_v2(cgroup) or _quota_v1(cgroup)
    return max(1, min(affinity, ceil(quota))) if quota else affinity


def memory_limit(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes of memory that this process may have: the machine's, limited by cgroup v2 or v1."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [machine]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            limits.append(int((cgroup / name).read_text()))
        except (OSError, ValueError):  # of the other version; or "max"
            continue
    return min(limits)


def resident_bytes() -> int:
    """The memory that this process holds, shared pages of files among it; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def yield_to_others() -> None:
    """Let this thread, and those that it starts (an engine's), wait for the thread that answers health checks."""
    if sys.platform == "linux":
        # One that was started nicer, as by nice(1), may not become less so.
        own = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), max(own, _MODEL_NICENESS))


def give_memory_back() -> bool:
    """Let glibc return what large tensors and pictures took; whether it does.

    Left alone it keeps larger and larger pieces for the next call (mallopt(3): the thresholds are dynamic), in a heap
    for each thread: over millions of requests of all sizes the process grew to twice its size, and nothing leaked.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False  # another C library, another system
    return bool(mallopt(_MMAP_THRESHOLD, _KEPT_BYTES) and mallopt(_TRIM_THRESHOLD, _KEPT_BYTES))


def search_for_garbage() -> None:
    """Let Python collect what refers to itself, from now on: what libraries made until here is not looked through."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def trim_memory() -> None:
    """Let glibc return what is free between pieces that are not (malloc_trim(3)); takes milliseconds."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _quota_v2(cgroup: Path) -> float | None:
    try:
        limit, period = (cgroup / "cpu.max").read_text().split()
        return None if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _quota_v1(cgroup: Path) -> float | None:
    try:
        limit = int((cgroup / "cpu" / "cpu.cfs_quota_us").read_text())
        period = int((cgroup / "cpu" / "cpu.cfs_period_us").read_text())
        return limit / period if limit > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None

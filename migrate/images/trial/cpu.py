"""Whether a machine has the instructions that the packages of the runtimes are compiled for."""

from __future__ import annotations

from typing import Final

_X86: Final = frozenset({"x86_64", "amd64"})


def missing(architecture: str, cpuinfo: str) -> str:
    """Why a machine may not run packages that are compiled for AVX; empty when it does.

    Args:
        architecture: What the engine, or the kernel, calls its own.
        cpuinfo: ``/proc/cpuinfo`` where an x86-64 image runs on it.
    """
    if architecture not in _X86:
        return f"it emulates x86-64 on {architecture or 'an unknown architecture'}"
    flags = (line.partition(":")[2].split() for line in cpuinfo.splitlines() if line.startswith("flags"))
    return "" if any("avx" in words for words in flags) else "its processor has no AVX instructions"

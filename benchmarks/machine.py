"""What numbers depend on besides the measured program."""

import os
import platform
from pathlib import Path


def machine() -> dict[str, object]:
    """This machine in a few words."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    return {
        "CPU": names[0] if names else platform.machine(),
        "CPUs": os.cpu_count() or 1,
        "Python": platform.python_version(),
        "kernel": platform.release(),
    }

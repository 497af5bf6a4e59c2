"""The environment of the old endpoints: the ONNX runtime's lock, installed by uv, cached by the lock's digest."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import platformdirs
from uv import find_uv_bin

_LOCK: Final = Path("dockerfile_templates") / "onnx" / "requirements.lock"


def environment(progress: Callable[[str], None]) -> Path:
    """The interpreter of the environment, which is made first where it is missing.

    Raises:
        RuntimeError: It cannot be made; one sentence.
    """
    lock = _lock_file()
    made_of = hashlib.sha256(lock.read_bytes() + sys.version.encode() + os.fsencode(sys.prefix)).hexdigest()[:20]
    cache = platformdirs.user_cache_path("mlserving-migrate") / "old-endpoints"
    folder = cache / made_of
    python = folder / "bin" / "python"
    if python.exists():
        return python
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{made_of}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # one maker at a time
        if not python.exists():
            progress("installing ONNX Runtime for the old endpoints (once)")
            _make(folder, lock)
    return python


def _make(folder: Path, lock: Path) -> None:
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    uv = find_uv_bin()
    _run([uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(partial)])
    install = [uv, "pip", "install", "--quiet", "--python", str(partial / "bin" / "python")]
    _run([*install, "--require-hashes", "--only-binary", ":all:", "--link-mode", "copy", "-r", str(lock)])
    partial.rename(folder)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
    if done.returncode:
        reason = done.stderr.strip().rpartition("\n")[2] or f"uv ended with {done.returncode}"
        message = f"the environment of the old endpoints cannot be made: {reason}"
        raise RuntimeError(message)


def _lock_file() -> Path:
    package = Path(__file__).resolve().parents[2]
    for root in (package, package.parent):
        if (root / _LOCK).is_file():
            return root / _LOCK
    message = f"the environment of the old endpoints cannot be made: {_LOCK} is missing from this installation"
    raise RuntimeError(message)

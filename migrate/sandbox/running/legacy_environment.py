"""The environment of the old endpoints: the ONNX runtime's lock, installed by uv, cached by the lock's digest.

Each one has 185 MB, so those that nobody needs any more are removed when another is made.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import platformdirs
from uv import find_uv_bin

_LOCK: Final = Path("dockerfile_templates") / "onnx" / "requirements.lock"
_OWNER: Final = "made-for"  # a file in an environment: the installation whose sandbox uses it, and when it last did
_MADE: Final = ".partial"
_UNUSED: Final = 30 * 24 * 3600.0  # seconds after which an environment is removed, whoever made it


def environment(progress: Callable[[str], None]) -> Path:
    """The interpreter of the environment, which is made first where it is missing.

    Raises:
        RuntimeError: It cannot be made; one sentence.
    """
    lock = _lock_file()
    made_of = hashlib.sha256(lock.read_bytes() + sys.version.encode() + os.fsencode(sys.prefix)).hexdigest()[:20]
    cache = _cache()
    folder = cache / made_of
    python = folder / "bin" / "python"
    if not python.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            if not python.exists():
                progress("installing ONNX Runtime for the old endpoints (once)")
                _make(folder, lock)
        for other in tuple(_unneeded(cache, folder)):
            _remove(other)
    with suppress(OSError):
        (folder / _OWNER).write_text(sys.prefix, encoding="utf-8", errors="surrogateescape")
    return python


def remove_environments(installation: Path) -> tuple[Path, ...]:
    """Removes the environments that the sandbox of an installation (its ``sys.prefix``) made, and returns them."""
    cache = _cache()
    found = tuple(folder for folder in _made(cache) if _owner(folder) == str(installation)) if cache.is_dir() else ()
    for folder in found:
        _remove(folder)
    return found


def _cache() -> Path:
    return platformdirs.user_cache_path("mlserving-migrate") / "old-endpoints"


def _made(cache: Path) -> Iterator[Path]:
    return (path for path in sorted(cache.iterdir()) if path.suffix not in {".lock", _MADE} and path.is_dir())


def _unneeded(cache: Path, current: Path) -> Iterator[Path]:
    """Those of former versions of this installation, of installations that are gone, and those long unused."""
    for folder in _made(cache):
        owner = _owner(folder)
        gone = owner is not None and (owner == sys.prefix or not Path(owner).exists())
        if folder != current and (gone or time.time() - _used(folder) > _UNUSED):
            yield folder


def _owner(folder: Path) -> str | None:
    """The installation that an environment was made for; None where an earlier release made it."""
    try:
        return (folder / _OWNER).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None


def _used(folder: Path) -> float:
    marker = folder / _OWNER
    try:
        return (marker if marker.exists() else folder).stat().st_mtime
    except OSError:
        return time.time()  # another process removes it


def _remove(folder: Path) -> None:
    with _locked(folder), suppress(OSError):
        away = folder.with_suffix(_MADE)  # so that half of one is never taken for one
        shutil.rmtree(away, ignore_errors=True)
        folder.rename(away)
        shutil.rmtree(away, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time makes or removes an environment."""
    with folder.with_suffix(".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _make(folder: Path, lock: Path) -> None:
    partial = folder.with_suffix(_MADE)
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

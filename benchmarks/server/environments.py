"""The environments of the compared servers: one for each lock, made once with uv, and wrk from Debian's packages."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import platformdirs
import uv

from migrate.images.runtime.server_code import copy_server
from migrate.images.runtime.templates import templates_folder
from migrate.images.runtime.uv_settings import uv_environment

HERE: Final = Path(__file__).parent
OURS: Final = "onnx"
WRK: Final = "wrk"


def say(text: str) -> None:
    """Tell the person who waits."""
    print(f"bench-server: {text}", file=sys.stderr, flush=True)


def cache_folder() -> Path:
    """Where environments are kept from run to run."""
    return platformdirs.user_cache_path("mlserving-migrate") / "bench-server"


def lock_of(name: str) -> Path:
    """The hashed lock of an environment; of a runtime of this server, the one that its image is built from."""
    runtime = templates_folder() / name / "requirements.lock"
    return runtime if runtime.exists() else HERE / f"{name}.lock"


def python_of(name: str) -> Path:
    """The interpreter of an environment with everything of its lock, byte-code included."""
    lock = lock_of(name)
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode() + sys.base_prefix.encode()).hexdigest()[:16]
    made = cache_folder() / f"{name}-{digest}"
    python = made / "bin" / "python"
    if python.exists():
        return python
    say(f"installing the packages of {lock.relative_to(HERE.parents[1])} into {made}")
    made.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=made.parent, prefix="making-") as scratch:
        making = Path(scratch) / "environment"
        command = [uv.find_uv_bin(), "venv", "--quiet", "--relocatable", "--python", sys.executable, str(making)]
        subprocess.run(command, check=True)
        command = [uv.find_uv_bin(), "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        command += ["--only-binary", ":all:", "--link-mode", "copy", "--compile-bytecode"]
        command += ["--python", str(making / "bin" / "python"), "-r", str(lock)]
        # uv hears of this machine's index and certificates as pip does.
        environment = {**os.environ, **uv_environment(os.environ)}
        environment.pop("VIRTUAL_ENV", None)
        subprocess.run(command, cwd="/", check=True, env=environment)
        making.rename(made)
    return python


def server_code(folder: Path) -> Path:
    """This server's files as its image holds them, byte-code included; gives the folder to import from."""
    copy_server(folder)
    subprocess.run([python_of(OURS), "-m", "compileall", "-q", folder], check=True)
    return folder


def wrk() -> str:
    """The load generator's program, installed from Debian's packages where it is missing."""
    found = shutil.which(WRK)
    if found:
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise SystemExit("bench-server: the load generator wrk is missing; install it (Debian: apt-get install wrk).")
    say("installing the Debian package wrk")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-q"], check=True, stdout=subprocess.DEVNULL)
    command = ["apt-get", "install", "-q", "-y", "--no-install-recommends", WRK]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return WRK

"""Podman as a service of its own: as root or as an ordinary user that is made for it, with all it keeps in one folder.

Nothing of this machine's own Podman or Docker is used or changed.
"""

import contextlib
import json
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import docker
import pytest
from msgspec import Struct

from migrate.core.errors import LocalError
from migrate.images.base.image import locate_base
from migrate.images.engine.connection import connect

PODMAN: Final = shutil.which("podman")
ROOTLESS_TOOLS: Final = ("newuidmap", "slirp4netns", "runuser", "useradd")
_START: Final = 60.0  # seconds
_DRIVER: Final = "overlay"


class Podman(Struct, frozen=True):
    """A running service; ``user`` is the name of the ordinary user that it runs as, or None for root."""

    folder: Path
    user: str | None
    environ: dict[str, str]

    @property
    def url(self) -> str:
        """What ``DOCKER_HOST`` would be."""
        return f"unix://{self.folder}/run/podman/podman.sock"

    def run(self, *arguments: str, check: bool = True) -> str:
        """The output of podman itself, run as the service's user."""
        done = subprocess.run(_as_user(self, "podman", *arguments), env=self.environ, cwd=self.folder, text=True,
                              check=check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
        return done.stdout


@contextlib.contextmanager
def podman_service(*, rootless: bool) -> Iterator[Podman]:
    """Podman listening on a socket in a folder of its own; skips the test where it cannot be had.

    Args:
        rootless: Run it as an ordinary user, made for it, instead of as root.
    """
    if PODMAN is None or os.geteuid() != 0:
        pytest.skip("needs podman, and root to start it in both ways")
    missing = [name for name in ROOTLESS_TOOLS if rootless and shutil.which(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)} for podman without root")
    # Not pytest's folder: an ordinary user may not enter it, and a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="podman-", dir="/var/tmp"))
    user = f"podman-{uuid.uuid4().hex[:8]}" if rootless else None
    try:
        if user is not None:
            subprocess.run(["useradd", "--home-dir", str(folder), "--shell", "/bin/sh", user], check=True)
        yield from _serve(folder, user)
    finally:
        if user is not None:
            subprocess.run(["userdel", "--force", user], check=False, capture_output=True)
        _remove(folder)


def _serve(folder: Path, user: str | None) -> Iterator[Podman]:
    podman = Podman(folder, user, _environment(folder))
    _configure(folder)
    if user is not None:
        found = pwd.getpwnam(user)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, found.pw_uid, found.pw_gid)
    (folder / "run").chmod(0o700)
    with (folder / "service.log").open("wb") as log:
        service = subprocess.Popen(
            _as_user(podman, "podman", "system", "service", "--time", "0", podman.url),
            env=podman.environ, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        _wait(podman, service)
        yield podman
    finally:
        with contextlib.suppress(subprocess.SubprocessError):
            podman.run("rm", "--all", "--force", "--time", "0", check=False)
        service.terminate()
        service.wait(30)
        _end_helpers(folder)


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder / "run"),
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
    }


def _configure(folder: Path) -> None:
    engine = ['cgroup_manager = "cgroupfs"', 'events_logger = "file"']
    if not Path("/sys/fs/cgroup/cgroup.controllers").exists() and shutil.which("runc"):
        engine.append('runtime = "runc"')  # crun, the default, wants cgroups of version 2
    (folder / "containers.conf").write_text(
        "\n".join(
            ["[engine]", *engine, "[containers]", 'default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]', ""]
        )
    )
    storage = [f'driver = "{_DRIVER}"', f'runroot = "{folder}/state"', f'graphroot = "{folder}/images"']
    storage.append(f'rootless_storage_path = "{folder}/images"')
    (folder / "storage.conf").write_text("\n".join(["[storage]", *storage, ""]))
    (folder / "registries.conf").write_text('unqualified-search-registries = ["docker.io"]\n')
    (folder / "run/podman").mkdir(parents=True)


def _as_user(podman: Podman, *command: str) -> list[str]:
    return [*command] if podman.user is None else ["runuser", "-u", podman.user, "--", *command]


def _wait(podman: Podman, service: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline and service.poll() is None:
        with contextlib.suppress(LocalError):
            connect({"DOCKER_HOST": podman.url}).close()
            return
        time.sleep(0.1)
    pytest.fail(f"podman does not answer: {(podman.folder / 'service.log').read_text()[-600:]}")


def with_base(podman: Podman) -> str:
    """A base image of the runtimes in it, taken from this machine's engine, and its name."""
    with contextlib.closing(connect(os.environ)) as engine:
        located = locate_base(engine, None, lambda _: None)
        chunks = engine.client.api.get_image(located.reference)
        with contextlib.closing(docker.DockerClient(podman.url, version="auto", timeout=300)) as client:
            said = [json.dumps(message) for message in client.api.load_image(chunks)]  # type: ignore[arg-type]
            assert client.images.get(located.reference).id == located.image_id, said
    return located.reference


def _end_helpers(folder: Path) -> None:
    """End what podman leaves running for containers and for the user's name space: all that works in the folder."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            words = (entry / "environ").read_bytes().split(b"\0")
            if f"XDG_RUNTIME_DIR={folder}/run".encode() in words:
                os.kill(int(entry.name), 9)


def _remove(folder: Path) -> None:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    for point in sorted((line.split()[4] for line in lines if line.split()[4].startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", point], check=False)
    shutil.rmtree(folder, ignore_errors=True)

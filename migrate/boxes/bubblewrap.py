"""The command lines of a box: bubblewrap makes it, util-linux's nsenter lets a second program into its network.

A *holder* is a process in a user and a network name space of its own, in which loopback alone is up. Every program of
a trial is a box of its own inside that network: its own processes, mounts and user name space, so that one can neither
see, signal nor trace another, and yet they reach each other over loopback. The root is a tmpfs with each entry of the
image's top folder bound read-only, so that mount points exist without a change to the image's files.

Root of this machine would stay root outside the box, which /proc and files would heed; it becomes an ordinary user
first, and folders that only root may enter are bound for it in a mount name space that nobody else sees.

bwrap(1), nsenter(1), user_namespaces(7).
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from migrate.boxes import calls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from migrate.boxes.view import Mount, Root

UID: Final = "42420"
"""The user and the group in a box: those of AI Deploy."""
SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - of the box
SCRATCH: Final = ("/tmp", "/workspace")  # noqa: S108 - of the box
SCRATCH_SIZE: Final = 64 << 20  # bytes, of each; the same as in a container

MOUNTED: Final = frozenset({"proc", "dev", "sys", *(path[1:] for path in SCRATCH)})
"""What of the top folder a box has of its own, whatever the image has."""
_PROBE_SECONDS: Final = 60  # on a busy machine; it takes some 20 ms
_SAID: Final = 300  # characters
_PROCESSORS: Final = "/sys/devices/system/cpu"  # libraries count and name them there
_BIND: Final = 'while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 125; shift 2; done; shift; exec "$@"'
_JOIN: Final = 'echo 0 > "$1/cgroup.procs" || exit 125; shift; exec "$@"'


def why_not() -> str:
    """Why there can be no box on this machine, as the end of a sentence; empty where there can be. Takes some 20 ms."""
    if sys.platform != "linux":
        return "boxes need Linux"
    needed = ["bwrap", "nsenter", *(("unshare", "setpriv") if os.geteuid() == 0 else ())]
    missing = [name for name in needed if shutil.which(name) is None]
    if missing:
        packages = {"bwrap": "bubblewrap"}
        return f"{' and '.join(packages.get(name, name) for name in missing)} is not installed"
    probe = ["bwrap", "--unshare-user", "--unshare-net", "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc"]
    try:
        done = subprocess.run(
            [*_ordinary(), *probe, "--disable-userns", "true"],
            capture_output=True, text=True, errors="replace", timeout=_PROBE_SECONDS, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not start ({error})"
    if done.returncode == 0:
        return ""
    said = " ".join(done.stderr.split())[-_SAID:] or f"it ended with code {done.returncode}"
    return f"the kernel, or the container that this runs in, gives this user no name spaces ({said})"


def holder(binds: Sequence[tuple[Path, Path]], group: Path | None) -> list[str]:
    """The command that holds a network for a trial's boxes until its input ends; it writes a line once it does.

    Args:
        binds: Folders and where they are bound, seen by the trial's boxes alone; for root of this machine.
        group: The cgroup that it is to join.
    """
    command = [*joining(group)]
    if binds:
        pairs = [str(path) for pair in binds for path in pair]
        command += ["unshare", "--mount", "--propagation", "private", "sh", "-c", _BIND, "sh", *pairs, "--"]
    # dev-bind: what the boxes see as /dev is bound from here.
    command += [*_ordinary(), "bwrap", "--unshare-user", "--unshare-net", "--dev-bind", "/", "/", "--die-with-parent"]
    return [*command, "--json-status-fd", "{status}", "--", "sh", "-c", "echo held && exec cat"]


def box(
    process: int,
    image: Root,
    mounts: Sequence[Mount],
    command: Sequence[str],
    *,
    seen: Mapping[Path, Path],
    group: Path | None,
    first: bool,
) -> list[str]:
    """The command of a box in the network of a holder; ``{status}`` and ``{filter}`` stand for descriptors' numbers.

    Args:
        process: The id of the process in the holder's name spaces.
        image: The root that it sees, its variables and where its command starts.
        mounts: What else it sees.
        command: What runs in it.
        seen: Where folders were bound for the holder, by folder.
        group: The cgroup that it is to join.
        first: Whether the command is the first process of the box, as in a container.
    """
    spaces = (("user", "user"), ("net", "net"), ("mount", "mnt"))
    enter = ["nsenter", "--preserve-credentials", *(f"--{name}=/proc/{process}/ns/{file}" for name, file in spaces)]
    return [
        *joining(group),
        *_ordinary(),
        *(*enter, "--", "bwrap", *(f"--unshare-{name}" for name in ("user", "pid", "ipc", "uts", "cgroup-try"))),
        *("--disable-userns", "--uid", UID, "--gid", UID, "--hostname", "box"),
        *_top(image.path, seen.get(image.path, image.path)),
        *(part for mount in mounts for part in _mounted(mount, seen)),
        *("--proc", "/proc", "--dev", "/dev", *_tmpfs(SHARED_MEMORY), "--remount-ro", "/dev"),
        *("--ro-bind-try", _PROCESSORS, _PROCESSORS, *(part for path in SCRATCH for part in _tmpfs(path))),
        *("--remount-ro", "/", "--chdir", image.working_dir, "--new-session", "--die-with-parent", "--clearenv"),
        *(part for name, value in image.environment.items() for part in ("--setenv", name, value)),
        *(("--as-pid-1",) if first else ()),
        *(("--seccomp", "{filter}") if calls.program() else ()),
        *("--json-status-fd", "{status}", "--", *command),
    ]


def _mounted(mount: Mount, seen: Mapping[Path, Path]) -> tuple[str, str, str]:
    return ("--bind" if mount.writable else "--ro-bind", str(seen.get(mount.source, mount.source)), mount.target)


def _tmpfs(path: str) -> tuple[str, ...]:
    return ("--perms", "1777", "--size", str(SCRATCH_SIZE), "--tmpfs", path)


def _top(folder: Path, bound: Path) -> list[str]:
    """The entries of the root's top folder: folders and files bound, links made anew."""
    found: list[str] = []
    for path in sorted(folder.iterdir()):
        mode = path.lstat().st_mode
        if path.name in MOUNTED:
            continue
        if stat.S_ISLNK(mode):
            found += ["--symlink", str(path.readlink()), f"/{path.name}"]
        elif stat.S_ISDIR(mode) or stat.S_ISREG(mode):
            found += ["--ro-bind", str(bound / path.name), f"/{path.name}"]
    return found


def joining(group: Path | None) -> list[str]:
    """What a command begins with whose processes join a cgroup; nothing where there is none."""
    return ["sh", "-c", _JOIN, "sh", str(group)] if group is not None else []


def _ordinary() -> list[str]:
    """What makes root of this machine an ordinary user, of the id that it has in the box too."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--inh-caps=-all", "--no-new-privs", "--"]

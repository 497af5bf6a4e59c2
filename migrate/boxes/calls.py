"""System calls that no server of a model needs, refused in a box: a seccomp program for bubblewrap.

Some hold memory that belongs to no process, which a watcher of processes would not see: files in memory that are not
mapped, shared segments and queues of System V. The others are large and rarely used parts of the kernel, which engines
refuse by default too. They answer as on a kernel that was built without them, so libraries take their other way.

seccomp(2); the numbers are the kernel's own (include/uapi/asm-generic/unistd.h, arch/x86/entry/syscalls).
"""

from __future__ import annotations

import errno
import os
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOAD, _EQUAL, _LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # BPF: load a word, jump if equal, jump if not less, return
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | errno.ENOSYS
_NUMBER, _ARCHITECTURE = 0, 4  # where they are in struct seccomp_data
_X32: Final = 0x40000000  # calls of another kind on x86-64, from this number on

_NEW: Final = {"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "memfd_secret": 447}
CALLS: Final[Mapping[str, tuple[int, Mapping[str, int]]]] = {
    "x86_64": (
        0xC000003E,
        _NEW
        | {"memfd_create": 319, "shmget": 29, "msgget": 68, "semget": 64, "bpf": 321, "userfaultfd": 323}
        | {"perf_event_open": 298, "ptrace": 101, "keyctl": 250, "add_key": 248, "request_key": 249},
    ),
    "aarch64": (
        0xC00000B7,
        _NEW
        | {"memfd_create": 279, "shmget": 194, "msgget": 186, "semget": 190, "bpf": 280, "userfaultfd": 282}
        | {"perf_event_open": 241, "ptrace": 117, "keyctl": 219, "add_key": 217, "request_key": 218},
    ),
}
"""By machine: its number for auditing, and the numbers of the calls that are refused."""


def program(machine: str = "") -> bytes:
    """The program as bubblewrap reads it; empty for a machine whose numbers are not known.

    Args:
        machine: As ``uname`` names it; this one where empty.
    """
    found = CALLS.get(machine or os.uname().machine)
    if found is None:
        return b""
    architecture, calls = found
    numbers = sorted(calls.values())
    steps = [(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _REFUSE)]
    steps += [(_LOAD, 0, 0, _NUMBER), (_LEAST, len(numbers) + 1, 0, _X32)]
    # Each jumps over what is left to the last step, which refuses.
    steps += [(_EQUAL, len(numbers) - place, 0, number) for place, number in enumerate(numbers)]
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)

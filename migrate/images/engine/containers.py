"""Containers of this room: all cut off from the network, all labelled, all removed again."""

from __future__ import annotations

import contextlib
import os
import platform
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary, WeakSet

from migrate.images.engine.connection import translated
from migrate.machine.processes import alive

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from migrate.images.engine.connection import Engine

# On every container that this room makes: what for, and for which machine's process (``machine:id``), so that what a
# killed one left is known as such.
LABEL: Final = "mlserving-migrate"
PROCESS_LABEL: Final = "mlserving-migrate.process"
USER: Final = "42420:42420"  # the user that AI Deploy runs every app as (contract: AI Deploy images)
PIDS: Final = 512  # processes and threads of one container
SPARE_PIDS: Final = 8  # so near to the limit nothing more is started: some are between their start and their end

_PROBE: Final = 256 << 20  # bytes, of a container that is never started
_TMPFS: Final = "rw,nosuid,nodev,noexec,size=64m,mode=1777"


def confined(memory: int) -> dict[str, Any]:
    """The settings of a container that loads a customer's model, beside those that every container has.

    Args:
        memory: The limit in bytes, swap and what is written to temporary folders included.
    """
    return {
        "read_only": True,
        "tmpfs": {"/tmp": _TMPFS, "/workspace": _TMPFS},  # noqa: S108 - of the container
        "mem_limit": memory,
        "memswap_limit": memory,
        # A crash leaves no image of its memory on the engine's machine.
        "ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
    }


@contextlib.contextmanager
def container(
    engine: Engine,
    image: str,
    command: Sequence[str],
    *,
    purpose: str,
    user: str = USER,
    working_dir: str | None = None,
    environment: Mapping[str, str] | None = None,
    **host: Any,
) -> Iterator[str]:
    """A created, not yet started container; it is removed at the end whatever happens.

    Args:
        engine: Where it runs.
        image: Image id or reference, already there.
        command: The whole command; the image's entry point is not used.
        purpose: The value of the label, so that a person sees what a leftover was for.
        user: uid:gid inside.
        working_dir: Where the command starts; the image's own folder where None.
        environment: Variables beside and instead of the image's.
        host: Further settings of ``create_host_config``.

    Yields:
        The container's id.
    """
    api = engine.client.api
    sweep(engine)
    settings: dict[str, Any] = {
        "network_mode": "none",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "pids_limit": PIDS,
        # The output is read back; a daemon may be set up to log elsewhere.
        "log_config": {"Type": "json-file", "Config": {"max-size": "64m"}},
    }
    with translated():
        made = api.create_container(
            image,
            list(command[1:]),
            entrypoint=list(command[:1]),
            user=user,
            working_dir=working_dir,
            environment=dict(environment or {}),
            labels={LABEL: purpose, PROCESS_LABEL: f"{platform.node()}:{os.getpid()}"},
            host_config=api.create_host_config(**(settings | host)),
        )
    identity = str(made["Id"])
    try:
        yield identity
    finally:
        remove(engine, identity)


def unlimited(engine: Engine, image_id: str) -> tuple[str, ...]:
    """Which limits the engine leaves out without a word, of ``memory`` and ``processes``; asked once a process.

    Podman of an ordinary user does where the groups of its machine are of version 1, or are not delegated to it.

    Args:
        engine: The engine.
        image_id: Any image of it; nothing in it is run.
    """
    if engine not in _unlimited:
        with container(engine, image_id, ("true",), purpose="limits", **confined(_PROBE)) as identity, translated():
            host = engine.client.api.inspect_container(identity)["HostConfig"]
        wanted = (("memory", host.get("Memory"), _PROBE), ("processes", host.get("PidsLimit"), PIDS))
        # None, 0 and -1 stand for no limit.
        _unlimited[engine] = tuple(name for name, found, most in wanted if not 0 < int(found or 0) <= most)
    return _unlimited[engine]


def sweep(engine: Engine) -> None:
    """Remove the containers that a killed process of this machine has left behind; looked for once a process."""
    if engine in _swept:
        return
    _swept.add(engine)
    with translated():
        found: list[dict[str, Any]] = engine.client.api.containers(all=True, filters={"label": PROCESS_LABEL})
    for container_found in found:
        node, _, process = str(container_found["Labels"][PROCESS_LABEL]).rpartition(":")
        if node == platform.node() and not (process.isdecimal() and alive(int(process))):
            remove(engine, str(container_found["Id"]))


_unlimited: Final[WeakKeyDictionary[Engine, tuple[str, ...]]] = WeakKeyDictionary()
_swept: Final[WeakSet[Engine]] = WeakSet()  # engines that this process has looked at


def remove(engine: Engine, identity: str) -> None:
    """Kill and remove a container with its volumes; one that is gone, or that somebody else removes now, is fine."""
    import docker.errors  # noqa: PLC0415

    with translated():
        try:
            engine.client.api.remove_container(identity, v=True, force=True)
        except docker.errors.NotFound:
            return
        except docker.errors.APIError as error:
            if "already in progress" not in str(error.explanation):  # what Docker says; Podman waits instead
                raise


def run(engine: Engine, image: str, command: Sequence[str], *, purpose: str, timeout: int) -> tuple[int, str]:
    """Run a command in a new container and return its exit code and output (both streams).

    Raises:
        LocalError: The engine cannot start it, or it takes longer than ``timeout`` seconds.
    """
    with container(engine, image, command, purpose=purpose) as identity, translated():
        engine.client.api.start(identity)
        code = int(engine.client.api.wait(identity, timeout=timeout)["StatusCode"])
        output: bytes = engine.client.api.logs(identity)
        return code, output.decode("utf-8", "replace")

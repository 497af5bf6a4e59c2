"""A long ``exec`` in a container as the channel of an exchange: it works on every engine, without any network."""

from __future__ import annotations

import contextlib
import struct
from typing import TYPE_CHECKING, Any, Final

from migrate.core.errors import LocalError
from migrate.core.text import printable, type_again
from migrate.images.engine.connection import translated
from migrate.images.engine.exchange import Exchange, command_of
from migrate.machine import patience
from migrate.machine.patience import wait_until

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from migrate.images.engine.connection import Engine

_HEADER: Final = struct.Struct(">BxxxL")  # Docker's framing of attached streams: stream number, length


def exchange_in(
    engine: Engine,
    container: str,
    arguments: Sequence[str],
    *,
    inline: bool = False,
    user: str = "",
    stop: threading.Event | None = None,
) -> Exchange:
    """An exchange with a program in a running container.

    Args:
        engine: Where the container runs.
        container: Its id.
        arguments: The path of a script in it, and its arguments; with ``inline``, the script's text.
        inline: Whether the text itself is given.
        user: uid:gid of the program; the container's where empty.
        stop: Set to end early.

    Raises:
        NotStartedError: The engine closed the connection at once.
        TimeoutError: It takes nothing.
        LocalError: It refuses to start the program.
    """
    return Exchange(lambda: _Attached(engine, container, command_of(arguments, inline=inline), user), stop=stop)


def exec_refusal(said: str) -> LocalError:
    """The engine's failure to run a program in a container that is in order, from its words."""
    return LocalError(
        "The container engine could not run a command in a container: "
        f"{printable(' '.join(said.split()), 600) or 'the connection broke'}",
        code="engine-failed",
        next_step=type_again("See that `exec` works with this engine (docker exec, podman exec)"),
    )


class _Attached:
    """The attached streams of an ``exec``, which are one connection."""

    def __init__(self, engine: Engine, container: str, command: Sequence[str], user: str) -> None:
        import docker.errors  # noqa: PLC0415

        self._api = engine.client.api
        self._frames = bytearray()
        with translated():
            made = self._api.exec_create(container, list(command), stdin=True, stdout=True, stderr=True, user=user)
            self._exec = str(made["Id"])
            try:
                attached: Any = self._api.exec_start(self._exec, socket=True)
            except docker.errors.APIError as error:
                if error.response is not None:
                    error.response.close()  # the client leaves it open, for it was to become the socket
                raise
        self._attached = attached
        self._socket = getattr(attached, "_sock", attached)

    def send(self, data: memoryview, timeout: float) -> int:
        self._socket.settimeout(timeout)
        return int(self._socket.send(data))

    def receive(self, timeout: float) -> list[tuple[int, bytes]]:
        self._socket.settimeout(timeout)
        try:
            data = self._socket.recv(1 << 16)
        except TimeoutError:
            raise
        except OSError:
            data = b""
        if not data:
            raise EOFError(bytes(self._frames))  # what has no frame was written by the engine itself
        self._frames += data
        pieces: list[tuple[int, bytes]] = []
        while len(self._frames) >= _HEADER.size:
            stream, size = _HEADER.unpack_from(self._frames)
            if len(self._frames) < _HEADER.size + size:
                break
            pieces.append((stream, bytes(self._frames[_HEADER.size : _HEADER.size + size])))
            del self._frames[: _HEADER.size + size]
        return pieces

    def exit_code(self) -> int | None:
        import docker.errors  # noqa: PLC0415

        def look() -> tuple[bool, int | None]:
            with translated():
                try:
                    found: dict[str, Any] = self._api.exec_inspect(self._exec)
                except docker.errors.NotFound:
                    return True, None  # an engine forgets what ran in a container when that ends
            code = None if found.get("Running") else found.get("ExitCode")
            return code is not None, code

        return wait_until(look, lambda seen: seen[0], patience.ENGINE_HINDSIGHT)[1]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()
        with contextlib.suppress(OSError):
            self._attached.close()

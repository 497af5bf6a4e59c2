"""Loopback ports: any free one, or one that stays the same from one start to the next."""

import os
import socket
import sys
import weakref
from pathlib import Path


def listen(port: int = 0) -> socket.socket:
    """A listening socket at 127.0.0.1; 0 takes any free port.

    Raises:
        OSError: The port is taken.
    """
    listener = _bound(port)
    try:
        listener.listen(128)
    except BaseException:
        listener.close()
        raise
    return listener


class KeptPort:
    """A port for a process that opens it itself: the one that ``file`` names where nobody listens, else a new one.

    The port is written to ``file``, so the next start finds the same. As long as this object lives, nobody else is
    given the port by chance: a socket is bound to it that does not listen, so callers are refused, and on Linux a
    process that asks for this very port with ``SO_REUSEADDR``, as servers do, may listen there (socket(7)). Elsewhere
    it could not, and the port is only known to be free now.
    """

    def __init__(self, file: Path) -> None:
        try:
            holder = _bound(_recorded(file))
        except (OSError, OverflowError):
            holder = _bound(0)
        with holder:
            self.number = port_of(holder)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(str(self.number), encoding="ascii")
            if sys.platform == "linux":
                weakref.finalize(self, os.close, holder.detach())


def port_of(listener: socket.socket) -> int:
    """The port that a socket is bound to."""
    return int(listener.getsockname()[1])


def _bound(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(("127.0.0.1", port))
    except BaseException:
        made.close()
        raise
    return made


def _recorded(file: Path) -> int:
    try:
        return int(file.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return 0

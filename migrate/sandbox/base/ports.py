"""Loopback ports: any free one, or one that stays the same from one start to the next."""

import socket
from pathlib import Path


def listen(port: int = 0) -> socket.socket:
    """A listening socket at 127.0.0.1; 0 takes any free port.

    Raises:
        OSError: The port is taken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
    except BaseException:
        listener.close()
        raise
    return listener


def kept_port(file: Path) -> int:
    """A free port for a process that opens it itself: the one that ``file`` names where it is free, else a new one.

    The port is written to ``file``, so the next call finds the same.
    """
    try:
        listener = listen(_recorded(file))
    except (OSError, OverflowError):
        listener = listen()
    with listener:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(port_of(listener)), encoding="ascii")
        return port_of(listener)


def port_of(listener: socket.socket) -> int:
    """The port that a socket is bound to."""
    return int(listener.getsockname()[1])


def _recorded(file: Path) -> int:
    try:
        return int(file.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return 0

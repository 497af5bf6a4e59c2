"""Loopback ports that stay the same from one start to the next."""

import socket
from pathlib import Path


def listen(file: Path) -> socket.socket:
    """A listening socket at 127.0.0.1: at the port that ``file`` names where it is free, else at a new one.

    The port is written to ``file``, so the next call with it finds the same address.
    """
    listener = _listen_at(_recorded(file)) or _listen_at(0)
    if listener is None:
        message = "no loopback port is free"
        raise OSError(message)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(str(port_of(listener)), encoding="ascii")
    return listener


def kept_port(file: Path) -> int:
    """The number of the port that :func:`listen` would give, for a process that opens it itself."""
    with listen(file) as listener:
        return port_of(listener)


def port_of(listener: socket.socket) -> int:
    """The port that a socket is bound to."""
    return int(listener.getsockname()[1])


def _recorded(file: Path) -> int:
    try:
        return int(file.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return 0


def _listen_at(port: int) -> socket.socket | None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
    except (OSError, OverflowError):
        listener.close()
        return None
    return listener

"""Processes of this machine, and the ports that they are to open."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def alive(process: int) -> bool:
    """Whether a process of this machine is there (its id may have gone to another one by now)."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True


@contextlib.contextmanager
def port_to_open(host: str, port: int) -> Iterator[int]:
    """The port that a process is to open itself: ``port``, or for 0 a free one, which nobody else is given meanwhile.

    A socket is bound to a free one that does not listen, so callers are refused, and on Linux a process that asks for
    this very port with ``SO_REUSEADDR``, as servers do, may listen there (socket(7)). Elsewhere it could not, and the
    port is only known to be free now. It stays 0 where ``host`` is no address of this machine, of which the process
    then complains.
    """
    with contextlib.ExitStack() as held:
        if not port:
            with contextlib.suppress(OSError):
                family, kind, protocol, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
                holder = held.enter_context(socket.socket(family, kind, protocol))
                holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                holder.bind(address)
                port = holder.getsockname()[1]
                if sys.platform != "linux":
                    holder.close()
        yield port

"""The sockets under a session's requests: to end those of other threads, and to see one while its request is sent."""

from __future__ import annotations

import contextlib
import socket
import threading
import weakref
from typing import TYPE_CHECKING, Any, cast

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import ProxyManager

from migrate.machine.patience import REGISTRY_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests.adapters import HTTPAdapter


class Sockets:
    """Those of the adapters that are watched. Threads may share it."""

    def __init__(self) -> None:
        self._connections: weakref.WeakSet[HTTPConnection] = weakref.WeakSet()
        self._turn = threading.Lock()
        self._local = threading.local()
        noticed = self._noticed

        class Plain(HTTPConnection):
            def endheaders(self, *positional: Any, **more: Any) -> None:
                super().endheaders(*positional, **more)
                noticed(self)

        class Encrypted(HTTPSConnection):
            def endheaders(self, *positional: Any, **more: Any) -> None:
                super().endheaders(*positional, **more)
                noticed(self)

        self._pools = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": Plain}),
            "https": type("EncryptedPool", (HTTPSConnectionPool,), {"ConnectionCls": Encrypted}),
        }

    def watch(self, adapter: HTTPAdapter) -> None:
        """See every connection that an adapter makes from now on, with and without a proxy."""
        adapter.poolmanager.pool_classes_by_scheme = cast("Any", self._pools)
        through = adapter.proxy_manager_for

        def watched(*positional: Any, **more: Any) -> Any:
            manager = through(*positional, **more)
            if type(manager) is ProxyManager:  # one for SOCKS has connections of its own
                manager.pool_classes_by_scheme = cast("Any", self._pools)
            return manager

        adapter.proxy_manager_for = watched  # type: ignore[method-assign]

    def shut(self) -> None:
        """Shut every connection that is open, idle ones too."""
        with self._turn:
            connections = list(self._connections)
        for connection in connections:
            if (found := connection.sock) is not None:
                with contextlib.suppress(OSError):
                    found.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def seen(self) -> Iterator[list[socket.socket]]:
        """Inside, the list holds the socket of this thread's request once its head is sent."""
        self._local.seen = seen = list[socket.socket]()
        try:
            yield seen
        finally:
            del self._local.seen

    def _noticed(self, connection: HTTPConnection) -> None:
        with self._turn:
            self._connections.add(connection)
        if (found := connection.sock) is not None:
            # urllib3 gives the sending as long as the connecting, and a registry that stores a layer may take longer.
            found.settimeout(REGISTRY_TIMEOUT[1])
            seen = getattr(self._local, "seen", None)
            if seen is not None:
                seen.append(found)

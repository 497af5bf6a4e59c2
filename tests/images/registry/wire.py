"""A line to a server that is cut at the bytes that a test names: it passes everything on, and counts."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

_AT_ONCE = 1 << 16
_RESET = struct.pack("ii", 1, 0)


class Wire:
    """What goes from clients to a server.

    ``cuts`` are counts of bytes, over all connections together: the connection that carries such a byte is reset just
    before it. ``back`` are the same of what comes back. ``each`` is how many bytes any one connection carries to the
    server before it is reset.
    """

    def __init__(self, target: str, *, cuts: list[int], back: list[int], each: int | None, both: bool) -> None:
        self.target = target
        self.cuts = sorted(cuts)
        self.back = sorted(back)
        self.received = 0
        self.each = each
        self.both = both
        self.sent = 0
        self.made = 0  # cuts
        self.heard: Callable[[], None] = lambda: None
        self._turn = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._reset(list(self._open))
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        host, _, port = self.target.rpartition(":")
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            try:
                server = socket.create_connection((host, int(port)))
            except OSError:
                client.close()
                continue
            ends = [client, server]
            for end in ends:  # what a reset finds in here is lost, and counted as passed on
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _AT_ONCE)
            with self._turn:
                self._open.update(ends)
            for task in (threading.Thread(target=self._up, args=ends), threading.Thread(target=self._down, args=ends)):
                self._threads.append(task)
                task.start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        carried = 0
        with contextlib.suppress(OSError):
            while data := client.recv(_AT_ONCE):
                with self._turn:
                    here = self._room(len(data), carried)
                    self.sent += here
                carried += here
                server.sendall(data[:here])
                self.heard()
                if here < len(data):
                    self.made += 1
                    self._reset(list(self._open) if self.both else [client, server])
                    return
        self._reset([client, server])

    def _room(self, size: int, carried: int) -> int:
        """How many of the next bytes pass."""
        if self.cuts and self.sent + size > self.cuts[0]:
            return self.cuts.pop(0) - self.sent
        if self.each is not None and carried + size > self.each:
            return self.each - carried
        return size

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(_AT_ONCE):
                with self._turn:
                    cut = bool(self.back) and self.received + len(data) > self.back[0]
                    here = self.back.pop(0) - self.received if cut else len(data)
                    self.received += here
                client.sendall(data[:here])
                if cut:
                    self.made += 1
                    break
        self._reset([client, server])

    def _reset(self, ends: list[socket.socket]) -> None:
        for end in ends:
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                end.shutdown(socket.SHUT_RDWR)
            end.close()
            self._open.discard(end)


@contextlib.contextmanager
def wire(
    target: str,
    *,
    cuts: list[int] | None = None,
    back: list[int] | None = None,
    each: int | None = None,
    both: bool = False,
) -> Iterator[Wire]:
    """The line; with ``both``, a cut resets every connection that is open."""
    line = Wire(target, cuts=cuts or [], back=back or [], each=each, both=both)
    try:
        yield line
    finally:
        line.close()

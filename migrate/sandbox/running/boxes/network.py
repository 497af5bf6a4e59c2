"""Connections into the network of a box, in which nothing but loopback is up and to which no way leads.

A socket belongs to the network that it was made in, whoever uses it then. So a helper enters the box's network, makes
sockets there and hands them over; it knows nothing of what goes through them. unix(7) "SCM_RIGHTS",
network_namespaces(7).
"""

import contextlib
import http.client
import socket
import subprocess
import sys
import threading
from typing import Final

_HELPER: Final = """
import socket, sys
asked = socket.socket(fileno=int(sys.argv[1]))
while asked.recv(1):
    with socket.socket() as made:
        socket.send_fds(asked, [b"."], [made.fileno()])
"""
_HELPER_SECONDS: Final = 60.0  # a Python that starts on a busy machine
_END_SECONDS: Final = 10.0


class Network:
    """The network that a process is in, as a place to connect to.

    Args:
        process: A process in it, whose name spaces this user may enter.
    """

    def __init__(self, process: int) -> None:
        self._turn = threading.Lock()
        self._asking, asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._asking.settimeout(_HELPER_SECONDS)
        spaces = [f"--{name}=/proc/{process}/ns/{name}" for name in ("user", "net")]
        with asked:
            self._helper = subprocess.Popen(
                [
                    *("nsenter", "--preserve-credentials", *spaces, "--"),
                    *(sys.executable, "-I", "-S", "-c", _HELPER, str(asked.fileno())),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[asked.fileno()],
                process_group=0,
            )

    def connection(self, port: int, timeout: float) -> http.client.HTTPConnection:
        """A connection to a port on loopback there, made at the first request; seconds without a byte."""
        return _Inside(self, port, timeout)

    def socket(self) -> socket.socket:
        """A socket of that network, not connected.

        Raises:
            OSError: The network is gone.
        """
        with self._turn:
            self._asking.send(b".")
            data, descriptors, _, _ = socket.recv_fds(self._asking, 1, 1)
        if not data or not descriptors:
            raise ConnectionRefusedError
        return socket.socket(fileno=descriptors[0])

    def close(self) -> None:
        """End the helper; connections that were made stay."""
        with self._turn:
            self._asking.close()
        try:
            self._helper.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._helper.kill()
            self._helper.wait()


class _Inside(http.client.HTTPConnection):
    """HTTP over a socket of another network."""

    def __init__(self, network: Network, port: int, timeout: float) -> None:
        super().__init__("127.0.0.1", port, timeout=timeout)
        self._network = network

    def connect(self) -> None:
        made = self._network.socket()
        with contextlib.ExitStack() as stack:
            stack.callback(made.close)
            made.settimeout(self.timeout)
            made.connect((self.host, self.port))
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stack.pop_all()
        self.sock = made

"""Who is alive, and a port for a process that opens it itself."""

import os
import socket
import subprocess
import sys

import pytest

from migrate.machine.processes import alive, port_to_open

SERVER = "import sys, http.server as h; h.HTTPServer((sys.argv[1], int(sys.argv[2])), h.BaseHTTPRequestHandler)"


def gone() -> int:
    """The id of a process that has ended."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_who_is_alive() -> None:
    assert alive(os.getpid())
    assert alive(1)
    assert not alive(gone())


def test_a_port_that_was_named_is_that_port() -> None:
    with port_to_open("127.0.0.1", 8080) as port:
        assert port == 8080


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere such a port cannot be held")
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_free_one_is_for_who_asks_for_it_and_for_nobody_else(host: str) -> None:
    with port_to_open(host, 0) as port:
        with port_to_open(host, 0) as other:
            assert other != port > 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        with socket.socket() as by_chance, pytest.raises(OSError, match="in use"):
            by_chance.bind((host, port))
        subprocess.run([sys.executable, "-c", SERVER, host, str(port)], check=True)


def test_an_address_that_is_not_here() -> None:
    for host in ("192.0.2.1", "no.such.host.invalid"):
        with port_to_open(host, 0) as port:
            assert port == 0

"""A port that is kept for a process which opens it itself."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from migrate.sandbox.base.ports import KeptPort, listen, port_of


def test_it_stays_the_same_and_another_one_is_taken_where_somebody_listens(tmp_path: Path) -> None:
    first = KeptPort(tmp_path / "port").number
    assert KeptPort(tmp_path / "port").number == first
    with listen(first):
        other = KeptPort(tmp_path / "port").number
    assert other != first
    (tmp_path / "port").write_text("no number", encoding="ascii")
    assert KeptPort(tmp_path / "port").number > 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere such a port cannot be held")
def test_nobody_else_is_given_it_callers_are_refused_and_who_asks_for_it_may_listen(tmp_path: Path) -> None:
    kept = KeptPort(tmp_path / "port")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", kept.number))
    with socket.socket() as by_chance, pytest.raises(OSError, match="in use"):
        by_chance.bind(("127.0.0.1", kept.number))
    others = [listen() for _ in range(200)]
    assert kept.number not in [port_of(other) for other in others]
    for other in others:
        other.close()
    program = "import sys, http.server as h; h.HTTPServer(('127.0.0.1', int(sys.argv[1])), h.BaseHTTPRequestHandler)"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", program, str(kept.number)], check=True)
    number = kept.number
    del kept
    with socket.socket() as anybody:
        anybody.bind(("127.0.0.1", number))

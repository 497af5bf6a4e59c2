import os
import subprocess
import sys

from migrate.machine.processes import alive


def gone() -> int:
    """The id of a process that has ended."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_who_is_alive() -> None:
    assert alive(os.getpid())
    assert alive(1)
    assert not alive(gone())

"""What the watcher counts as a box's own, with programs that are in none."""

import os
import signal
import subprocess

import pytest

from migrate.boxes.watcher import Watcher

pytestmark = pytest.mark.programs


def test_what_a_program_started_before_it_was_known_counts() -> None:
    known: list[int] = []
    watcher = Watcher(lambda: known, lambda: None, over=lambda: False, memory=None, tasks=None)
    with subprocess.Popen(["/bin/sh", "-c", "sleep 600 & echo $!; wait"], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        child = int(program.stdout.readline())
        try:
            assert watcher.look().tasks == 0, "it is another's"
            known.append(program.pid)
            assert watcher.look().tasks == 2
        finally:
            os.kill(child, signal.SIGKILL)
            program.kill()
            watcher.close()

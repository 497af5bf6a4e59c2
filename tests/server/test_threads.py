"""Threads that let others go first, and the search for garbage that waits until models are loaded."""

import gc
import os
import subprocess
import sys

import pytest

from migrate.server.threads import search_for_garbage

SCRIPT = (
    "import os; from migrate.server.threads import yield_to_others as y; y(); print(os.getpriority(os.PRIO_PROCESS, 0))"
)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a niceness of their own on Linux alone")
@pytest.mark.parametrize("niceness", [0, 12])
def test_a_thread_is_never_less_nice_than_its_process(niceness: int) -> None:
    started = os.getpriority(os.PRIO_PROCESS, 0)
    command = ["nice", "-n", str(niceness), sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) == max(5, min(19, started + niceness))


def test_what_was_there_before_the_search_for_garbage_is_left_out_of_it() -> None:
    gc.disable()
    try:
        search_for_garbage()
        assert gc.isenabled()
        assert gc.get_freeze_count()
        gc.unfreeze()
        search_for_garbage()
        assert not gc.get_freeze_count(), "it goes on already"
    finally:
        gc.unfreeze()
        gc.enable()

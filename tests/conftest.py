"""What holds for all tests, wherever they are started."""

import gc
import signal

import pytest
from hypothesis import settings

# A job in the background of a shell has Ctrl-C ignored, and so has every command that it starts; the tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says nothing of the code on a machine that does other things too.
settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")


@pytest.fixture
def no_garbage() -> None:
    """For a test that runs into the limit of recursion, where a finalizer that the collector calls would fail too."""
    gc.collect()

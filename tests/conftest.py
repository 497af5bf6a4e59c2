"""What holds for all tests, wherever they are started."""

import gc
import signal

import pytest
from hypothesis import settings

# A job in the background of a shell has Ctrl-C ignored, and so has every command that it starts; the tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_DEEP = 2000  # characters of a text that is nested to the limit

# How long an example takes says nothing of the code on a machine that does other things too.
settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")


@pytest.fixture
def no_garbage(request: pytest.FixtureRequest) -> None:
    """For tests that run into the limit of recursion, where a finalizer that the collector calls would fail too."""
    if any(len(value) >= _DEEP for value in request.node.callspec.params.values() if isinstance(value, (str, bytes))):
        gc.collect()

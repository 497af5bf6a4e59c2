"""What holds for all tests, wherever they are started."""

import gc
import signal
from collections import Counter

import pytest
from hypothesis import settings

from migrate.core import secret

# A job in the background of a shell has Ctrl-C ignored, and so has every command that it starts; the tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_DEEP = 2000  # characters of a text that is nested to the limit

# How long an example takes says nothing of the code on a machine that does other things too.
settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")


@pytest.hookimpl(trylast=True)  # when those that are left out are
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that wait for containers come first, the longest of them in front: the others fill the waits.

    Each file is the work of one process; one that began last would be all that runs at the end.
    """
    waits = {mark: weight for weight, mark in ((30, "e2e"), (3, "engine"), (1, "programs"))}
    weights = Counter[str]()
    for item in items:
        weights[item.location[0]] += max((waits.get(mark.name, 0) for mark in item.iter_markers()), default=0)
    items.sort(key=lambda item: -weights[item.location[0]])


@pytest.fixture(autouse=True)
def secrets_of_one_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """The words that a test uses as secrets are masked in no other test of its process."""
    monkeypatch.setattr(secret, "_known", set(secret._known))


@pytest.fixture
def no_garbage(request: pytest.FixtureRequest) -> None:
    """For tests that run into the limit of recursion, where a finalizer that the collector calls would fail too."""
    if any(len(value) >= _DEEP for value in request.node.callspec.params.values() if isinstance(value, (str, bytes))):
        gc.collect()

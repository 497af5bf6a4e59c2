from collections.abc import Iterator

import pytest

from tests.oracles.java_time import JavaTime


@pytest.fixture(scope="session")
def java() -> Iterator[JavaTime]:
    """One Java machine for all tests of a process."""
    machine = JavaTime()
    yield machine
    machine.close()

"""Containers that several processes of this tool want to be rid of at once."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import docker
import pytest

from migrate.images.base.image import ensure_base
from migrate.images.engine.connection import Engine
from migrate.images.engine.containers import remove

pytestmark = pytest.mark.engine


@pytest.fixture
def running(engine: Engine) -> Iterator[str]:
    base = ensure_base(engine, None, lambda _text: None)
    made = engine.client.containers.run(base.reference, ["sleep", "600"], detach=True)
    yield str(made.id)
    with contextlib.suppress(docker.errors.NotFound):
        made.remove(force=True)


def test_one_that_is_removed_by_many_at_once_fails_nobody(engine: Engine, running: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(remove, engine, running) for _ in range(8)]:
            done.result()
    remove(engine, running)
    with pytest.raises(docker.errors.NotFound):
        engine.client.api.inspect_container(running)

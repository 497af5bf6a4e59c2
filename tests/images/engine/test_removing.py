"""Containers and images that several processes of this tool make, or want to be rid of, at once."""

import contextlib
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import docker
import pytest

from migrate.images.base.image import ensure_base
from migrate.images.engine.build import build_image, remove_image
from migrate.images.engine.connection import Engine
from migrate.images.engine.containers import remove
from migrate.images.engine.tarstream import content

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


@pytest.mark.slow
def test_images_that_are_built_and_removed_at_once_fail_nobody(engine: Engine) -> None:
    base = ensure_base(engine, None, lambda _text: None)

    def build_and_remove(program: int) -> None:
        for turn in range(20):
            tag = f"migrate-test-{uuid.uuid4().hex[:12]}:{program}"
            steps = ["LABEL a=1", "COPY same /a", f"LABEL b={turn % 2}", "COPY same /b", "ENV C=1", "USER 1000"]
            file = "\n".join([f"FROM {base.reference}", *steps])
            entries = [
                content("Dockerfile", file.encode()),
                content("same", b"the same bytes for all"),
            ]
            image = build_image(engine, entries, tag=tag, progress=lambda *_: None, arguments={}, cache=True)
            assert image.reference == tag
            remove_image(engine, tag)
            assert engine.image(tag) is None

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(build_and_remove, range(5)))

"""The images that an undo takes from the engine: what keeps one is told, and one that is gone is no failure."""

import os
import uuid

import pytest

from migrate.core.errors import ExitCode, LocalError
from migrate.images.base.image import ensure_base
from migrate.images.engine.build import build_image
from migrate.images.engine.connection import connect
from migrate.images.engine.tarstream import content
from migrate.migration.undo.undo import remove_images

pytestmark = pytest.mark.engine


def test_an_image_that_a_container_uses_stays_and_the_next_undo_takes_it() -> None:
    engine = connect(os.environ)
    base = ensure_base(engine, None, lambda _text: None)
    tag = f"migrate-test-{uuid.uuid4().hex[:12]}:1"
    file = f"FROM {base.reference}\nLABEL {tag.partition(':')[0]}=1\n"
    build_image(
        engine, [content("Dockerfile", file.encode())], tag=tag, progress=lambda *_: None, arguments={}, cache=True
    )
    made = engine.client.api.create_container(tag, ["true"])
    take_away = remove_images(os.environ)
    with pytest.raises(LocalError) as kept:
        take_away(tag)
    assert kept.value.exit_code == ExitCode.LOCAL
    assert "container" in kept.value.what
    engine.client.api.remove_container(made["Id"])
    assert take_away(tag) == ""
    assert engine.image(tag) is None
    assert take_away(tag) == "", "one that is not there is gone"
    engine.close()

"""Images of Podman: their names, and how they get there."""

from pathlib import Path

import pytest

from migrate.images.base import bootstrap
from migrate.images.base.debian import RECIPE
from migrate.images.base.image import locate_base
from migrate.images.engine.connection import Engine

pytestmark = [pytest.mark.engine, pytest.mark.slow]


def test_a_bootstrapped_base_is_found_again_by_its_name(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "usr").mkdir()
    (tmp_path / "usr/file").write_text("content")
    reference = bootstrap._import(engine, tmp_path, f"release-python-{RECIPE}")
    assert engine.image(reference) is not None
    assert bootstrap.existing(engine) == reference
    # And so a second command has nothing to bootstrap.
    said: list[str] = []
    assert locate_base(engine, None, said.append).reference == reference
    assert said == []

"""Which base image is taken."""

from pathlib import Path

import pytest

from migrate.core.errors import LocalError, UsageError
from migrate.images.base import archive
from migrate.images.base.choice import choose_base
from migrate.images.base.debian import RECIPE
from migrate.images.base.image import PUBLIC_BASE
from migrate.images.base.stored import Blobs, at_path
from tests.images.base.layouts import Layout, debian, packed
from tests.images.conftest import silent


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setattr(archive, "SHARED", tmp_path / "shared")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    monkeypatch.setenv("PATH", str(tmp_path))  # nothing can be made here
    made = Layout(tmp_path / "layout")
    made.add(made.image(packed(*debian())))
    return made


def nowhere(reference: str) -> Blobs:
    raise LocalError(f"No registry has {reference}.", code="pull-failed")


def test_a_layout_that_is_named(layout: Layout) -> None:
    name, image = choose_base(f"oci:{layout.path}", nowhere, silent)
    assert name == f"oci:{layout.path}"
    assert len(image.layers) == 1


def test_an_image_of_a_registry_that_is_named(layout: Layout) -> None:
    asked: list[str] = []

    def registry(reference: str) -> Blobs:
        asked.append(reference)
        return at_path(layout.path)

    name, image = choose_base("registry.example.com/python:3.11", registry, silent)
    assert asked == [name] == ["registry.example.com/python:3.11"]
    assert len(image.layers) == 1
    with pytest.raises(UsageError):
        choose_base("Not A Reference", registry, silent)


def test_the_tools_own_choice(layout: Layout, tmp_path: Path) -> None:
    assert choose_base(None, lambda _: at_path(layout.path), silent)[0] == PUBLIC_BASE
    said: list[str] = []
    with pytest.raises(LocalError) as error:
        choose_base(None, nowhere, said.append)
    assert error.value.code == "base-unusable"
    assert "oci:PATH" in error.value.next_step
    assert PUBLIC_BASE in said[0]
    (tmp_path / "shared").mkdir()
    path = layout.archive(tmp_path / f"shared/bookworm-py311-{RECIPE}.oci.tar")
    assert choose_base(None, nowhere, silent)[0] == f"oci:{path}"

"""The base image of a real registry, without an engine."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.core.errors import LocalError, UsageError
from migrate.images.base.layered import look_into
from migrate.images.base.stored import at_path, read_image
from migrate.images.engine.references import split_reference
from migrate.images.oci.blobs import CONFIGURATION
from migrate.images.oci.store import BlobStore
from migrate.images.registry.client import RegistryClient
from migrate.images.registry.image import push_image
from migrate.images.runtime.registry_base import InRegistry, kept
from tests.images.base.layouts import MANIFEST, Layout, Made, debian, digest_of, packed
from tests.images.registry.real import Real, blob_of, content, docker_registry
from tests.images.registry.wire import wire


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    made = Layout(tmp_path_factory.mktemp("base") / "layout")
    made.add(made.image(packed(*debian(), Made("usr/large", content(4_000_000)))))
    return made


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, layout: Layout) -> Iterator[Real]:
    """A registry that has the image of the layout as ``team/base:1``."""
    (named,) = layout.manifests
    found = at_path(layout.path)
    image = read_image(found)
    manifest = (layout.path / "blobs/sha256" / named["digest"].removeprefix("sha256:")).read_bytes()
    layers = [
        blob_of((layout.path / "blobs/sha256" / layer.descriptor.digest.removeprefix("sha256:")).read_bytes())
        for layer in image.layers
    ]
    with docker_registry(tmp_path_factory.mktemp("registry")) as running:
        push_image(
            RegistryClient(running.address, "team/base", None, pushing=True),
            manifest=manifest,
            media_type=MANIFEST,
            blobs=[blob_of(image.configuration, CONFIGURATION), *layers],
            tag="1",
            progress=lambda *_: None,
        )
        yield running


def test_it_is_the_image_that_was_pushed_and_its_layers_come_once(
    registry: Real, layout: Layout, tmp_path: Path
) -> None:
    name = f"{registry.address}/team/base:1"
    image = kept(read_image(InRegistry(name, {})), BlobStore(tmp_path))
    assert image.configuration == read_image(at_path(layout.path)).configuration
    before = len(registry.answered("GET", "/blobs/"))
    assert look_into(image, name).python == "3.11"
    assert look_into(image, name).libc == "glibc 2.36"
    assert len(registry.answered("GET", "/blobs/")) - before == len(image.layers) == 1


def test_by_its_digest_and_after_cuts(registry: Real, layout: Layout) -> None:
    (named,) = layout.manifests
    with wire(registry.address, back=[1_500_000, 3_000_000]) as line:
        image = read_image(InRegistry(f"{line.address}/team/base@{named['digest']}", {}))
        (layer,) = image.layers
        with contextlib.closing(image.open(layer.descriptor, 0)) as stream:
            data = b"".join(iter(lambda: stream.read(1 << 16), b""))
        assert line.made == 2
    assert digest_of(data) == layer.descriptor.digest


def test_what_the_registry_does_not_have_is_told(registry: Real) -> None:
    with pytest.raises(LocalError) as error:
        read_image(InRegistry(f"{registry.address}/team/none:1", {}))
    assert error.value.code == "base-unusable"
    assert f"{registry.address}/team/none:1" in error.value.what
    assert "--base-image" in error.value.next_step


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("python", ("docker.io", "library/python", "latest")),
        ("python:3.11-slim", ("docker.io", "library/python", "3.11-slim")),
        ("team/python:1", ("docker.io", "team/python", "1")),
        ("docker.io/python:1", ("docker.io", "library/python", "1")),
        ("localhost/python:1", ("localhost", "python", "1")),
        ("localhost:5000/a/b", ("localhost:5000", "a/b", "latest")),
        ("registry.example.com/a/b:1", ("registry.example.com", "a/b", "1")),
        (f"r.example/a:1@sha256:{'0' * 64}", ("r.example", "a", f"sha256:{'0' * 64}")),
    ],
)
def test_the_parts_of_a_reference(reference: str, parts: tuple[str, str, str]) -> None:
    assert split_reference(reference) == parts


def test_what_is_no_reference_has_no_parts() -> None:
    with pytest.raises(UsageError):
        split_reference("Not A Reference")

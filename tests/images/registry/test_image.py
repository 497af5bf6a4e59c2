"""Images reach a real registry without an engine, and are read back."""

from collections.abc import Iterator

import pytest

from migrate.images.registry.client import RegistryClient, digest_of
from migrate.images.registry.image import push_image
from tests.images.registry.real import (
    LAYER,
    OCI_MANIFEST,
    Real,
    blob_of,
    content,
    docker_registry,
    image_of,
    read_back,
)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


def pushing(registry: Real, repository: str = "team/model") -> RegistryClient:
    return RegistryClient(registry.address, repository, None, pushing=True)


def test_an_image_arrives_and_is_read_back(registry: Real) -> None:
    layer = blob_of(content(3_000_000))
    manifest, blobs = image_of(layer)
    moved: list[tuple[int, int | None]] = []
    client = pushing(registry)
    pushed = push_image(
        client,
        manifest=manifest,
        media_type=OCI_MANIFEST,
        blobs=blobs,
        tag="1",
        progress=lambda *now: moved.append(now),
    )
    assert pushed.digest == digest_of(manifest)
    assert pushed.reference == f"{registry.address}/team/model:1"
    assert pushed.size == 3_000_000
    total = sum(blob.descriptor.size for blob in blobs)
    assert moved[-1] == (total, total)
    assert moved == sorted(moved)
    found = client.image("1")
    assert found is not None
    assert found.manifest == pushed.digest
    assert read_back(client, layer.descriptor.digest) == content(3_000_000)
    assert layer.descriptor.media_type == LAYER

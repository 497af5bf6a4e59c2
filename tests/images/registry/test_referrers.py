"""Documents beside an image: where a registry lists them by itself, and where clients keep the list."""

import threading
from collections.abc import Iterator

import msgspec
import pytest

from migrate.core.errors import LocalError
from migrate.core.values import Descriptor
from migrate.images.registry.client import RegistryClient, digest_of
from migrate.images.registry.image import push_image, put_manifest
from migrate.images.registry.referrers import INDEX, MANIFEST, attach, referrers
from tests.images.conftest import silent
from tests.images.registry.real import OCI_MANIFEST, Real, blob_of, content, docker_registry, image_of, read_back
from tests.images.registry.refusing import registry_that_refuses

SBOM = "application/vnd.cyclonedx+json"
ATTESTATION = "application/vnd.in-toto+json"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """Debian's: it has no list of its own."""
    with docker_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


def image(client: RegistryClient, seed: int) -> Descriptor:
    manifest, blobs = image_of(blob_of(content(1000, seed)))
    push_image(client, manifest=manifest, media_type=OCI_MANIFEST, blobs=blobs, tag=f"n{seed}", progress=silent)
    return Descriptor(media_type=OCI_MANIFEST, digest=digest_of(manifest), size=len(manifest))


def test_documents_are_found_by_the_images_digest(registry: Real) -> None:
    client = RegistryClient(registry.address, "team/model", None, pushing=True)
    subject = image(client, 1)
    assert referrers(client, subject.digest) == []
    first = attach(client, subject, SBOM, SBOM, b'{"bomFormat": "CycloneDX"}', {"who": "this test"})
    second = attach(client, subject, ATTESTATION, ATTESTATION, b'{"_type": "x"}', {})
    again = attach(client, subject, SBOM, SBOM, b'{"bomFormat": "CycloneDX"}', {"who": "this test"})
    assert again == first
    found = referrers(client, subject.digest)
    assert [(entry["digest"], entry["artifactType"]) for entry in found] == [
        (first.digest, SBOM),
        (second.digest, ATTESTATION),
    ]
    assert found[0]["annotations"] == {"who": "this test"}
    assert "annotations" not in found[1]
    kept = client.manifest(subject.digest.replace(":", "-"))
    assert kept is not None
    assert msgspec.json.decode(kept)["mediaType"] == INDEX
    manifest = msgspec.json.decode(client.manifest(first.digest) or b"")
    assert manifest["subject"] == {"mediaType": OCI_MANIFEST, "digest": subject.digest, "size": subject.size}
    assert manifest["artifactType"] == SBOM
    assert read_back(client, manifest["layers"][0]["digest"]) == b'{"bomFormat": "CycloneDX"}'
    assert read_back(client, manifest["config"]["digest"]) == b"{}"


def test_what_others_keep_in_the_list_stays(registry: Real) -> None:
    client = RegistryClient(registry.address, "team/others", None, pushing=True)
    subject = image(client, 2)
    theirs = {"mediaType": MANIFEST, "digest": subject.digest, "size": subject.size, "artifactType": "theirs"}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [theirs], "annotations": {"kept": "too"}}
    put_manifest(client, msgspec.json.encode(index), INDEX, subject.digest.replace(":", "-"))
    attach(client, subject, SBOM, SBOM, b"{}", {})
    assert [entry["artifactType"] for entry in referrers(client, subject.digest)] == ["theirs", SBOM]
    kept = msgspec.json.decode(client.manifest(subject.digest.replace(":", "-")) or b"")
    assert kept["annotations"] == {"kept": "too"}


def test_several_attach_at_the_same_time(registry: Real) -> None:
    client = RegistryClient(registry.address, "team/several", None, pushing=True)
    subject = image(client, 3)
    made: list[Descriptor] = []
    threads = [
        threading.Thread(
            target=lambda number=number: made.append(
                attach(client, subject, SBOM, SBOM, f'{{"number": {number}}}'.encode(), {})
            )
        )
        for number in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {entry["digest"] for entry in referrers(client, subject.digest)} == {each.digest for each in made}
    assert len(made) == 2


def test_another_thing_under_the_lists_tag_is_no_list(registry: Real) -> None:
    client = RegistryClient(registry.address, "team/taken", None, pushing=True)
    subject = image(client, 4)
    manifest, _ = image_of(blob_of(content(1000, 4)))
    put_manifest(client, manifest, OCI_MANIFEST, subject.digest.replace(":", "-"))
    with pytest.raises(LocalError) as error:
        attach(client, subject, SBOM, SBOM, b"{}", {})
    assert error.value.code == "registry-failed"


def test_a_registry_that_lists_them_by_itself() -> None:
    with registry_that_refuses() as registry:
        registry.lists = True
        client = RegistryClient(registry.address, "team/model", None, pushing=True)
        subject = image(client, 5)
        made = attach(client, subject, SBOM, SBOM, b"{}", {"a": "b"})
        assert [entry["digest"] for entry in referrers(client, subject.digest)] == [made.digest]
        assert not any("sha256-" in line for line in registry.asked), "no list is kept beside"

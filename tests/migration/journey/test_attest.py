"""What an image is made of, kept beside it in a real registry."""

from pathlib import Path

from migrate.core.events import Event, Notice
from migrate.core.values import Documents, PushedImage
from migrate.images.registry.client import RegistryClient
from migrate.images.registry.image import push_image
from migrate.images.registry.referrers import referrers
from migrate.migration.journey.steps.attest import keep_beside
from migrate.migration.run.cloud_run import Run, Target
from migrate.ovhcloud.renewal import Keys
from migrate.ovhcloud.session import Cloud
from tests.images.conftest import silent
from tests.images.registry.real import OCI_MANIFEST, blob_of, content, docker_registry, image_of
from tests.migration.runs import run_of, unit


def documents_in(folder: Path) -> Documents:
    (folder / "sbom.cdx.json").write_text('{"bomFormat": "CycloneDX"}')
    (folder / "provenance.intoto.json").write_text('{"_type": "https://in-toto.io/Statement/v1"}')
    return Documents(
        sbom=str(folder / "sbom.cdx.json"), provenance=str(folder / "provenance.intoto.json"), subject="sha256:1"
    )


def goes_to(run: Run, address: str) -> None:
    def renew(old: None, error: Exception) -> None:
        raise error

    run.target.get(lambda: Target(address, "team", shared=False, keys=Keys(None, renew)))


def told(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Notice) and "SBOM" in event.text]


def test_both_documents_are_found_from_the_image(cloud: Cloud, tmp_path: Path) -> None:
    with docker_registry(tmp_path / "registry") as registry, run_of(cloud, tmp_path) as (run, events):
        client = RegistryClient(registry.address, "team/iris", None, pushing=True)
        manifest, blobs = image_of(blob_of(content(1000)))
        pushed = push_image(client, manifest=manifest, media_type=OCI_MANIFEST, blobs=blobs, tag="1", progress=silent)
        goes_to(run, registry.address)
        for _ in range(2):
            keep_beside(run, unit(), pushed, documents_in(tmp_path))
        found = referrers(client, pushed.digest)
        assert [entry["artifactType"] for entry in found] == [
            "application/vnd.cyclonedx+json",
            "application/vnd.in-toto+json",
        ]
        titles = [entry["annotations"]["org.opencontainers.image.title"] for entry in found]
        assert titles == ["sbom.cdx.json", "provenance.intoto.json"]
        assert client.digest("1") == pushed.digest
        assert told(events) == []


def test_a_registry_that_does_not_keep_them_is_told_and_no_failure(cloud: Cloud, tmp_path: Path) -> None:
    with docker_registry(tmp_path / "registry") as registry, run_of(cloud, tmp_path) as (run, events):
        goes_to(run, registry.address)
        gone = PushedImage(
            reference=f"{registry.address}/team/iris:1", digest=f"sha256:{'0' * 64}", registry=registry.address
        )
        keep_beside(run, unit(), gone, documents_in(tmp_path))
    (text,) = told(events)
    assert str(tmp_path) in text

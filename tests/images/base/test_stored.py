"""Base images from layouts: found, bounded, held against their digests."""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.core.errors import LocalError
from migrate.images.base.entries import members
from migrate.images.base.stored import at_path, read_image
from tests.images.base.layouts import AMD64, GZIP, INDEX, MANIFEST, Layout, Made, folder, packed

DATA = packed(folder("etc"), Made("etc/name", b"x" * 1000))
ARM = {"os": "linux", "architecture": "arm64"}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "layout")


def names(path: Path) -> list[str]:
    blobs = at_path(path)
    image = read_image(blobs)
    return ["/".join(member.parts) for layer in image.layers for member in members(image, layer, blobs.name)]


def refused(path: Path) -> str:
    with pytest.raises(LocalError) as error:
        names(path)
    assert error.value.code == "base-unusable"
    assert "--base-image" in error.value.next_step
    assert "\n" not in error.value.what
    return error.value.what


@pytest.mark.parametrize("media_type", [GZIP, "application/vnd.oci.image.layer.v1.tar"])
def test_a_folder_and_an_archive_hold_the_same(layout: Layout, tmp_path: Path, media_type: str) -> None:
    layout.add(layout.image(DATA, media_type=media_type))
    archive = layout.archive(tmp_path / "image.tar")
    assert names(layout.path) == names(archive) == ["etc", "etc/name"]
    image = read_image(at_path(archive))
    (layer,) = image.layers
    whole, part = image.open(layer.descriptor, 0), image.open(layer.descriptor, 10)
    assert whole.read(1 << 20)[10:] == part.read(1 << 20)
    whole.close()
    part.close()
    assert json.loads(image.configuration)["architecture"] == "amd64"


def test_the_image_for_linux_amd64_is_chosen(layout: Layout) -> None:
    unknown = {"os": "unknown", "architecture": "unknown"}
    inner = {"schemaVersion": 2, "manifests": [
        {**layout.image(packed(Made("arm")), platform=ARM), "platform": ARM},
        {**layout.document({"attestation": 1}, MANIFEST), "platform": unknown},
        {**layout.image(DATA), "platform": AMD64},
    ]}  # fmt: skip
    layout.add(layout.document(inner, INDEX))
    assert names(layout.path) == ["etc", "etc/name"]


def test_an_image_for_another_machine_is_named(layout: Layout) -> None:
    layout.add(layout.image(DATA, platform=ARM))
    assert "linux/arm64, not linux/amd64" in refused(layout.path)
    layout.manifests.clear()
    layout.add(layout.image(DATA, platform=ARM), ARM)
    assert "no image for linux/amd64" in refused(layout.path)


def test_several_images_are_not_guessed_among(layout: Layout) -> None:
    layout.add(layout.image(DATA))
    layout.add(layout.image(packed(Made("other"))))
    assert "2 images" in refused(layout.path)


def changed(layout: Layout, change: Callable[[dict[str, Any]], object]) -> None:
    """The image with a manifest in which something is changed."""
    descriptor = layout.image(DATA)
    path = layout.path / "blobs/sha256" / descriptor["digest"].removeprefix("sha256:")
    manifest = json.loads(path.read_text())
    change(manifest)
    layout.add(layout.document(manifest, MANIFEST))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda manifest: manifest["layers"][0].update(digest="sha256:../../etc/passwd"), "something else than a SHA"),
        (lambda manifest: manifest["layers"][0].update(digest="sha256:" + "0" * 64), "cannot be read"),
        (lambda manifest: manifest["layers"][0].update(size=7), "not the file that it should be"),
        (lambda manifest: manifest["layers"][0].update(size=1 << 60), "bytes"),
        (lambda manifest: manifest["layers"][0].update(size=True), "descriptor"),
        (lambda manifest: manifest["layers"][0].update(mediaType="application/x-iso"), "unknown kind"),
        (lambda manifest: manifest["layers"].append(manifest["layers"][0]), "other layers"),
        (lambda manifest: manifest.update(layers=1), "other layers"),
        (lambda manifest: manifest.update(config=[]), "descriptor"),
        (lambda manifest: manifest["config"].update(size=1 << 40), "bytes"),
    ],
)
def test_what_a_manifest_must_not_say(layout: Layout, change: Callable[[dict[str, Any]], object], why: str) -> None:
    changed(layout, change)
    assert why in refused(layout.path)


def test_blobs_are_held_against_their_digests(layout: Layout) -> None:
    descriptor = layout.image(DATA)
    layout.add(descriptor)
    for path in (layout.path / "blobs/sha256").iterdir():
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        assert "damaged" in refused(layout.path)
        path.write_bytes(data)
    assert names(layout.path)


def test_layers_are_held_against_the_configuration(layout: Layout) -> None:
    layout.add(layout.image(DATA, facts={"rootfs": {"diff_ids": ["sha256:" + "1" * 64]}}))
    assert "unpacks to something else" in refused(layout.path)


def test_what_is_no_layout_is_said(layout: Layout, tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path / "nowhere")
    (tmp_path / "text").write_text("text")
    assert "no tar archive" in refused(tmp_path / "text")
    with tarfile.open(tmp_path / "other.tar", "w"):
        pass
    assert "index.json is missing" in refused(tmp_path / "other.tar")
    (layout.path / "index.json").write_text("[" * 2000)
    assert "no JSON" in refused(layout.path)
    (layout.path / "index.json").unlink()
    (layout.path / "index.json").symlink_to("/etc/hostname")
    assert "cannot be read" in refused(layout.path)


def test_an_index_of_too_much_is_not_read(layout: Layout) -> None:
    (layout.path / "index.json").write_bytes(b" " * ((8 << 20) + 1))
    assert "8 MiB" in refused(layout.path)


@pytest.mark.parametrize("name", ["../out", "a/../../out", "etc/../../out"])
def test_a_name_that_leaves_the_root_is_refused(layout: Layout, name: str) -> None:
    layout.add(layout.image(packed(Made(name))))
    assert "has the name" in refused(layout.path)


def test_a_layer_that_is_cut_is_damaged(layout: Layout) -> None:
    layout.add(layout.image(DATA[:1300]))
    assert "damaged" in refused(layout.path)


def test_an_extended_header_does_not_fill_the_memory(layout: Layout) -> None:
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 2 << 20
    data = info.tobuf(tarfile.USTAR_FORMAT) + bytes(2 << 20) + bytes(1024)
    layout.add(layout.image(data))
    assert "extended header" in refused(layout.path)

from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.images.engine import tarstream
from migrate.images.oci.blobs import BaseImage
from migrate.images.oci.compression import QUICK
from migrate.images.oci.image import OciImage, as_base, assemble, read_back
from migrate.images.oci.instructions import read_instructions
from migrate.images.oci.store import BlobStore

EMPTY = b'{"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}'
NOTHING = BaseImage(layers=(), open=BlobStore(Path("/nowhere")).open, configuration=EMPTY)


def image_in(blobs: BlobStore, *, keep: bool = True) -> OciImage:
    layer = blobs.layer("content", lambda: [tarstream.content("hello", b"hello")], QUICK, keep=keep)
    return assemble(blobs, NOTHING, read_instructions("FROM base\nCOPY layer/ /\nUSER 1:1\n"), lambda _: layer)


def test_an_image_is_read_back_by_its_manifest(tmp_path: Path) -> None:
    made = image_in(BlobStore(tmp_path))
    found = read_back(BlobStore(tmp_path), made.manifest.digest)
    assert found == made
    base = as_base(BlobStore(tmp_path), found)
    assert base.layers == made.layers
    assert b'"User":"1:1"' in base.configuration


@pytest.mark.parametrize("part", ["manifest", "configuration", "layer"])
@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"{}")], ids=["gone", "other"])
def test_an_image_without_a_part_is_none(tmp_path: Path, part: str, spoil: Callable[[Path], object]) -> None:
    blobs = BlobStore(tmp_path)
    made = image_in(blobs)
    parts = {"manifest": made.manifest, "configuration": made.configuration, "layer": made.layers[0].descriptor}
    spoil(blobs.path(parts[part]))
    assert read_back(BlobStore(tmp_path), made.manifest.digest) is None


def test_an_image_with_a_layer_that_is_not_kept_is_there_for_who_makes_it(tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path)
    made = image_in(blobs, keep=False)
    assert read_back(blobs, made.manifest.digest) == made
    assert read_back(BlobStore(tmp_path), made.manifest.digest) is None


def test_what_is_no_image_is_none(tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path)
    for text in (b"", b"[]", b"1", b'{"config": 1}', b'{"config": {"mediaType": "a"}, "layers": 1}', b"\xff"):
        assert read_back(blobs, blobs.put(text, "text").digest) is None

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.core.errors import LocalError, UsageError
from migrate.images.base.layout import read_layout
from migrate.images.engine import tarstream
from migrate.images.oci.archive import archive, write_layout
from migrate.images.oci.blobs import BaseImage
from migrate.images.oci.compression import SMALL
from migrate.images.oci.image import OciImage, assemble
from migrate.images.oci.store import BlobStore

PYTHON = "usr/local/bin/python3.11"


def image(store: BlobStore, *names: str, architecture: str = "amd64") -> OciImage:
    """An image of a layer for each of these files."""

    def files(name: str) -> Callable[[], Iterator[tarstream.Entry]]:
        return lambda: iter([tarstream.content(name, b"")])

    layers = tuple(store.layer(name, files(name), SMALL) for name in names)
    rootfs = {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}
    known: dict[str, Any] = {"architecture": architecture, "os": "linux", "rootfs": rootfs, "config": {"Env": ["A=b"]}}
    base = BaseImage(layers=layers, open=store.open, configuration=json.dumps(known).encode())
    return assemble(store, base, (), lambda _: layers[0])


def layout(tmp_path: Path, *names: str, architecture: str = "amd64") -> Path:
    store = BlobStore(tmp_path / "store")
    write_layout(store, image(store, *names, architecture=architecture), None, tmp_path / "layout")
    return tmp_path / "layout"


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_what_was_written_is_read(tmp_path: Path, kind: str) -> None:
    path = layout(tmp_path, PYTHON, "etc/os-release")
    store = BlobStore(tmp_path / "store")
    written = image(store, PYTHON, "etc/os-release")
    if kind == "archive":
        path = tmp_path / "base.tar"
        path.write_bytes(b"".join(archive(store, written, "base:1")))
    found = read_layout(path)
    assert (found.python, found.digest) == ("3.11", written.manifest.digest)
    assert found.image.layers == written.layers
    assert json.loads(found.image.configuration)["config"] == {"Env": ["A=b"]}
    for layer in written.layers:
        whole = store.path(layer.descriptor).read_bytes()
        for offset in (0, 5):
            opened = found.image.open(layer.descriptor, offset)
            assert b"".join(iter(lambda opened=opened: opened.read(7), b"")) == whole[offset:]  # type: ignore[misc]
            opened.close()
    other = BlobStore(tmp_path / "other")
    for layer in found.image.layers:
        other.take(layer.descriptor, found.image.open)


def test_of_several_platforms_ours_is_taken(tmp_path: Path) -> None:
    store, folder = BlobStore(tmp_path / "store"), tmp_path / "layout"
    named = []
    for architecture in ("arm64", "amd64"):
        made = image(store, PYTHON, architecture=architecture)
        write_layout(store, made, None, folder)
        named += json.loads(folder.joinpath("index.json").read_bytes())["manifests"]
    folder.joinpath("index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": named}))
    assert read_layout(folder).digest == made.manifest.digest


@pytest.mark.parametrize(
    ("names", "architecture", "why"),
    [
        (["etc/os-release"], "amd64", "no Python"),
        (["usr/bin/python3.9"], "amd64", "Python 3.9"),
        ([PYTHON], "arm64", "linux/arm64"),
    ],
)
def test_an_image_that_cannot_carry_a_runtime_is_refused(
    tmp_path: Path, names: list[str], architecture: str, why: str
) -> None:
    with pytest.raises(LocalError, match=why) as caught:
        read_layout(layout(tmp_path, *names, architecture=architecture))
    assert caught.value.code == "base-unusable"


def no_index(folder: Path) -> None:
    folder.joinpath("index.json").write_text('{"manifests": []}')


def no_json(folder: Path) -> None:
    folder.joinpath("index.json").write_text("not JSON")


def a_list(folder: Path) -> None:
    folder.joinpath("index.json").write_text('{"manifests": [[]]}')


def no_digest(folder: Path) -> None:
    folder.joinpath("index.json").write_text('{"manifests": [{"digest": "../../../etc/passwd"}]}')


def no_layer(folder: Path) -> None:
    largest = max(folder.joinpath("blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    largest.write_bytes(b"")


def packed(folder: Path) -> None:
    """Layers of a kind that old engines do not read."""
    index = json.loads(folder.joinpath("index.json").read_bytes())
    place = folder / "blobs" / index["manifests"][0]["digest"].replace(":", "/")
    place.write_text(place.read_text().replace("tar+gzip", "tar+zstd"))


@pytest.mark.parametrize("spoil", [no_index, no_json, a_list, no_digest, no_layer, packed])
def test_a_damaged_layout_is_told_in_one_sentence(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    folder = layout(tmp_path, PYTHON)
    spoil(folder)
    with pytest.raises(LocalError) as caught:
        read_layout(folder)
    assert caught.value.code == "base-unusable"


def test_what_is_no_layout_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        read_layout(tmp_path / "nowhere")
    other = tmp_path / "other.tar"
    with tarfile.open(other, "w") as out:
        out.addfile(tarfile.TarInfo("x"), io.BytesIO())
    other.with_name("text").write_text("no archive")
    for path in (other, other.with_name("text"), tmp_path):
        with pytest.raises(LocalError):
            read_layout(path)

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.core.errors import LocalError, UsageError
from migrate.images.engine import tarstream
from migrate.images.oci.archive import archive, write_layout
from migrate.images.oci.blobs import BaseImage, LayerBlob
from migrate.images.oci.compression import SMALL
from migrate.images.oci.image import OciImage, assemble
from migrate.images.oci.instructions import read_instructions
from migrate.images.oci.store import BlobStore

DOCKERFILE = (
    'FROM base\nCOPY layer-server/ /\nENV HOME=/w\nUSER 42420:42420\nENTRYPOINT ["/w/run"]\nLABEL kind="test"\n'
)


def files() -> Iterator[tarstream.Entry]:
    yield tarstream.folder("w", 0o1777)
    yield tarstream.content("w/hello", b"hello")


def base(*layers: LayerBlob, store: BlobStore | None = None) -> BaseImage:
    diff_ids = [layer.diff_id for layer in layers]
    settings = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    return BaseImage(
        layers=layers,
        open=(store or BlobStore(Path("/nowhere"))).open,
        configuration=json.dumps(settings).encode(),
    )


def image(store: BlobStore, below: BaseImage | None = None) -> OciImage:
    steps = read_instructions(DOCKERFILE)
    return assemble(store, below or base(), steps, lambda folder: store.layer(folder, files, SMALL))


def test_the_archive_is_the_same_bytes_wherever_it_is_made(tmp_path: Path) -> None:
    one, two = BlobStore(tmp_path / "one"), BlobStore(tmp_path / "two")
    packed = b"".join(archive(one, image(one), "test/hello:1"))
    assert packed == b"".join(archive(two, image(two), "test/hello:1"))
    assert hashlib.sha256(packed).hexdigest() == "e3afec1c846dfd05a329062cc0835121419a3683e659b0c389774d065d02203a"


def test_old_and_new_readers_find_the_same_blobs(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    made = image(store)
    with tarfile.open(fileobj=io.BytesIO(b"".join(archive(store, made, "hello")))) as packed:
        content = {member.name: packed.extractfile(member) for member in packed if member.isreg()}
        read = {name: file.read() for name, file in content.items() if file is not None}
    for name, data in read.items():
        if name.startswith("blobs/"):
            assert name == f"blobs/sha256/{hashlib.sha256(data).hexdigest()}"
    (old,) = json.loads(read["manifest.json"])
    (entry,) = json.loads(read["index.json"])["manifests"]
    manifest = json.loads(read[f"blobs/{entry['digest'].replace(':', '/')}"])
    assert old["RepoTags"] == ["hello:latest"]
    assert entry["annotations"]["org.opencontainers.image.ref.name"] == "latest"
    assert old["Config"] == f"blobs/{manifest['config']['digest'].replace(':', '/')}"
    assert old["Layers"] == [f"blobs/{layer['digest'].replace(':', '/')}" for layer in manifest["layers"]]
    assert manifest["config"]["digest"] == made.configuration.digest


def test_the_layers_of_the_base_come_first_and_are_called_by_oci_names(tmp_path: Path) -> None:
    elsewhere, store = BlobStore(tmp_path / "elsewhere"), BlobStore(tmp_path / "store")
    made = elsewhere.layer("base", lambda: iter([tarstream.content("etc/os-release", b"ID=test")]), SMALL)
    docker = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    named = LayerBlob(
        descriptor=type(made.descriptor)(media_type=docker, digest=made.descriptor.digest, size=made.descriptor.size),
        diff_id=made.diff_id,
    )
    found = image(store, base(named, store=elsewhere))
    assert [layer.descriptor.media_type for layer in found.layers] == [made.descriptor.media_type] * 2
    assert found.layers[0].diff_id == made.diff_id
    assert store.has(made.descriptor)


def test_a_name_that_is_none_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    with pytest.raises(UsageError):
        next(archive(store, image(store), "Not A Name"))


def test_a_blob_that_is_gone_is_told(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    made = image(store)
    store.path(made.layers[-1].descriptor).unlink()
    with pytest.raises(LocalError) as caught:
        list(archive(store, made, None))
    assert caught.value.code == "disk"


def test_a_layout_holds_the_files_of_the_archive(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "store")
    made = image(store)
    write_layout(store, made, "test/hello:1", tmp_path / "layout")
    with tarfile.open(fileobj=io.BytesIO(b"".join(archive(store, made, "test/hello:1")))) as packed:
        names = {member.name: packed.extractfile(member) for member in packed if member.isreg()}
        for name, file in names.items():
            assert file is not None
            assert (tmp_path / "layout" / name).read_bytes() == file.read()
    written = (path for path in (tmp_path / "layout").rglob("*") if path.is_file())
    assert {path.relative_to(tmp_path / "layout").as_posix() for path in written} == set(names)


def said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["oci-archive", "docker-archive"])
def test_skopeo_reads_what_was_written(tmp_path: Path, transport: str) -> None:
    if shutil.which("skopeo") is None:
        pytest.skip("Debian's skopeo is not installed")
    store = BlobStore(tmp_path / "store")
    made = image(store)
    file = tmp_path / "image.tar"
    with file.open("wb") as out:
        out.writelines(archive(store, made, "test/hello:1"))
    found: dict[str, Any] = json.loads(said("skopeo", "inspect", "--config", f"{transport}:{file}"))
    assert found["rootfs"]["diff_ids"] == [layer.diff_id for layer in made.layers]
    said("skopeo", "copy", "--quiet", f"{transport}:{file}", f"dir:{tmp_path / 'copy'}")
    assert (tmp_path / "copy" / made.configuration.digest.removeprefix("sha256:")).is_file()


@pytest.mark.slow
def test_podman_loads_it_under_its_name_and_id(tmp_path: Path) -> None:
    if shutil.which("podman") is None:
        pytest.skip("Debian's podman is not installed")
    store = BlobStore(tmp_path / "store")
    made = image(store)
    file = tmp_path / "image.tar"
    with file.open("wb") as out:
        out.writelines(archive(store, made, "test/hello:1"))
    with tempfile.TemporaryDirectory(dir="/tmp") as place:  # podman takes no longer path
        podman = ("podman", "--root", f"{place}/root", "--runroot", f"{place}/run", "--storage-driver", "vfs")
        said(*podman, "load", "--quiet", "--input", str(file))
        (found,) = json.loads(said(*podman, "image", "inspect", "localhost/test/hello:1"))
        said(*podman, "rmi", "--all")
    assert f"sha256:{found['Id']}" == made.configuration.digest
    assert found["RootFS"]["Layers"] == [layer.diff_id for layer in made.layers]
    assert found["Config"]["User"] == "42420:42420"

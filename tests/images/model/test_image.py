"""Images that are put together without an engine, beside the exported Dockerfile that they stand for."""

import gzip
import io
import json
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from migrate.core.errors import LocalError
from migrate.core.names import slug
from migrate.images.base.image import ensure_base
from migrate.images.engine import tarstream
from migrate.images.engine.build import read_image, save_image
from migrate.images.engine.connection import Engine
from migrate.images.model.context import ModelToRender
from migrate.images.model.export import export
from migrate.images.model.image import add_models, file_entries, model_layers, settings_entries, write_image
from migrate.images.oci.archive import archive
from migrate.images.oci.blobs import LAYER_GZIP, BaseImage, LayerBlob
from migrate.images.oci.compression import SMALL
from migrate.images.oci.image import OciImage, as_base, assemble, read_back
from migrate.images.oci.store import BlobStore
from migrate.images.runtime.assembled import assemble_runtime
from migrate.images.trial.in_engine import InEngine
from migrate.images.trial.rehearsal import rehearse
from tests.images.conftest import HOUSING, IRIS, model_of, silent

State = tuple[str, int, int, int, float, bytes]  # kind, mode, owner, group, time, content or target


def small_base(store: Path) -> BaseImage:
    """A base image of one file: nothing of it is run."""
    blobs = BlobStore(store)
    layer = blobs.layer("test base", lambda: [tarstream.folder("etc"), tarstream.content("etc/base", b"1")], SMALL)
    rootfs = {"type": "layers", "diff_ids": [layer.diff_id]}
    settings = {"Env": ["PATH=/usr/bin:/bin", "LANG=C.UTF-8"], "Cmd": ["python3"]}
    known = {"architecture": "amd64", "os": "linux", "config": settings, "rootfs": rootfs}
    return BaseImage(
        layers=(layer,),
        open=blobs.open,
        configuration=json.dumps(known).encode(),
    )


def state_of(member: tarfile.TarInfo, packed: tarfile.TarFile) -> State:
    file = packed.extractfile(member) if member.isreg() else None
    data = file.read() if file is not None else member.linkname.encode()
    kind = "folder" if member.isdir() else "link" if member.issym() else "file"
    return kind, stat.S_IMODE(member.mode), member.uid, member.gid, member.mtime, data


def unpacked(archives: Iterable[bytes]) -> dict[str, State]:
    """The file system that these tar archives make, one over the other."""
    found: dict[str, State] = {}
    for data in archives:
        with tarfile.open(fileobj=io.BytesIO(data)) as packed:
            found |= {member.name.removeprefix("./").rstrip("/"): state_of(member, packed) for member in packed}
    return {name: state for name, state in found.items() if name not in ("", ".")}


def layers_of(image: OciImage, store: Path) -> list[bytes]:
    found = []
    for layer in image.layers:
        path = BlobStore(store).path(layer.descriptor)
        with gzip.open(path) if layer.descriptor.media_type == LAYER_GZIP else path.open("rb") as file:
            found.append(file.read())
    return found


def configuration_of(image: OciImage, store: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(b"".join(BlobStore(store).pieces(image.configuration)))
    return found


def of_context(folder: Path) -> dict[str, State]:
    """What ``COPY layer/ /`` of each layer of an exported context makes."""
    found: dict[str, State] = {}
    for line in folder.joinpath("Dockerfile").read_text().splitlines():
        if not line.startswith("COPY "):
            continue
        layer = folder / line.split()[1]
        for path in layer.rglob("*"):
            state = path.lstat()
            name = path.relative_to(layer).as_posix()
            mode, time = stat.S_IMODE(state.st_mode), float(state.st_mtime)
            if path.is_symlink():
                found[name] = ("link", 0o777, 0, 0, time, os.fsencode(path.readlink()))
            elif path.is_dir():
                found[name] = ("folder", mode, 0, 0, time, b"")
            else:
                found[name] = ("file", mode, 0, 0, time, path.read_bytes())
    return found


def two_models() -> list[ModelToRender]:
    return [model_of(IRIS, "Iris of 1936", recorded=b"{}"), model_of(HOUSING, "housing")]


@pytest.mark.programs
def test_it_is_what_the_exported_dockerfile_says(store: Path, tmp_path: Path) -> None:
    models = two_models()
    image = write_image(models, small_base(store), python="3.11", blobs=BlobStore(store), progress_text=silent)
    context = Path(export(models, tmp_path / "out", store=store, progress_text=silent).folder)
    base, *own = layers_of(image, store)
    assert unpacked(own) == of_context(context)
    assert len(own) == context.joinpath("Dockerfile").read_text().count("\nCOPY ")
    assert unpacked([base])["etc/base"][-1] == b"1"
    found = configuration_of(image, store)
    assert found["rootfs"]["diff_ids"] == [layer.diff_id for layer in image.layers]
    assert found["config"]["Env"][0] == "PATH=/usr/bin:/bin"
    assert "PYTHONPATH=/opt/migrate/server:/opt/migrate/wheels" in found["config"]["Env"]


@pytest.mark.programs
def test_on_the_image_of_its_runtime_it_is_the_same(store: Path) -> None:
    models, base, blobs = two_models(), small_base(store), BlobStore(store)
    whole = write_image(models, base, python="3.11", blobs=blobs, progress_text=silent)
    runtime = assemble_runtime("onnx", base, name="base:1", python="3.11", blobs=blobs, progress_text=silent)
    below = read_back(blobs, runtime.image_id)
    assert below is not None
    assert add_models(models, runtime, as_base(blobs, below), blobs=blobs) == whole


@pytest.mark.slow
@pytest.mark.programs
def test_podman_makes_the_same_file_system_of_the_exported_dockerfile(store: Path, tmp_path: Path) -> None:
    if shutil.which("podman") is None or os.geteuid() != 0:
        pytest.skip("needs Debian's podman, and root to start it")
    models, base, blobs = two_models(), small_base(store), BlobStore(store)
    image = write_image(models, base, python="3.11", blobs=BlobStore(store), progress_text=silent)
    context = export(models, tmp_path / "out", store=store, progress_text=silent).folder
    below = assemble(blobs, base, (), lambda _: base.layers[0])
    with tempfile.TemporaryDirectory(dir="/tmp") as place:  # podman takes no longer path
        podman = ("podman", "--root", f"{place}/root", "--runroot", f"{place}/run", "--storage-driver", "vfs")

        def run(*arguments: str) -> bytes:
            return subprocess.run([*podman, *arguments], check=True, stdout=subprocess.PIPE).stdout

        def file_system(reference: str) -> dict[str, State]:
            run("create", "--name", "looked-into", "--network", "none", reference)
            found = unpacked([run("export", "looked-into")])
            run("rm", "looked-into")
            return found

        for name, packed in (("base", below), ("own", image)):
            with Path(place, "image.tar").open("wb") as file:
                file.writelines(archive(blobs, packed, f"test/{name}:1"))
            run("load", "--quiet", "--input", f"{place}/image.tar")
        arguments = ("--network", "none", "--pull-never", "--build-arg", "BASE=localhost/test/base:1")
        run("build", "--quiet", *arguments, "--timestamp", str(tarstream.FIXED_TIME), "--tag", "test/built:1", context)
        assert file_system("localhost/test/own:1") == file_system("localhost/test/built:1")
        own, built = (json.loads(run("image", "inspect", f"localhost/test/{name}:1"))[0] for name in ("own", "built"))
        told = ("Architecture", "Os", "User", "Labels")
        assert {name: own[name] for name in told} == {
            name: {key: value for key, value in built[name].items() if key != "io.buildah.version"}
            if name == "Labels"
            else built[name]
            for name in told
        }
        own["Config"].pop("Labels")
        built["Config"].pop("Labels")
        assert own["Config"] == {name: value for name, value in built["Config"].items() if name in own["Config"]}
        run("rmi", "--all")


def saved(engine: Engine, reference: str, store: Path) -> BaseImage:
    """An image of the engine as a base for others."""
    blobs = BlobStore(store)
    kind = "application/vnd.oci.image.layer.v1.tar"
    with tarfile.open(fileobj=io.BytesIO(b"".join(save_image(engine, reference)))) as packed:

        def data(name: str) -> bytes:
            file = packed.extractfile(name)
            assert file is not None
            return file.read()

        (named,) = json.loads(data("manifest.json"))
        configuration = data(named["Config"])
        layers = [blobs.put(data(name), kind) for name in named["Layers"]]
    found = tuple(LayerBlob(descriptor=layer, diff_id=layer.digest) for layer in layers)
    return BaseImage(layers=found, open=blobs.open, configuration=configuration)


@pytest.mark.slow
@pytest.mark.engine
def test_an_engine_makes_the_same_of_the_exported_dockerfile_and_serves_what_was_written(
    engine: Engine, store: Path, tmp_path: Path, new_tag: Callable[[], str]
) -> None:
    models, found = two_models()[1:], ensure_base(engine, None, silent)
    base = saved(engine, found.reference, store)
    image = write_image(models, base, python=found.python, blobs=BlobStore(store), progress_text=silent)
    context = export(models, tmp_path / "out", store=store, progress_text=silent, engine=engine, base=found).folder
    built_tag, loaded_tag = new_tag(), new_tag()
    engine.client.images.build(path=context, tag=built_tag, network_mode="none", pull=False, rm=True, nocache=True)
    built = saved(engine, built_tag, store)
    depth = len(base.layers)
    assert [layer.diff_id for layer in built.layers[:depth]] == [layer.diff_id for layer in base.layers]
    blobs = BlobStore(store)
    by_engine = unpacked(b"".join(blobs.pieces(layer.descriptor)) for layer in built.layers[depth:])
    assert unpacked(layers_of(image, store)[depth:]) == by_engine
    with tempfile.TemporaryFile() as file:
        file.writelines(archive(blobs, image, loaded_tag))
        file.seek(0)
        engine.client.images.load(file)
    loaded = read_image(engine, loaded_tag)
    assert [layer.digest for layer in loaded.layers] == [layer.diff_id for layer in image.layers]
    with rehearse(InEngine(engine), loaded, memory=1 << 30, timeout=200) as running:
        assert running.call("GET", "/housing/describe")[0] == 200


@pytest.mark.programs
def test_one_more_model_costs_its_own_layers(store: Path) -> None:
    said: list[str] = []
    base = small_base(store)
    first = write_image([model_of(IRIS)], base, python="3.11", blobs=BlobStore(store), progress_text=silent)
    other = write_image(
        [model_of(HOUSING, "housing")], base, python="3.11", blobs=BlobStore(store), progress_text=said.append
    )
    assert said == []
    shared = set(first.layers) & set(other.layers)
    assert len(shared) == len(other.layers) - 2
    own = [layer.descriptor.size for layer in other.layers if layer not in shared]
    size = other.manifest.size + other.configuration.size + sum(own)
    assert size < HOUSING.stat().st_size + 20_000
    again = write_image([model_of(IRIS)], base, python="3.11", blobs=BlobStore(store), progress_text=said.append)
    assert again == first


@pytest.mark.programs
def test_the_layer_of_a_large_model_is_the_same_without_being_kept(store: Path) -> None:
    kept, other = BlobStore(store), BlobStore(store)
    model = [model_of(IRIS, "only here")]
    more: list[int] = []
    image = write_image(
        model,
        small_base(store),
        python="3.11",
        blobs=other,
        progress_text=silent,
        progress=lambda done, _: more.append(done),
        keep_below=1,
    )
    assert more[-1] == IRIS.stat().st_size
    assert not kept.has(image.layers[-1].descriptor)
    whole = b"".join(archive(other, image, None))
    assert image == write_image(model, small_base(store), python="3.11", blobs=kept, progress_text=silent)
    assert kept.has(image.layers[-1].descriptor)
    assert whole == b"".join(archive(kept, image, None))


@pytest.mark.slow
@pytest.mark.programs
def test_another_store_under_another_umask_gives_the_same_digest(store: Path, tmp_path: Path) -> None:
    models = two_models()
    one = write_image(models, small_base(store), python="3.11", blobs=BlobStore(store), progress_text=silent)
    before = os.umask(0o077)
    try:
        two = write_image(models, small_base(tmp_path), python="3.11", blobs=BlobStore(tmp_path), progress_text=silent)
    finally:
        os.umask(before)
    assert one.manifest == two.manifest


def test_what_a_model_adds_is_readable_by_all_and_in_a_fixed_order() -> None:
    models = two_models()
    name = slug("Iris of 1936")
    settings = [(entry.name, entry.mode) for entry in settings_entries(models)]
    assert settings == [
        ("models", 0o755),
        ("models/housing", 0o755),
        ("models/housing/model.json", 0o644),
        (f"models/{name}", 0o755),
        (f"models/{name}/model.json", 0o644),
        (f"models/{name}/recorded.json", 0o644),
    ]
    files = [(entry.name, entry.mode) for entry in file_entries(models[:1])]
    assert files == [
        ("models", 0o755),
        (f"models/{name}", 0o755),
        (f"models/{name}/files", 0o755),
        (f"models/{name}/files/iris.onnx", 0o644),
    ]


def test_a_file_that_changed_since_it_was_fetched_ends_the_layer(tmp_path: Path) -> None:
    path = tmp_path / "iris.onnx"
    path.write_bytes(IRIS.read_bytes())
    model = model_of(path)
    path.write_bytes(IRIS.read_bytes()[:-1] + b"?")
    with pytest.raises(LocalError) as caught:
        BlobStore(tmp_path).layer("iris", lambda: file_entries([model]), SMALL)
    assert caught.value.code == "file-changed"


def test_two_models_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one id"):
        model_layers([model_of(IRIS), replace(model_of(HOUSING), record=model_of(IRIS).record)], BlobStore(tmp_path))

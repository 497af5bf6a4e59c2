"""Images made and pushed without an engine, on a runtime's image of one small file."""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from benchmarks.road.model import MODEL, TABLE, write_model, write_table
from migrate.core.errors import LocalError
from migrate.core.values import Image, RuntimeImage
from migrate.images.engine import tarstream
from migrate.images.model.context import render
from migrate.images.model.image import ON_THE_WAY
from migrate.images.oci.blobs import BaseImage
from migrate.images.oci.compression import QUICK
from migrate.images.oci.image import assemble, read_back
from migrate.images.oci.instructions import read_instructions
from migrate.images.oci.store import BlobStore
from migrate.images.registry.client import RegistryClient
from migrate.images.registry.push import immutable_tag
from migrate.migration.run.builder import Destination
from migrate.migration.run.unaided import Unaided
from tests.images.conftest import HOUSING, IRIS, model_of, silent
from tests.images.registry.real import docker_registry
from tests.images.registry.wire import wire

EMPTY = b'{"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}'
GIGABYTE = 1 << 30


def runtime_in(store: Path) -> RuntimeImage:
    blobs = BlobStore(store)
    layer = blobs.layer("runtime", lambda: [tarstream.content("runtime", b"1")], QUICK)
    nothing = BaseImage(layers=(), open=blobs.open, configuration=EMPTY)
    made = assemble(blobs, nothing, read_instructions("FROM base\nCOPY layer/ /\nUSER 42420:42420\n"), lambda _: layer)
    return RuntimeImage(
        runtime="onnx", reference="runtime:1", image_id=made.manifest.digest, key="k", size=0, base="oci:/base"
    )


def unaided(store: Path, large: int = ON_THE_WAY) -> Unaided:
    return Unaided(store, base="oci:/nowhere", environ={}, stop=threading.Event(), say=silent, large=large)


def built(builder: Unaided, store: Path, path: Path = IRIS, *beside: Path) -> Image:
    models, runtime = [model_of(path, "iris", b"{}", *beside)], runtime_in(store)
    context = builder.context(models, runtime, store / "context")
    assert not (store / "context").exists()
    assert context.digest == render(models, runtime, store / "rendered").digest
    return builder.image(models, context, runtime, tag="iris:1", progress=silent)


def test_the_same_model_is_the_same_image_in_every_workspace(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    image = built(unaided(here), here)
    assert built(unaided(there), there) == image
    assert unaided(here).has_image(image)
    assert unaided(here).has_runtime(runtime_in(here))
    assert not unaided(tmp_path / "elsewhere").has_image(image)


def test_what_lost_a_layer_is_not_there_and_is_not_pushed(tmp_path: Path) -> None:
    image = built(unaided(tmp_path), tmp_path)
    blobs = BlobStore(tmp_path)
    found = read_back(blobs, image.image_id)
    assert found is not None
    blobs.path(found.layers[-1].descriptor).unlink()
    assert not unaided(tmp_path).has_image(image)
    to = Destination(registry="registry.test", repository="iris", tag="1", credentials=None)
    with pytest.raises(LocalError) as caught:
        unaided(tmp_path).push(image, to, named_before=False, progress=silent)
    assert caught.value.code == "image-missing"


def test_the_layers_of_a_runtime_travel_once(tmp_path: Path) -> None:
    builder = unaided(tmp_path / "store")
    first, second = built(builder, tmp_path / "store"), built(builder, tmp_path / "store", HOUSING)
    with docker_registry(tmp_path / "registry") as registry:
        for name, image in (("iris", first), ("housing", second)):
            to = Destination(
                registry=registry.address, repository=f"team/{name}", tag=immutable_tag(image), credentials=None
            )
            pushed = builder.push(image, to, named_before=False, progress=silent)
            there = RegistryClient(registry.address, f"team/{name}", None).image(to.tag)
            assert there is not None
            assert there.layers == tuple(layer.digest for layer in image.layers)
            assert (pushed.digest, pushed.reference) == (image.image_id, f"{registry.address}/team/{name}:{to.tag}")
        assert 201 in registry.answered("POST", "/v2/team/housing/blobs/uploads/")  # mounted
        assert len(registry.answered("PUT", "/v2/team/housing/blobs/uploads/")) == 3  # configuration, settings, model


def blobs_of(store: Path) -> set[str]:
    return {path.name for path in store.glob("blobs/sha256/*")}


def test_a_large_model_is_read_on_its_way_to_the_registry_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    pieces = tarstream.entry_bytes

    def watched(entry: tarstream.Entry, data: Iterable[bytes] | None = None) -> Iterator[bytes]:
        if entry.source is not None:
            read.append(entry.size)
        return pieces(entry, data)

    monkeypatch.setattr(tarstream, "entry_bytes", watched)
    kept = built(unaided(tmp_path / "kept"), tmp_path / "kept")
    read.clear()
    builder = unaided(tmp_path / "store", large=1)
    image = built(builder, tmp_path / "store")
    assert not read
    assert builder.has_image(image)
    assert not unaided(tmp_path / "store", large=1).has_image(image)  # planned anew, which takes no time
    assert built(unaided(tmp_path / "there", large=1), tmp_path / "there") == image
    before = blobs_of(tmp_path / "store")
    with docker_registry(tmp_path / "registry") as registry:
        tag = immutable_tag(image)
        to = Destination(registry=registry.address, repository="team/iris", tag=tag, credentials=None)
        pushed = builder.push(image, to, named_before=False, progress=silent)
        assert len(read) == 1
        # The bytes are those of the image that is made before it is sent, and no copy of them stays here.
        assert pushed.digest == kept.image_id
        assert len(blobs_of(tmp_path / "store") - before) == 3  # settings, configuration, manifest
        uploads = len(registry.answered("PUT", "/blobs/uploads/"))
        assert builder.push(image, to, named_before=False, progress=silent) == pushed
        # Whoever finds the tag sends nothing again, wherever the image was made before.
        there = unaided(tmp_path / "there", large=1)
        built(there, tmp_path / "there")
        assert there.push(image, to, named_before=False, progress=silent) == pushed
        assert len(read) == 2
        assert len(registry.answered("PUT", "/blobs/uploads/")) == uploads
        assert not registry.answered("PATCH", "/blobs/uploads/")[1:]


def test_a_model_over_a_line_that_is_cut_twice(tmp_path: Path) -> None:
    model, table, store = tmp_path / MODEL, tmp_path / TABLE, tmp_path / "store"
    size = write_table(table, 20 << 20)
    write_model(model, size)
    builder = unaided(store, large=1)
    image = built(builder, store, model, table)
    with docker_registry(tmp_path / "registry") as registry, wire(registry.address, cuts=[10 << 20, 20 << 20]) as line:
        to = Destination(registry=line.address, repository="team/model", tag="1", credentials=None)
        pushed = builder.push(image, to, named_before=False, progress=silent)
        assert line.made == 2
        assert line.sent < size + 2 * (8 << 20) + (1 << 20)
        there = RegistryClient(registry.address, "team/model", None).image("1")
        assert there is not None
        assert there.digest == pushed.digest
    written = sum(path.stat().st_size for path in store.glob("blobs/sha256/*"))
    assert written < 1 << 20  # no copy of the model


def test_without_bubblewrap_nothing_runs_and_nothing_is_unlimited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    builder = unaided(tmp_path)
    assert "not installed" in builder.unable or "need Linux" in builder.unable
    assert builder.unlimited("sha256:1") == ()
    with pytest.raises(LocalError) as caught:
        builder.runner()
    assert caught.value.code == "no-box"


def test_layers_of_large_models_take_no_room(tmp_path: Path) -> None:
    builder = unaided(tmp_path)
    assert [need.size for need in builder.needs(GIGABYTE, GIGABYTE >> 5)] == [GIGABYTE]
    assert [need.size for need in builder.needs(6 * GIGABYTE, 5 * GIGABYTE)] == [GIGABYTE]

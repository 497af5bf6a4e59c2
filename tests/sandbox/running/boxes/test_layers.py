"""Images pulled without an engine: what is fetched once, what is shared, and what is refused."""

import gzip
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migrate.sandbox.running.backend import LaunchError
from migrate.sandbox.running.boxes.layers import Layers
from migrate.sandbox.running.boxes.pulling import Image
from migrate.sandbox.running.registry import Registry
from tests.images.base.layouts import INDEX, Layout, Made, digest_of, folder, link, packed
from tests.sandbox.running.pushing import login, need_program, push
from tests.sandbox.running.registry_helpers import running_registry

pytestmark = pytest.mark.programs

BASE = packed(folder("usr"), Made("usr/a", b"a"), Made("usr/b", b"b"), folder("etc"), Made("etc/c", b"c"))
RUNTIME = packed(folder("usr"), Made("usr/.wh.b"), Made("usr/r", b"r"))


def model(name: str) -> bytes:
    return packed(folder("models"), folder(f"models/{name}"), Made(f"models/{name}/file", name.encode()))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    need_program()
    with running_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


Pushed = Callable[..., str]


@pytest.fixture
def pushed(registry: Registry, tmp_path: Path) -> Pushed:
    """Pushes an image of these layers and returns its reference."""
    names = iter(range(100))

    def push_it(*layers: bytes, **more: Any) -> str:
        number = next(names)
        layout = Layout(tmp_path / f"layout-{number}")
        return push(registry, f"{tmp_path.name.lower()}/{number}:1", layout, layout.image(*layers, **more))

    return push_it


@pytest.fixture
def layers(tmp_path: Path) -> Layers:
    return Layers(tmp_path / "layers")


def folders(registry: Registry, layers: Layers, reference: str, app: str = "one") -> tuple[Path, ...]:
    with closing(Image(reference, login(registry))) as image:
        return layers.of(image, app)


def content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def blobs(registry: Registry) -> list[str]:
    lines = registry.accesses()
    return [line.path.rpartition("/")[2] for line in lines if line.method == "GET" and "/blobs/" in line.path]


def test_models_of_one_runtime_share_it(registry: Registry, layers: Layers, pushed: Pushed) -> None:
    first, second = pushed(BASE, RUNTIME, model("iris")), pushed(BASE, RUNTIME, model("wine"))
    lower, upper = folders(registry, layers, first)
    assert content(lower) == {"usr/a": "a", "usr/r": "r", "etc/c": "c"}
    assert content(upper) == {"models/iris/file": "iris"}
    before = len(blobs(registry))
    again, other = folders(registry, layers, second, "two")
    assert again == lower
    assert content(other) == {"models/wine/file": "wine"}
    assert len(blobs(registry)) - before == 2  # its configuration, and its own layer
    assert folders(registry, layers, first, "three") == (lower, upper)

    layers.forget("one")
    layers.forget("two")
    assert (lower.exists(), upper.exists(), other.exists()) == (True, True, False)
    layers.forget("three")
    assert (lower.exists(), upper.exists()) == (True, False)
    assert folders(registry, layers, first, "four") == (lower, upper)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (packed(folder("new"), Made("new/x", b"x"), Made("etc/.wh.c")), {"usr/a", "usr/b", "new/x"}),
        (packed(folder("new"), Made("new/x", b"x"), Made("usr/a", b"A")), {"usr/a", "usr/b", "etc/c", "new/x"}),
        (packed(link("new", "usr"), Made("new/x", b"x")), {"usr/a", "usr/b", "usr/x", "etc/c"}),
        (
            packed(folder("new"), link("new/l", "../usr"), Made("new/l/x", b"x")),
            {"usr/a", "usr/b", "usr/x", "etc/c"},
        ),
        (packed(folder("tmp"), Made("tmp/x", b"x")), {"usr/a", "usr/b", "etc/c", "tmp/x"}),
        (packed(Made("top", b"t")), {"usr/a", "usr/b", "etc/c", "top"}),
    ],
)
def test_a_layer_that_touches_what_is_below_leaves_it_to_others(
    registry: Registry, layers: Layers, pushed: Pushed, last: bytes, expected: set[str]
) -> None:
    (base,) = folders(registry, layers, pushed(BASE))
    (whole,) = folders(registry, layers, pushed(BASE, last), "two")
    assert set(content(whole)) == expected
    assert content(base) == {"usr/a": "a", "usr/b": "b", "etc/c": "c"}
    assert (whole / "usr/b").samefile(base / "usr/b")


def test_runtimes_of_one_base_share_its_files(registry: Registry, layers: Layers, pushed: Pushed) -> None:
    other = packed(Made("usr/other", b"o"))
    first, _ = folders(registry, layers, pushed(BASE, RUNTIME, model("iris")))
    before = len(blobs(registry))
    second, _ = folders(registry, layers, pushed(BASE, RUNTIME, other, model("iris")), "two")
    third, _ = folders(registry, layers, pushed(BASE, other, model("iris")), "three")
    assert set(content(third)) == {"usr/a", "usr/b", "etc/c", "usr/other"}
    assert set(content(second)) == {"usr/a", "usr/r", "etc/c", "usr/other"}
    assert (first / "usr/a").samefile(second / "usr/a")
    assert (first / "usr/a").samefile(third / "usr/a")
    fetched = blobs(registry)[before:]
    assert digest_of(gzip.compress(BASE, mtime=0)) not in fetched
    assert fetched.count(digest_of(gzip.compress(RUNTIME, mtime=0))) == 0


def test_an_image_of_several_platforms(registry: Registry, layers: Layers, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "several")
    amd = layout.image(BASE)
    arm = layout.image(RUNTIME, platform={"os": "linux", "architecture": "arm64"})
    listed = [{**amd, "platform": {"os": "linux", "architecture": "amd64"}}]
    others = [{**arm, "platform": {"os": "linux", "architecture": "arm64"}}]
    both = layout.document({"schemaVersion": 2, "mediaType": INDEX, "manifests": [*others, *listed]}, INDEX)
    (found,) = folders(registry, layers, push(registry, "several/both:1", layout, both))
    assert content(found) == {"usr/a": "a", "usr/b": "b", "etc/c": "c"}
    none = layout.document({"schemaVersion": 2, "mediaType": INDEX, "manifests": others}, INDEX)
    with pytest.raises(LaunchError, match="no matching manifest for linux/amd64"):
        Image(push(registry, "several/none:1", layout, none), login(registry))


def test_what_cannot_be_pulled_is_one_sentence(registry: Registry, layers: Layers, pushed: Pushed) -> None:
    good = pushed(BASE)
    for reference, auths, reason in (
        (f"{registry.address}/no/such:1", login(registry), "not found"),
        (good, login(registry, "wrong"), "unauthorized"),
        (good, (), "unauthorized"),
        ("127.0.0.1:9/no/registry:1", (), "refused"),
    ):
        with pytest.raises(LaunchError, match=rf"^The image {reference} cannot be pulled: .*(?i:{reason})"):
            Image(reference, auths)
    arm = pushed(BASE, platform={"os": "linux", "architecture": "arm64"})
    with pytest.raises(LaunchError, match="linux/arm64; AI Deploy runs linux/amd64"):
        Image(arm, login(registry))
    for damaged, reason in (
        (pushed(BASE, facts={"rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}}), "damaged"),
        (pushed(BASE, facts={"rootfs": {"type": "layers", "diff_ids": []}}), "other layers"),
        (pushed(packed(Made("../out", b"o"))), "out"),
        (pushed(packed(Made("a", type=tarfile.LNKTYPE, linkname="b"))), "no file"),
        (pushed(BASE, media_type="application/vnd.oci.image.layer.v1.tar+zstd"), "zstd"),
        (pushed(b"no archive at all" * 100), "damaged"),
    ):
        with pytest.raises(LaunchError, match=rf"^The image {damaged} cannot be pulled: .*{reason}"):
            folders(registry, layers, damaged)
    assert content(folders(registry, layers, good)[0])

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from migrate.core.errors import LocalError
from migrate.core.values import Descriptor
from migrate.images.engine import tarstream
from migrate.images.oci.compression import QUICK, SMALL
from migrate.images.oci.store import BlobStore

Entries = Callable[[], Iterator[tarstream.Entry]]


def hello() -> Iterator[tarstream.Entry]:
    yield tarstream.content("hello", b"hello")


def never() -> Iterator[tarstream.Entry]:
    raise AssertionError
    yield


def files(store: Path) -> set[str]:
    kept = (path for path in store.rglob("*") if path.is_file() and path.parent.name != "locks")
    return {path.relative_to(store).as_posix() for path in kept}


def test_a_layer_is_made_once(tmp_path: Path) -> None:
    first = BlobStore(tmp_path).layer("content", hello, SMALL)
    assert BlobStore(tmp_path).layer("content", never, SMALL) == first
    assert BlobStore(tmp_path).path(first.descriptor).stat().st_size == first.descriptor.size


def test_another_level_is_another_layer_of_the_same_content(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    quick, small = store.layer("content", hello, QUICK), store.layer("content", hello, SMALL)
    assert quick.diff_id == small.diff_id
    assert store.layer("content", never, QUICK) == quick


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"short")], ids=["gone", "short"])
def test_a_layer_without_its_bytes_is_made_anew(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    store = BlobStore(tmp_path)
    layer = store.layer("content", hello, SMALL)
    spoil(store.path(layer.descriptor))
    assert store.layer("content", hello, SMALL) == layer
    assert b"".join(store.pieces(layer.descriptor))


def test_bytes_that_a_disk_spoiled_are_told_and_removed(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    layer = store.layer("content", hello, SMALL)
    path = store.path(layer.descriptor)
    path.write_bytes(bytes(layer.descriptor.size))
    opened = store.open(layer.descriptor)
    with pytest.raises(LocalError) as caught:
        list(iter(lambda: opened.read(1000), b""))
    assert caught.value.code == "blob-damaged"
    assert store.layer("content", hello, SMALL) == layer
    assert b"".join(store.pieces(layer.descriptor))


def test_a_blob_is_read_from_any_offset(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    opened = store.open(store.put(b"0123456789", "text/plain"), 4)
    assert opened.read(100) == b"456789"
    opened.close()


def test_a_layer_that_is_not_kept_is_made_again_where_it_is_read(tmp_path: Path) -> None:
    kept, store = BlobStore(tmp_path / "kept"), BlobStore(tmp_path / "store")
    layer = store.layer("content", hello, QUICK, keep=False)
    assert layer == kept.layer("content", hello, QUICK)
    assert not store.has(layer.descriptor)
    assert b"".join(store.pieces(layer.descriptor)) == kept.path(layer.descriptor).read_bytes()
    opened = store.open(layer.descriptor)
    assert b"".join(iter(lambda: opened.read(7), b"")) == kept.path(layer.descriptor).read_bytes()
    with pytest.raises(io.UnsupportedOperation):
        store.open(layer.descriptor, 1)
    later = BlobStore(tmp_path / "store")
    assert later.layer("content", hello, QUICK, keep=False) == layer  # known, and not made to be known
    assert not later.has(layer.descriptor)
    assert b"".join(later.pieces(layer.descriptor)) == kept.path(layer.descriptor).read_bytes()


def test_a_layer_that_is_made_differently_the_second_time_is_told(tmp_path: Path) -> None:
    words = iter((b"hello", b"other"))
    store = BlobStore(tmp_path)
    layer = store.layer("content", lambda: [tarstream.content("hello", next(words))], QUICK, keep=False)
    with pytest.raises(LocalError) as caught:
        list(store.pieces(layer.descriptor))
    assert caught.value.code == "blob-damaged"


def test_a_base_layer_with_other_bytes_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    named = BlobStore(tmp_path / "other").put(b"right", "text/plain")

    def wrong(_: Descriptor, offset: int) -> io.BytesIO:
        assert offset == 0
        return io.BytesIO(b"wrong")

    with pytest.raises(LocalError) as caught:
        store.take(named, wrong)
    assert caught.value.code == "blob-damaged"
    with pytest.raises(LocalError):
        store.take(replace(named, size=named.size + 1), lambda *_: io.BytesIO(b"right"))
    assert not store.has(named)
    store.take(named, lambda *_: io.BytesIO(b"right"))
    assert store.has(named)


PROGRAM = """
import sys, time
from pathlib import Path
from migrate.images.engine import tarstream
from migrate.images.oci.compression import QUICK
from migrate.images.oci.store import BlobStore

def entries():
    for number in range(40):
        if sys.argv[2] == "slow" and number == 30:
            print("half", flush=True)
            time.sleep(60)
        yield tarstream.content(f"file-{number}", str(number).encode() * 100_000)

print(BlobStore(Path(sys.argv[1])).layer("content", entries, QUICK).descriptor.digest, flush=True)
"""


def started(store: Path, pace: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(store), pace], stdout=subprocess.PIPE, text=True)


def test_a_kill_leaves_no_part_that_anybody_takes(tmp_path: Path) -> None:
    with started(tmp_path, "slow") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        os.kill(process.pid, signal.SIGKILL)
    left = files(tmp_path)
    assert not any(name.startswith(("blobs/", "layers/")) for name in left)
    with started(tmp_path, "quick") as again, started(tmp_path, "quick") as other:
        digests = {process.communicate()[0] for process in (again, other)}
    assert len(digests) == 1
    (digest,) = digests
    assert {name for name in files(tmp_path) if not name.startswith("layers/")} == {
        f"blobs/sha256/{digest.strip().removeprefix('sha256:')}"
    }

import hashlib
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from migrate.core.errors import LocalError
from migrate.images.engine import tarstream
from migrate.images.oci.compression import SMALL
from migrate.images.oci.layer import LayerStream

PROGRAM = """
import os, sys, time
from pathlib import Path
os.umask(int(sys.argv[2], 8))
root = Path(sys.argv[1])
(root / "sub").mkdir(parents=True)
for name in ("b", "sub/a", "\\u00e9", "B"):
    (root / name).write_text(name)
(root / "run").write_text("#!/bin/sh")
(root / "run").chmod(0o700)
from migrate.images.engine import tarstream
from migrate.images.oci.compression import SMALL
from migrate.images.oci.layer import LayerStream
stream = LayerStream(tarstream.tree(root, "opt/"), SMALL)
list(stream)
print(stream.layer.descriptor.digest, stream.layer.diff_id, stream.layer.descriptor.size)
"""


def made_by(root: Path, umask: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(root), umask],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUTF8": "1", **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def test_folder_umask_time_zone_date_and_locale_change_no_byte(tmp_path: Path) -> None:
    one = made_by(tmp_path / "one", "022", TZ="UTC", LC_ALL="C")
    two = made_by(tmp_path / "two", "077", TZ="Asia/Tokyo", SOURCE_DATE_EPOCH="1700000000", LC_ALL="C.UTF-8")
    assert one == two
    assert one.split()[0] == "sha256:89e0fa84d922548f8e3c01e42ce6ad524b7af871a19ac89610fe3e49186a021c"


def test_both_digests_are_those_of_the_bytes() -> None:
    stream = LayerStream([tarstream.folder("w", 0o1777), tarstream.content("w/x", b"x" * 3_000_000)], SMALL)
    packed = b"".join(stream)
    assert stream.layer.descriptor.digest == f"sha256:{hashlib.sha256(packed).hexdigest()}"
    assert stream.layer.descriptor.size == len(packed)
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as read:
        assert [(member.name, member.mode, member.uid, member.mtime) for member in read] == [
            ("w", 0o1777, 0, tarstream.FIXED_TIME),
            ("w/x", 0o644, 0, tarstream.FIXED_TIME),
        ]
    whole = b"".join(tarstream.archive([tarstream.folder("w", 0o1777), tarstream.content("w/x", b"x" * 3_000_000)]))
    assert stream.layer.diff_id == f"sha256:{hashlib.sha256(whole).hexdigest()}"


def test_a_file_that_is_not_what_was_fetched_ends_the_layer(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"changed")
    entry = tarstream.Entry(
        name="weights", mode=0o644, source=path, size=7, digest=f"sha256:{hashlib.sha256(b'fetched').hexdigest()}"
    )
    stream = LayerStream([entry], SMALL)
    with pytest.raises(LocalError) as caught:
        list(stream)
    assert caught.value.code == "file-changed"
    with pytest.raises(RuntimeError):
        _ = stream.layer


def test_memory_does_not_grow_with_what_is_in_it(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(300_000_000)
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from migrate.images.engine.tarstream import Entry\n"
        "from migrate.images.oci.compression import QUICK\n"
        "from migrate.images.oci.store import BlobStore\n"
        "path = Path(sys.argv[1])\n"
        "entry = Entry(name='x', mode=0o644, source=path, size=path.stat().st_size)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "BlobStore(path.parent).layer('x', lambda: [entry], QUICK)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(large)], check=True, capture_output=True, text=True, timeout=250
    )
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < 100_000_000

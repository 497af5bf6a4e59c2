"""A push without an engine that is ended with kill -9: no tag of a part, a sound store, and the next one arrives."""

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from migrate.images.registry.client import RegistryClient
from tests.images.registry.between import between
from tests.images.registry.real import docker_registry
from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
from pathlib import Path
from migrate.migration.run.builder import Destination
from tests.images.conftest import silent
from tests.migration.run.test_unaided import built, unaided

store = Path(sys.argv[1])
builder = unaided(store, large=1)
image = built(builder, store)
to = Destination(registry=sys.argv[2], repository="team/iris", tag="1", credentials=None)
print(builder.push(image, to, named_before=False, progress=silent).digest, flush=True)
"""


def pushing(store: Path, registry: str) -> "subprocess.Popen[str]":
    words = [sys.executable, "-c", PROGRAM, str(store), registry]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("POST", "/blobs/uploads/", marks=pytest.mark.slow),
        ("PATCH", "/blobs/uploads/"),
        pytest.param("PUT", "/blobs/uploads/", marks=pytest.mark.slow),
        pytest.param("HEAD", "/blobs/sha256", marks=pytest.mark.slow),
    ],
)
def test_the_next_push_goes_through(tmp_path: Path, method: str, path: str) -> None:
    store = tmp_path / "store"
    with docker_registry(tmp_path / "registry") as registry:
        with between(registry.address, silent=method) as (address, rules), pushing(store, address) as first:
            wait_until(
                lambda: any(method == one[0] and path in one[1] for one in rules.asked), "it does not come there"
            )
            os.kill(first.pid, signal.SIGKILL)
        assert RegistryClient(registry.address, "team/iris", None).digest("1") is None
        with pushing(store, registry.address) as second:
            digest = second.communicate()[0].strip()
        assert RegistryClient(registry.address, "team/iris", None).digest("1") == digest
    assert not list((store / "partial").iterdir())
    for blob in store.glob("blobs/sha256/*"):
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name

"""What a push takes of this machine does not grow with the layer, and tokens may end while it is sent."""

import datetime as dt
import subprocess
import sys
import time
from pathlib import Path

import pytest

from migrate.core.secret import Secret
from migrate.images.registry.blobs import push_blobs
from migrate.images.registry.client import RegistryClient
from migrate.images.registry.credentials import RegistryCredentials
from migrate.sandbox.running import registry_tokens
from tests.images.registry.real import PASSWORD, ROBOT, bearer_registry, blob_of, content, docker_registry

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
PUSH = r"""
import hashlib, io, re, sys
from pathlib import Path
from migrate.core.values import Descriptor
from migrate.images.registry.blobs import push_blobs
from migrate.images.registry.client import RegistryClient
from migrate.images.registry.source import Blob

PIECE = hashlib.shake_256(b"a layer").digest(1 << 20)


class Layer(io.RawIOBase):
    def __init__(self, offset, size):
        self.offset, self.left = offset, size - offset

    def read(self, size=-1):
        begin = self.offset % len(PIECE)
        found = PIECE[begin : begin + min(size, self.left)]
        self.offset, self.left = self.offset + len(found), self.left - len(found)
        return found


size = int(sys.argv[2]) << 20
digest = hashlib.sha256()
for _ in range(size >> 20):
    digest.update(PIECE)
descriptor = Descriptor(media_type="application/x", digest="sha256:" + digest.hexdigest(), size=size)
client = RegistryClient(sys.argv[1], "team/large", None, pushing=True)
moved = []
blob = Blob(descriptor=descriptor, open=lambda offset: Layer(offset, size))
push_blobs(client, [blob], progress=lambda *now: moved.append(now))
assert moved[-1] == (size, size)
# Its own: ru_maxrss begins with what the process held that started it.
print(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def test_memory_does_not_grow_with_a_layer(tmp_path: Path) -> None:
    with docker_registry(tmp_path) as registry:
        peaks = [
            int(
                subprocess.run(
                    [sys.executable, "-c", PUSH, registry.address, size],
                    check=True,
                    capture_output=True,
                    text=True,
                    cwd=ROOT,
                ).stdout
            )
            >> 10
            for size in ("48", "144")
        ]
    assert peaks[1] < peaks[0] + 20
    assert peaks[1] < 150


def test_tokens_that_end_while_a_layer_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry takes a token for a minute after its end; here the first ends 45 seconds before it is given."""
    usual = registry_tokens.LIFETIME
    monkeypatch.setattr(registry_tokens, "LIFETIME", dt.timedelta(seconds=-45))
    login = RegistryCredentials(username=ROBOT, password=Secret(PASSWORD))
    data = content(4 << 20, seed=400)
    waited: list[int] = []

    def progress(done: int, _: int | None) -> None:
        if done > len(data) // 2 and not waited:
            waited.append(done)
            monkeypatch.setattr(registry_tokens, "LIFETIME", usual)
            time.sleep(17)

    with bearer_registry(tmp_path) as registry:
        client = RegistryClient(registry.address, "team/model", login, pushing=True)
        push_blobs(client, [blob_of(data)], progress=progress, chunk=1 << 20)
        assert "invalid token" in registry.log()
        assert registry.blob(blob_of(data).descriptor.digest) == data

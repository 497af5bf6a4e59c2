"""A disk without room for a model: told before the first byte, and where it fills nevertheless."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from migrate.core.errors import LocalError
from migrate.machine.room import Need, Room, Space
from migrate.ovhcloud.session import Cloud
from migrate.sources.fetch import fetch
from tests.sources.storing import at, downloads, put

CHILD = """
import json, os, shutil, subprocess, sys, threading
from pathlib import Path
sandbox, state, identity, root = sys.argv[1:]
sys.path.insert(0, root)
from migrate.core.errors import LocalError
from migrate.sources.fetch import fetch
from tests.clouds import open_cloud
from tests.sources.storing import at
store = Path(state, "disk")
store.mkdir()
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", store], check=True)
other = store / "other"
def fill(done, total):
    if done > 10_000_000 and not other.exists():
        other.write_bytes(bytes(shutil.disk_usage(store).free - 8_000_000))
said = {}
with open_cloud(Path(sandbox), Path(state)) as cloud:
    try:
        fetch(at(identity, "m"), store, cloud, fill, stop=threading.Event())
    except LocalError as error:
        said = {"code": error.code, "what": error.what, "next": error.next_step}
    other.unlink()
    seen = []
    artifact = fetch(at(identity, "m"), store, cloud, lambda done, _: seen.append(done), stop=threading.Event())
    print(json.dumps({**said, "digest": artifact.files[0].digest, "resumed": max(seen[:4])}))
"""


def test_the_room_for_later_steps_is_asked_for_before_the_first_byte(
    sandbox: Path, tmp_path: Path, cloud: Cloud
) -> None:
    identity = put(sandbox, tmp_path, {"m": b"x" * 1000})
    free = shutil.disk_usage(tmp_path).free

    def later(size: int) -> tuple[Need, ...]:
        assert size == 1000
        return (Need(folder=tmp_path, size=free + 10**9, what="the image's layers", remedy="Free space for images"),)

    with pytest.raises(LocalError) as caught:
        fetch(
            at(identity, "m"),
            tmp_path / "store",
            cloud,
            lambda *_: None,
            stop=threading.Event(),
            space=Space(Room(), later),
        )
    assert caught.value.code == "disk-full"
    assert "MB for the image's layers" in caught.value.what
    assert downloads(sandbox, "/m") == []


@pytest.mark.slow
def test_a_disk_that_fills_nevertheless_ends_in_a_sentence_and_is_resumed(
    sandbox: Path, tmp_path: Path, cloud: Cloud
) -> None:
    data = os.urandom(40_000_000)
    identity = put(sandbox, tmp_path, {"m": data})
    root = str(Path(__file__).parents[2])
    own = ["unshare", "--mount", *(["--user", "--map-root-user"] if os.getuid() else [])]
    if shutil.which("unshare") is None or subprocess.run([*own, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a file system of their own")
    done = subprocess.run(
        [*own, sys.executable, "-c", CHILD, str(sandbox), str(tmp_path), identity, root],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["code"] == "disk-full"
    assert said["what"] == f"The disk of {tmp_path / 'disk'} is full: no space is left."
    assert "--workspace" in said["next"]
    assert said["resumed"] >= 10_000_000

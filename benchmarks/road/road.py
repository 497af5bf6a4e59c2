"""The road itself: a sandbox's storage, the command, a line that is cut, and Debian's docker-registry."""

import gzip
import hashlib
import json
import os
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from benchmarks.large.walk import Event, Walk, walk
from benchmarks.road.model import MODEL, TABLE, write_model, write_table
from migrate.images.base.archive import bootstrap
from migrate.sandbox import control
from migrate.sandbox.base.settings import Options
from tests.images.registry.real import Real, docker_registry
from tests.images.registry.wire import Wire, wire

MB: Final = 1_000_000
MEMORY: Final = 200 * MB
"""What the command may hold at most, whatever the model weighs."""

AGAIN: Final = 32 * MB
"""What may be sent again for each cut."""

DISK: Final = 1.1
"""What the workspace may take at most, in sizes of the object."""

BESIDE: Final = 500 * MB
"""Bytes of what lies beside it: a runtime and a base image."""

_BOX: Final = "road"
_LOOK: Final = 0.2
_PROJECT: Final = "team"


class Measured(Struct, kw_only=True):
    """What was seen: bytes, seconds and counts.

    Attributes:
        size: Of the object.
        walked: The command, step by step.
        disk: The most that its workspace and its temporary files took.
        fetched: What the storage sent of the object.
        cuts_down: How often a download was cut.
        sent: What went to the registry.
        cuts_up: How often an upload was cut.
        stored: What the registry has of the image.
        same: Whether the file in the image is the object, byte for byte.
    """

    size: int
    walked: Walk
    disk: int
    fetched: int
    cuts_down: int
    sent: int
    cuts_up: int
    stored: int
    same: bool

    def faults(self) -> list[str]:
        """What does not hold."""
        told = [self.walked.failed] if self.walked.failed else []
        again_down, again_up = self.fetched - self.size, self.sent - self.stored
        for fault, words in (
            (not self.same, "the file in the registry's image is not the object"),
            (self.walked.peak > MEMORY, f"the command held {self.walked.peak / MB:.0f} MB"),
            (self.disk > self.size * DISK + BESIDE, f"the workspace took {self.disk / MB:.0f} MB"),
            (self.cuts_down < 2 or self.cuts_up < 2, f"{self.cuts_down} and {self.cuts_up} cuts were made"),
            (again_down > self.cuts_down * AGAIN, f"{again_down / MB:.0f} MB were fetched again"),
            (again_up > self.cuts_up * AGAIN, f"{again_up / MB:.0f} MB were sent again"),
        ):
            if fault:
                told.append(words)
        return told


def travel(folder: Path, size: int) -> Measured:
    """Move a model of about so many random bytes, cut twice on the way here and twice on the way there.

    Args:
        folder: Empty, with room for 3.3 times the size; what is written there stays.
        size: Bytes.

    Raises:
        SandboxError: The sandbox does not start.
        LocalError: There is no base image (see ``bootstrap``).
    """
    sandbox = folder / "sandbox"
    control.start(sandbox, Options(samples=False, authorized=True, runtime=False))
    try:
        total, digest = _put(sandbox, folder / "made", size)
        with docker_registry(folder / "registry") as registry, _line(registry, total) as line:
            cut = int(0.3 * min(total, 16 << 20))
            for nth in (2, 4):  # connections that are cut in a part each
                control.fail(
                    sandbox, "truncated-download", path_regex=f"{TABLE}$", method="GET", nth=nth, times=1,
                    after_bytes=cut,
                )  # fmt: skip
            with _watched(folder / "workspace", folder / "tmp") as most:
                walked = _walk(sandbox, folder, line.address)
            running = control.status(sandbox)
            same, stored = _read_back(registry, digest)
            return Measured(
                size=total,
                walked=walked,
                disk=most[0],
                fetched=sum(line.bytes for line in control.requests_made(sandbox) if TABLE in line.path),
                cuts_down=dict(running.fired).get("truncated-download", 0) if running is not None else 0,
                sent=line.sent,
                cuts_up=line.made,
                stored=stored,
                same=same,
            )
    finally:
        control.stop(sandbox)


def _line(registry: Real, total: int) -> AbstractContextManager[Wire]:
    """A line to the registry that is cut in the second and in the last third of the model."""
    return wire(registry.address, cuts=[int(0.4 * total), int(0.8 * total)])


def _put(sandbox: Path, folder: Path, size: int) -> tuple[int, str]:
    folder.mkdir()
    total = write_table(folder / TABLE, size)
    write_model(folder / MODEL, total)
    with (folder / TABLE).open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    for name in (MODEL, TABLE):
        control.put_object(sandbox, _BOX, f"model/{name}", folder / name)
        (folder / name).unlink()
    return total, digest


def _walk(sandbox: Path, folder: Path, registry: str) -> Walk:
    (folder / "tmp").mkdir()
    ours = {name: text for name, text in os.environ.items() if not name.startswith(("OVH_", "MIGRATE_"))}
    words = (
        "run", f"{_BOX}@GRA", "--yes", "--builder", "none", "--base-image", f"oci:{bootstrap(print)}",
        "--registry", f"{registry}/{_PROJECT}", "--proof", "self",
    )  # fmt: skip
    environment = {
        **ours,
        **control.env(sandbox),
        "TMPDIR": str(folder / "tmp"),
        "DOCKER_HOST": "unix:///nonexistent.sock",
        "PATH": str(Path(sys.executable).parent),  # without bubblewrap: nothing is rehearsed
    }

    def ends(event: Event) -> bool:
        return (event["event"], event.get("step")) == ("step-finished", "push")

    return walk(words, environment, folder / "workspace", ends=ends)


@contextmanager
def _watched(*folders: Path) -> Iterator[list[int]]:
    """The most that folders take of the disk as long as the block lasts."""
    most, over = [0], threading.Event()

    def look() -> None:
        while not over.wait(_LOOK):
            most[0] = max(most[0], sum(_taken(folder) for folder in folders))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


def _taken(folder: Path) -> int:
    """Bytes on the disk, a file with several names once."""
    found: dict[int, int] = {}
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                state = Path(place, name).lstat()
            except OSError:
                continue
            found[state.st_ino] = 512 * state.st_blocks
    return sum(found.values())


def _read_back(registry: Real, digest: str) -> tuple[bool, int]:
    """Whether the table of the image in a registry has this digest, and the bytes of all its blobs."""
    blobs = list((registry.folder / "data").glob("docker/registry/v2/blobs/sha256/*/*/data"))
    manifests = [json.loads(blob.read_bytes()) for blob in blobs if blob.stat().st_size < MB and _is_manifest(blob)]
    largest = max(blobs, key=lambda blob: blob.stat().st_size)
    named = any(layer["digest"].endswith(largest.parent.name) for one in manifests for layer in one["layers"])
    same = False
    with gzip.open(largest) as plain, tarfile.open(fileobj=plain, mode="r|") as packed:
        for member in packed:
            if member.name.endswith(TABLE):
                file = packed.extractfile(member)
                sha = hashlib.sha256()
                while file is not None and (piece := file.read(1 << 20)):
                    sha.update(piece)
                same = named and sha.hexdigest() == digest
    return same, sum(blob.stat().st_size for blob in blobs)


def _is_manifest(blob: Path) -> bool:
    try:
        return "layers" in json.loads(blob.read_bytes())
    except ValueError:
        return False

"""The blobs of an image: which of them a registry lacks, where else it has them, and the rest sent side by side."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from migrate.core.errors import LocalError
from migrate.images.registry.source import Blob
from migrate.images.registry.upload import Limit, Upload, has_blob
from migrate.machine.patience import STOP_LOOK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from migrate.images.registry.client import RegistryClient
    from migrate.images.registry.source import UnmadeBlob

    Progress = Callable[[int, int | None], None]

CHUNK: Final = 16 << 20
"""Bytes of a request: what is sent again after a cut, at most."""

AT_ONCE: Final = 3
"""As many blobs as an engine sends side by side."""

_ROOM: Final = 3 * CHUNK  # bytes of memory for the chunks of all blobs


def push_blobs(
    client: RegistryClient,
    blobs: Iterable[Blob | UnmadeBlob],
    *,
    progress: Progress,
    chunk: int = CHUNK,
    at_once: int = AT_ONCE,
) -> None:
    """See that a registry has these blobs: it has them, takes them from another repository, or they are sent.

    Memory does not grow with them: the chunks of all uploads stay under 48 MiB.

    Args:
        client: The repository, ``pushing``.
        blobs: In any order; one that comes twice is sent once, and one that is still to be made is sent in any case.
        progress: Told the bytes that the registry has, of how many; each byte counts once, however often it is sent.
        chunk: The largest chunk, in bytes.
        at_once: How many are sent side by side.

    Raises:
        LocalError: See ``Upload.run``; of several the first.
        Interrupted: The client's ``stop`` was set.
    """
    wanted = list({_name(blob): blob for blob in blobs}.values())
    if not wanted:
        return
    several = _ROOM // (2 * at_once)  # a chunk, where each of those side by side has two of them
    large = sum(_size(blob) > several for blob in wanted)
    limit = Limit(min(chunk, several) if large > 1 else chunk)
    count = _Count(progress, wanted)
    with (
        ThreadPoolExecutor(at_once, thread_name_prefix="registry-push") as pool,
        ThreadPoolExecutor(3 * at_once, thread_name_prefix="registry-aside") as aside,
    ):
        running = {pool.submit(_push, client, blob, limit, aside, count) for blob in wanted}
        try:
            left = running
            while left:
                done, left = wait(left, STOP_LOOK, FIRST_EXCEPTION)
                for future in done:
                    future.result()
                client.check_stop()
        except BaseException:
            for future in running:
                future.cancel()
            client.end()
            raise


def _name(blob: Blob | UnmadeBlob) -> str | int:
    return blob.descriptor.digest if isinstance(blob, Blob) else id(blob)


def _size(blob: Blob | UnmadeBlob) -> int:
    return blob.descriptor.size if isinstance(blob, Blob) else blob.about


def _push(
    client: RegistryClient, blob: Blob | UnmadeBlob, limit: Limit, aside: ThreadPoolExecutor, count: _Count
) -> None:
    name = _name(blob)
    upload = Upload(client, blob, limit, aside, lambda sent: count.moved(name, sent))
    if not isinstance(blob, Blob):
        count.ended(name, upload.run().size)
        return
    if not has_blob(client, blob.descriptor):
        location = _mounted(client, blob)
        if location != "":
            upload.run(location)
    count.ended(name, blob.descriptor.size)


def _mounted(client: RegistryClient, blob: Blob) -> str | None:
    """Take a blob from another repository: nothing where that is done, else where its upload begins, if it has."""
    if blob.mount_from is None or blob.mount_from == client.repository:
        return None
    path = f"{client.repository}/blobs/uploads/"
    query = urlencode({"mount": blob.descriptor.digest, "from": blob.mount_from})
    try:
        answer = client.ask("POST", f"{path}?{query}", also=(f"repository:{blob.mount_from}:pull",))
    except LocalError as error:
        if error.code not in {"registry-login", "registry-denied"}:
            raise
        return None  # a login that may not read the other repository may still write to this one
    if answer.status == 201 and has_blob(client, blob.descriptor):
        return ""
    # A registry that does not mount, or has no such blob there, begins an upload.
    return client.place(answer) if answer.status == 202 else None


class _Count:
    """What the registry has of all blobs. Threads may share it."""

    def __init__(self, progress: Progress, blobs: list[Blob | UnmadeBlob]) -> None:
        self._progress = progress
        self._sizes = {_name(blob): _size(blob) for blob in blobs}
        self._each: dict[str | int, int] = {}
        self._turn = threading.Lock()

    def moved(self, name: str | int, sent: int) -> None:
        with self._turn:
            if sent > self._each.get(name, -1):
                self._each[name] = sent
                self._tell()

    def ended(self, name: str | int, size: int) -> None:
        with self._turn:
            if (self._each.get(name), self._sizes[name]) != (size, size):
                self._each[name] = self._sizes[name] = size
                self._tell()

    def _tell(self) -> None:
        done = sum(min(sent, self._sizes[name]) for name, sent in self._each.items())
        self._progress(done, sum(self._sizes.values()))

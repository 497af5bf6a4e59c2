"""The blobs of an image: which of them a registry lacks, where else it has them, and the rest sent side by side."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from migrate.core.errors import LocalError
from migrate.images.registry.upload import Limit, Upload, has_blob
from migrate.machine.patience import STOP_LOOK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from migrate.images.registry.client import RegistryClient
    from migrate.images.registry.source import Blob

    Progress = Callable[[int, int | None], None]

CHUNK: Final = 16 << 20
"""Bytes of a request: what is sent again after a cut, at most."""

AT_ONCE: Final = 3
"""As many blobs as an engine sends side by side."""

_ROOM: Final = 3 * CHUNK  # bytes of memory for the chunks of all blobs


def push_blobs(
    client: RegistryClient,
    blobs: Iterable[Blob],
    *,
    progress: Progress,
    chunk: int = CHUNK,
    at_once: int = AT_ONCE,
) -> None:
    """See that a registry has these blobs: it has them, takes them from another repository, or they are sent.

    Memory does not grow with them: the chunks of all uploads stay under 48 MiB.

    Args:
        client: The repository, ``pushing``.
        blobs: In any order; one that comes twice is sent once.
        progress: Told the bytes that the registry has, of how many; each byte counts once, however often it is sent.
        chunk: The largest chunk, in bytes.
        at_once: How many are sent side by side.

    Raises:
        LocalError: See ``Upload.run``; of several the first.
        Interrupted: The client's ``stop`` was set.
    """
    wanted = list({blob.descriptor.digest: blob for blob in blobs}.values())
    if not wanted:
        return
    several = _ROOM // (2 * at_once)  # a chunk, where each of those side by side has two of them
    large = sum(blob.descriptor.size > several for blob in wanted)
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


def _push(client: RegistryClient, blob: Blob, limit: Limit, aside: ThreadPoolExecutor, count: _Count) -> None:
    digest = blob.descriptor.digest

    def advance(sent: int) -> None:
        count.moved(digest, sent)

    if not has_blob(client, blob):
        location = _mounted(client, blob)
        if location != "":
            Upload(client, blob, limit, aside, advance).run(location)
    advance(blob.descriptor.size)


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
    if answer.status == 201 and has_blob(client, blob):
        return ""
    # A registry that does not mount, or has no such blob there, begins an upload.
    return client.place(answer) if answer.status == 202 else None


class _Count:
    """What the registry has of all blobs. Threads may share it."""

    def __init__(self, progress: Progress, blobs: list[Blob]) -> None:
        self._progress = progress
        self._total = sum(blob.descriptor.size for blob in blobs)
        self._each: dict[str, int] = {}
        self._turn = threading.Lock()

    def moved(self, digest: str, sent: int) -> None:
        with self._turn:
            if sent > self._each.get(digest, -1):
                self._each[digest] = sent
                self._progress(sum(self._each.values()), self._total)

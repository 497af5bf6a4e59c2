"""A large object in parts: several connections, each of which fetches one range after the other into the same file.

What is there is known from the disk: a part counts once it was synced and the state says so. The digests are made while
parts arrive, from the kernel's cache, so the disk is not read for them; only what an earlier process left is read once.
"""

import hashlib
import os
import queue
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Final

import requests
from msgspec.structs import replace

from migrate.core.errors import Interrupted, MigrateError
from migrate.ovhcloud.stored import ObjectRefused, facts_of, stored_bytes
from migrate.sources import failures
from migrate.sources.checksums import Check
from migrate.sources.failures import Broken, Tries
from migrate.sources.partial import Partial, Saved, Span, merged, missing, sync

if TYPE_CHECKING:
    from migrate.ovhcloud.objects import ObjectStore

PART: Final = 16 * 1024 * 1024
LEAST: Final = 2 * PART
"""Objects of so many bytes are fetched in parts; below it a second connection gains nothing."""

CONNECTIONS: Final = 4
_MOST: Final = 16
_VARIABLE: Final = "MIGRATE_DOWNLOAD_CONNECTIONS"
_CHUNK: Final = 256 * 1024
_HASHED_AT_ONCE: Final = PART  # then parts that arrived meanwhile are written down
_REPORTED: Final = 4 * 1024 * 1024  # of a part, so that a kill loses little of it
_LOOK: Final = 0.1
_WRITTEN_DOWN: Final = 0.5  # seconds between two syncs
_OF_CONDITIONS: Final = frozenset({400, 412, 501})  # 501 is S3's word for a header that a store does not implement
_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)")

Advance = Callable[[int], None]


class NoRangesError(Exception):
    """The store gives the object, and no part of it alone."""


def connections(environ: Mapping[str, str]) -> int:
    """How many connections fetch parts: ``MIGRATE_DOWNLOAD_CONNECTIONS`` (1 to 16), by default 4."""
    text = environ.get(_VARIABLE, "")
    return min(_MOST, max(1, int(text))) if text.isdecimal() else CONNECTIONS


class Connections:
    """The connections of one model's download; objects that are in parts take turns."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._pool = ThreadPoolExecutor(max_workers=number, thread_name_prefix="parts")

    def start(self, work: Callable[[], None]) -> list[Future[None]]:
        """The same work on each connection."""
        return [self._pool.submit(work) for _ in range(self.number)]

    def close(self) -> None:
        """Wait until all have ended; whoever has begun was told to stop."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class Parts:
    """The parts of one object.

    Args:
        store: Where it lies.
        name: Its name.
        saved: Its version, and the parts that are there.
        partial: Where its bytes and its state go.
        pool: The connections.
        advance: Told the bytes that arrived.
        stop: Waits, and says whether to end early.
        large: Whether the object is made of segments, for the words of a failure.
    """

    def __init__(
        self,
        store: "ObjectStore",
        name: str,
        saved: Saved,
        *,
        partial: Partial,
        pool: Connections,
        advance: Advance,
        stop: Callable[[float], bool],
        large: bool,
    ) -> None:
        self._store = store
        self._name = name
        self._saved = saved
        self._partial = partial
        self._pool = pool
        self._advance = advance
        self._stop = stop
        self._large = large
        self._wanted = deque(missing(saved.spans, saved.size, PART))
        self._turn = threading.Lock()
        self._arrived: queue.SimpleQueue[Span] = queue.SimpleQueue()
        self._unwritten: list[Span] = []
        self._due = 0.0
        self._ended = threading.Event()
        self._conditional = True

    def fetch(self, check: Check) -> tuple[Saved, "hashlib._Hash"]:
        """Fetch what is missing.

        Args:
            check: Told the object's bytes in their order, too.

        Returns:
            The state, and the SHA-256 of all bytes.

        Raises:
            RemoteError: ``object-changed``: what is there is of no more use. Or as ``Tries`` says.
            NoRangesError: The store answers with the whole.
            Interrupted: The stop was asked for; what arrived is kept.
        """
        self._advance(sum(end - start for start, end in self._saved.spans))
        digest, done = hashlib.sha256(), 0
        self._partial.keep(self._saved)  # and set the room aside for the state that is written at the end
        with self._opened() as file:
            futures = self._pool.start(lambda: self._connection(file))
            try:
                while done < self._saved.size:
                    there = self._contiguous()
                    self._write_down(file, pause=0.0 if done < there else _LOOK)
                    for chunk in _read(file, done, min(self._contiguous(), done + _HASHED_AT_ONCE)):
                        digest.update(chunk)
                        check.update(chunk)
                        done += len(chunk)
                    self._check(futures)
            finally:
                self._ended.set()
                wait([future for future in futures if not future.cancel()])
                with suppress(OSError):  # of a disk that is full, which was raised above
                    self._write_down(file, at_the_end=True)
        return self._saved, digest

    @contextmanager
    def _opened(self) -> Iterator[int]:
        descriptor = os.open(self._partial.parts, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _contiguous(self) -> int:
        spans = self._saved.spans
        return spans[0][1] if spans and spans[0][0] == 0 else 0

    def _check(self, futures: list[Future[None]]) -> None:
        if self._stop(0):
            raise Interrupted
        for future in futures:
            if future.done() and (error := future.exception()) is not None:
                raise error

    def _write_down(self, file: int, pause: float = 0.0, *, at_the_end: bool = False) -> None:
        """Have the disk keep what arrived, and then say so in the state; ``pause`` for something to arrive."""
        try:
            self._unwritten.append(self._arrived.get(timeout=pause) if pause else self._arrived.get_nowait())
            while True:
                self._unwritten.append(self._arrived.get_nowait())
        except queue.Empty:
            pass
        spans = merged((*self._saved.spans, *self._unwritten))
        now = time.monotonic()
        due = at_the_end or now >= self._due or not missing(spans, self._saved.size, self._saved.size)
        if self._unwritten and due:
            sync(file)
            saved = replace(self._saved, spans=spans)
            self._partial.keep(saved, at_the_end=at_the_end)
            self._saved, self._unwritten, self._due = saved, [], now + _WRITTEN_DOWN

    def _next(self) -> Span | None:
        with self._turn:
            return self._wanted.popleft() if self._wanted else None

    def _connection(self, file: int) -> None:
        """Fetch one part after the other, as long as there are some."""
        while not self._ended.is_set() and (span := self._next()) is not None:
            start, end = span
            tries, have = Tries(self._halted), start
            try:
                while have < end:
                    before = have
                    try:
                        for chunk in self._range(have, end):
                            _write(file, chunk, have)
                            have += len(chunk)
                            self._advance(len(chunk))
                            if have - start >= _REPORTED:
                                self._arrived.put((start, have))
                                start = have
                            if self._halted(0):
                                raise Interrupted
                        if have < end:
                            raise self._short(have)
                    except requests.RequestException as error:
                        broken = self._short(have)
                        broken.__cause__ = error
                        tries.wait(broken, moved=have > before)
                    except Broken as broken:
                        tries.wait(broken, moved=have > before)
            finally:
                if have > start:
                    self._arrived.put((start, have))

    def _halted(self, seconds: float) -> bool:
        return self._stop(seconds) or self._ended.is_set()

    def _short(self, have: int) -> Broken:
        return Broken(failures.short(self._name, have, self._saved.size, large=self._large))

    def _range(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes of a range, if they are still those of the same version."""
        wanted = {"Range": f"bytes={start}-{end - 1}"}
        conditional = self._conditional
        if conditional:
            wanted["If-Match"] = f'"{self._saved.etag}"'
        with ExitStack() as stack:
            try:
                response = stack.enter_context(self._store.open(self._name, wanted))
            except ObjectRefused as refusal:
                raise self._refused(refusal, conditional=conditional) from refusal
            self._check_answer(response, start, end)
            left = end - start
            for chunk in stored_bytes(response, _CHUNK):
                yield chunk[:left]
                left -= len(chunk)
                if left <= 0:
                    return

    def _refused(self, refusal: ObjectRefused, *, conditional: bool) -> Exception:
        if conditional and refusal.status in _OF_CONDITIONS:
            # Some stores compare it with another spelling of the ETag, or know none: the answer's own ETag tells.
            self._conditional = False
            return Broken(self._changed("the store has another version"))
        if refusal.status != 412:
            return failures.refused(self._name, refusal)
        return self._changed("the store has another version")

    def _check_answer(self, response: requests.Response, start: int, end: int) -> None:
        facts = facts_of(response)
        if response.status_code == 416 or facts.etag != self._saved.etag:
            raise self._changed("the store has another version")
        if response.status_code == 200:
            raise NoRangesError
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != start or int(match[2]) >= end:
            raise Broken(failures.changed(self._name, "the store answered another range"))
        if int(match[3]) != self._saved.size or facts.encoding != self._saved.encoding:
            raise self._changed("its size or coding is another one")

    def _changed(self, why: str) -> MigrateError:
        return failures.changed(self._name, why)


def _write(file: int, chunk: bytes, offset: int) -> None:
    """All of it: where a disk is nearly full, the first write takes a part and the next one says why."""
    left = memoryview(chunk)
    while left:
        written = os.pwrite(file, left, offset)
        left, offset = left[written:], offset + written


def _read(file: int, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        chunk = os.pread(file, min(_CHUNK, end - start), start)
        if not chunk:
            message = f"the file of the parts ends at {start}, before {end}"
            raise OSError(message)
        yield chunk
        start += len(chunk)

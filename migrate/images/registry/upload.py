"""One blob on its way to a registry, in chunks, and what is done after a cut.

A blob that is made while it is sent goes in chunks too: a registry wants its digest at the end (``PUT``) alone.

After a cut the registry is asked how far the upload came (OCI distribution specification 1.1, "Pushing a blob in
chunks"), and it goes on there: at most one chunk is sent again. Where a proxy takes no request of this size, which it
says by 413 or by a connection that breaks twice at one place, chunks become smaller, also of the uploads after it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from migrate.core.errors import LocalError
from migrate.images.registry.client import is_busy
from migrate.images.registry.refusals import unreachable_error
from migrate.images.registry.source import Blob, Buffers, Source
from migrate.images.registry.spare import Spare, is_needed
from migrate.images.registry.transport import NoAnswer
from migrate.machine.patience import (
    REGISTRY_COMMIT,
    REGISTRY_HINDSIGHT,
    REGISTRY_UPLOAD,
    Patience,
    retry_after,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor

    from migrate.core.values import Descriptor
    from migrate.images.registry.client import RegistryClient
    from migrate.images.registry.source import UnmadeBlob
    from migrate.images.registry.transport import Answer

SMALLEST: Final = 256 << 10
"""No proxy is known that takes less."""

_SLICE: Final = 64 << 10  # bytes given to a socket at a time: between two, progress is told and a stop is heeded
_BYTES: Final = {"Content-Type": "application/octet-stream"}
_RANGE: Final = re.compile(r"(\d+)-(\d+)$")
_ELSEWHERE: Final = frozenset({301, 302, 303, 307, 308})
_NEW_UPLOAD: Final = frozenset({400, 404, 409, 410, 416})
"""Said of an upload that the registry does not know any more, or knows otherwise than this client."""


class Limit:
    """How large a chunk may be, in bytes, and whether the registry opens spares; all uploads to it share this."""

    def __init__(self, largest: int) -> None:
        self.bytes = largest
        self.spares = 3  # how many may fail before none is tried any more

    def without_spare(self) -> None:
        """A spare was none: it stayed shut, or a proxy gathered it until it was too late."""
        self.spares -= 1

    def fall(self, tried: int) -> bool:
        """Chunks of this size do not get through: whether a smaller one may."""
        if tried <= SMALLEST:
            return False
        self.bytes = min(self.bytes, max(tried // 2, SMALLEST))
        return True


class _Lost(Exception):  # noqa: N818 - a signal of this module, never seen outside
    """The registry has no such upload any more; ``taken``: it has all bytes, and may be putting them in their place."""

    def __init__(self, why: LocalError, *, taken: bool = False, seconds: float | None = None) -> None:
        super().__init__(why.what)
        self.why = why
        self.taken = taken
        self.seconds = seconds  # that the registry asks to wait


class Upload:
    """One blob, sent to one repository.

    Args:
        client: The repository.
        blob: What is sent.
        limit: How large a chunk may be.
        aside: Reads the source ahead, and keeps spares; three tasks at a time.
        advance: Told how many bytes of the blob have been sent, never fewer than before.
    """

    def __init__(
        self,
        client: RegistryClient,
        blob: Blob | UnmadeBlob,
        limit: Limit,
        aside: Executor,
        advance: Callable[[int], None],
    ) -> None:
        self._client = client
        self._blob = blob
        self._known = blob.descriptor if isinstance(blob, Blob) else None
        self._limit = limit
        self._buffers = Buffers()
        self._aside = aside
        self._advance = advance
        self._sent = 0  # told to advance
        self._best = 0  # how far any upload of this blob came
        self._failures = 0  # since it came further
        self._cuts = 0  # the same
        self._location = ""
        self._least = 1  # bytes; the smallest chunk that the registry takes

    def run(self, location: str | None = None) -> Descriptor:
        """Send it, and see that the registry has it; what was sent.

        Args:
            location: An upload that has been begun.

        Raises:
            LocalError: ``registry-login``, ``registry-denied``, ``registry-full``, ``registry-unreachable``,
                ``registry-failed``, ``push-failed``, or what the source raises.
            Interrupted: The client's ``stop`` was set; the registry is told to forget the upload.
        """
        try:
            return self._run(location)
        finally:
            self._buffers.give_back()

    def _run(self, location: str | None) -> Descriptor:
        while True:
            try:
                self._location = location or self._begun()
                known = self._known if isinstance(self._blob, Blob) else None  # the end of others is read for
                done = self._whole(known) if known and known.size <= self._limit.bytes else self._in_chunks()
            except _Lost as lost:
                if self._known is None or not self._is_there(self._known, after_all=lost.taken):
                    self._failed(lost.why, lost.seconds)
                    location = None
                    continue
                done = self._known  # another client has finished the same blob meanwhile
            except BaseException as error:
                if self._location and not (isinstance(error, LocalError) and error.code == "registry-unreachable"):
                    self._client.abandon(self._location)
                raise
            self._tell(done.size)
            return done

    # The requests.

    def _begun(self) -> str:
        path = f"{self._client.repository}/blobs/uploads/"
        answer = self._client.ask("POST", path)
        if answer.status != 202:
            raise self._client.refused(answer)
        least = answer.header("OCI-Chunk-Min-Length")
        self._least = int(least) if least.isdecimal() else 1
        return self._client.place(answer)

    def _whole(self, known: Descriptor) -> Descriptor:
        with self._source(known.size) as source:
            body = _Body(source.at(0), self._told_from(0))
            source.check()
            try:
                answer = self._client.exchange(
                    "PUT", self._end(known), headers=_BYTES, body=body, seconds=REGISTRY_COMMIT
                )
            except NoAnswer as none:
                self._cut(known.size)
                raise _Lost(unreachable_error(self._client.registry, str(none))) from none
        if answer.status == 413 and self._limit.fall(known.size):
            return self._in_chunks()
        self._finish(answer, known)
        return known

    def _in_chunks(self) -> Descriptor:
        with self._source(max(self._limit.bytes, self._least)) as source:
            position = 0
            while data := source.at(position)[: max(self._limit.bytes, self._least)]:
                position = self._chunk(data, position)
                self._moved(position)
            self._known = known = source.check()
        self._commit(known)
        return known

    def _commit(self, known: Descriptor) -> None:
        """Have everything that was sent put in its place, again where that may have failed: it costs no bytes."""
        repeated = False
        while True:
            seconds = None
            try:
                answer = self._client.exchange(
                    "PUT", self._end(known), headers=_BYTES, body=b"", seconds=REGISTRY_COMMIT
                )
            except NoAnswer as none:
                error = unreachable_error(self._client.registry, str(none))
            else:
                if repeated and answer.status in _NEW_UPLOAD:
                    raise _Lost(self._client.refused(answer), taken=True)  # the former request may not have ended
                if not is_busy(answer):
                    self._finish(answer, known)
                    return
                error, seconds = self._client.refused(answer), retry_after(answer.header("Retry-After"))
            self._failed(error, seconds)
            if has_blob(self._client, known):
                return
            repeated = True

    def _chunk(self, data: memoryview, position: int) -> int:
        """Send one; how far the upload is then."""
        body = _Body(data, self._told_from(position))
        spare = self._spare() if position and is_needed(self._location) else None
        try:
            answer = self._patched(body, position, spare)
        except NoAnswer as none:
            self._cut(len(data))
            state = self._state()
            if state <= position:
                self._failed(unreachable_error(self._client.registry, str(none)))
            return state
        finally:
            if spare is not None:
                spare.end()
        if answer.status in (201, 202, 204):
            if answer.header("Location"):
                self._location = self._client.place(answer)
            whole = position + len(data)
            end = _end_of(answer, whole)
            return end if position < end < whole else whole
        if answer.status == 413 and self._limit.fall(len(data)):
            return self._state()
        if answer.status != 416 and not is_busy(answer):
            raise self._problem(answer)
        error = self._client.refused(answer)
        self._failed(error, retry_after(answer.header("Retry-After")))
        state = self._state()
        if answer.status == 416 and state == position:
            raise _Lost(error)
        return state

    def _patched(self, body: _Body, position: int, spare: Spare | None) -> Answer:
        headers = {**_BYTES, "Content-Range": f"{position}-{position + len(body) - 1}"}
        try:
            answer = self._client.exchange("PATCH", self._location, headers=headers, body=body)
        except NoAnswer:
            if spare is None:
                raise
        else:
            if spare is None or not is_busy(answer):
                return answer
            self._client.wait(retry_after(answer.header("Retry-After")) or REGISTRY_UPLOAD.first_wait)
        return spare.use(body)

    def _spare(self) -> Spare | None:
        if self._limit.spares <= 0:
            return None
        spare = Spare(self._client, self._location, _BYTES, self._aside, self._limit.without_spare)
        if spare.is_open:
            return spare
        self._limit.without_spare()
        return None

    def _state(self) -> int:
        """How far the registry has come with the upload."""
        answer = self._client.ask("GET", self._location)
        if answer.status not in (200, 202, 204):
            raise self._problem(answer)
        if answer.header("Location"):
            self._location = self._client.place(answer)
        # "0-0" is said of nothing and of one byte; the next chunk is refused by 416 where it was one.
        end = _end_of(answer, 0)
        return end if end > 1 and (self._known is None or end <= self._known.size) else 0

    def _finish(self, answer: Answer, known: Descriptor) -> None:
        if answer.status not in (201, 204):
            raise self._problem(answer)
        said = answer.header("Docker-Content-Digest")
        if (said or known.digest) != known.digest or (not said and not has_blob(self._client, known)):
            raise self._client.failed(f"it took the layer {known.digest} and calls it {said or 'nothing'}")

    def _is_there(self, known: Descriptor, *, after_all: bool) -> bool:
        patience = REGISTRY_HINDSIGHT if after_all else Patience(seconds=0, first=1)
        return wait_until(lambda: has_blob(self._client, known), bool, patience, pause=self._client.wait)

    # Failures.

    def _problem(self, answer: Answer) -> Exception:
        """What an answer means that does not let this upload go on."""
        error = self._client.refused(answer)
        if answer.status in _NEW_UPLOAD or is_busy(answer):
            return _Lost(error, seconds=retry_after(answer.header("Retry-After")))
        return error

    def _cut(self, size: int) -> None:
        """A request of this size broke: the second time since the upload came further, smaller ones are tried."""
        self._cuts += 1
        if self._cuts > 1 and self._limit.fall(size):
            self._failures -= 1  # it is not tried in the same way again

    def _failed(self, error: LocalError, seconds: float | None = None) -> None:
        """Wait before the next try, or raise where enough were made without coming further."""
        self._failures += 1
        if self._failures >= REGISTRY_UPLOAD.attempts:
            raise error
        if self._failures > 1 or seconds is not None:
            backoff = min(REGISTRY_UPLOAD.first_wait * 2 ** (self._failures - 2), REGISTRY_UPLOAD.longest_wait)
            self._client.wait(max(backoff, seconds or 0.0))

    def _moved(self, position: int) -> None:
        if position > self._best:
            self._best, self._failures, self._cuts = position, 0, 0

    # Parts.

    def _source(self, chunk: int) -> Source:
        return Source(self._blob, chunk, self._aside, self._client.wait, self._buffers)

    def _end(self, known: Descriptor) -> str:
        return f"{self._location}{'&' if '?' in self._location else '?'}digest={quote(known.digest, safe='')}"

    def _told_from(self, position: int) -> Callable[[int], None]:
        def told(number: int) -> None:
            self._client.check_stop()
            self._tell(position + number)

        return told

    def _tell(self, sent: int) -> None:
        if sent > self._sent:
            self._sent = sent
            self._advance(sent)


class _Body:
    """A chunk as a request sends it, again and again where it must."""

    def __init__(self, data: memoryview, told: Callable[[int], None]) -> None:
        self._data = data
        self._told = told

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[memoryview]:
        for start in range(0, len(self._data), _SLICE):
            self._told(start)
            yield self._data[start : start + _SLICE]
        self._told(len(self._data))


def has_blob(client: RegistryClient, blob: Descriptor) -> bool:
    """Whether the registry has a blob.

    Raises:
        LocalError: It has it with another size (``registry-failed``), or refuses to say.
    """
    answer = client.ask("HEAD", f"{client.repository}/blobs/{blob.digest}")
    if answer.status == 404:
        return False
    if answer.status in _ELSEWHERE:
        return True  # it is there, where whoever wants to read it is sent on to
    if answer.status != 200:
        raise client.refused(answer)
    size = answer.header("Content-Length")
    if size.isdecimal() and int(size) != blob.size:
        raise client.failed(f"it has {size} bytes under {blob.digest}, which are {blob.size}; it is damaged")
    return True


def _end_of(answer: Answer, otherwise: int) -> int:
    """How many bytes a ``Range`` of an upload says are there."""
    found = _RANGE.search(answer.header("Range"))
    return int(found[2]) + 1 if found else otherwise

"""One object on its way to disk: large ones in parts, others as a stream; size and MD5 checked where they are true."""

import contextlib
import hashlib
import re
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import requests
from msgspec.structs import replace

from migrate.core.errors import Interrupted, RemoteError
from migrate.core.text import printable
from migrate.core.values import ArtifactFile
from migrate.machine import patience
from migrate.machine.disk import check_space
from migrate.ovhcloud.objects import ObjectStore
from migrate.ovhcloud.stored import (
    ObjectFacts,
    ObjectRefused,
    StoredObject,
    UnreadableObjectError,
    facts_of,
    stored_bytes,
)
from migrate.sources import failures
from migrate.sources.encoding import is_packed, unknown, unpacked
from migrate.sources.failures import Broken, Tries
from migrate.sources.partial import Partial, Saved, sync
from migrate.sources.ranges import LEAST, Connections, NoRangesError, Parts

_CHUNK: Final = 64 * 1024
_MD5: Final = re.compile(r"[0-9a-f]{32}")
_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_SPACE_LOOK: Final = 64 * 1024 * 1024  # nothing says beforehand how much compressed data becomes


class Download:
    """The download of one object.

    Args:
        store: Where the object lies.
        wanted: It, as it was listed.
        path: What its file is called in the artifact.
        target: Where the file goes.
        partial: Where partial data goes; what else is known of it lies beside it.
        connections: What parts are fetched over.
        advance: Told the bytes that arrived; fewer than nothing where some are thrown away.
        tell: Told what a person should know, in a sentence.
        stop: Waits, and says whether to end early.
    """

    def __init__(  # noqa: PLR0913 - the object, its places and who listens
        self,
        store: ObjectStore,
        wanted: StoredObject,
        *,
        path: str,
        target: Path,
        partial: Path,
        connections: Connections,
        advance: Callable[[int], None],
        tell: Callable[[str], None],
        stop: Callable[[float], bool],
    ) -> None:
        self._store = store
        self._wanted = wanted
        self._path = path
        self._target = target
        self._partial = Partial(partial)
        self._connections = connections
        self._advance = advance
        self._tell = tell
        self._stop = stop
        self._turn = threading.Lock()
        self._counted = 0
        self._ranges = True
        self._streamed = False
        self._large = False

    def run(self) -> ArtifactFile:
        """Download until the object is whole.

        Raises:
            RemoteError: ``truncated-download``, ``corrupt-download``, ``object-gone``, ``storage-unavailable``, or
                ``object-changed``: the listing that the object was taken from is of no more use.
            NeedsYouError: ``object-unreadable``, ``encoded-object``.
            Interrupted: The stop was asked for; what was downloaded stays for the next run.
            OSError: The disk.
        """
        if done := self._already():
            self._count(done.size)
            return done
        tries = Tries(self._stop)
        while True:
            before = self._have()
            try:
                if self._wanted.size >= LEAST and self._ranges:
                    return self._in_parts()
                return self._once()
            except NoRangesError:
                self._ranges = False
                self._forget()
            except Broken as broken:
                tries.wait(broken, moved=self._have() > before)

    def _already(self) -> ArtifactFile | None:
        """The file that an earlier run finished, if the object is still the one it was."""
        saved = self._saved()
        if saved is None or not saved.digest or not self._target.is_file():
            return None
        if self._target.stat().st_size != saved.size:
            return None
        return ArtifactFile(path=self._path, size=saved.size, digest=saved.digest)

    def _saved(self) -> Saved | None:
        """The state, if it is of the version that was listed; what is there of another one is thrown away."""
        saved = self._partial.saved()
        if saved is None or (
            saved.last_modified == self._wanted.last_modified and saved.listed in {-1, self._wanted.size}
        ):
            return saved
        self._thrown_away(0 if saved.digest else max(self._have(), sum(end - start for start, end in saved.spans)))
        return None

    def _have(self) -> int:
        return self._partial.received()

    def _thrown_away(self, had: int) -> None:
        self._forget()
        if had:
            self._tell(
                f"The object {printable(self._wanted.name)!r} changed after its download began: the {had:,} bytes "
                "that were there are thrown away, and it is downloaded anew."
            )

    def _forget(self) -> None:
        self._count(0)
        self._partial.discard()

    def _in_parts(self) -> ArtifactFile:
        """Ask for one byte, whose answer tells the version, and then for all parts of just that version."""
        saved = self._saved()
        try:
            with self._store.open(self._wanted.name, {"Range": "bytes=0-0"}) as response:
                now = self._version(response)
        except requests.RequestException as error:
            raise Broken(self._short(0, self._wanted.size)) from error
        except ObjectRefused as error:
            raise failures.refused(self._wanted.name, error) from error
        if saved is None or saved.digest:
            self._partial.discard()
            saved = now
        elif (saved.etag, saved.size, saved.encoding) != (now.etag, now.size, now.encoding):
            self._thrown_away(max(self._have(), sum(end - start for start, end in saved.spans)))
            saved = now
        if not now.has_md5:  # an earlier release wrote a stream and did not sync it, and nothing tells what was lost
            self._partial.stream.unlink(missing_ok=True)
        saved = self._partial.adopt(saved)
        self._count(0)
        md5 = hashlib.md5(usedforsecurity=False) if self._has_md5(saved.etag) else None
        parts = Parts(
            self._store,
            self._wanted.name,
            saved,
            partial=self._partial,
            pool=self._connections,
            advance=self._add,
            stop=self._stop,
            large=self._large,
        )
        try:
            saved, sha = parts.fetch(md5)
        except RemoteError as error:
            if error.code == failures.CHANGED:
                self._forget()
            raise
        return self._finish(self._partial.parts, sha, md5, saved)

    def _version(self, response: requests.Response) -> Saved:
        """What the object is now, as the state of an object of which nothing is there.

        Raises:
            NoRangesError: The store gives no parts, or nothing tells one version from another.
            RemoteError: ``object-changed``: it has another size than was listed.
        """
        facts = facts_of(response)
        weak = response.headers.get("ETag", "").startswith("W/")
        if response.status_code != 206 or not facts.etag or weak or facts.size is None:
            raise NoRangesError
        self._large = facts.large or bool(self._wanted.large)
        expected = self._expected(facts)
        if facts.size != expected:
            raise failures.changed(self._wanted.name, f"it has {facts.size} bytes, and {expected} were listed")
        if words := unknown(facts.encoding):
            raise failures.encoded(self._wanted.name, words)
        return self._state(facts, expected)

    def _state(self, facts: ObjectFacts, size: int) -> Saved:
        return Saved(
            etag=facts.etag,
            size=size,
            last_modified=self._wanted.last_modified,
            listed=self._wanted.size,
            encoding=facts.encoding,
            has_md5=self._has_md5(facts.etag),
        )

    def _expected(self, facts: ObjectFacts) -> int:
        """What stands for other objects may be listed with another size than it has."""
        listed = self._wanted.size
        return facts.size if facts.size is not None and (facts.large or not listed) else listed

    def _has_md5(self, etag: str) -> bool:
        return not (self._large or self._wanted.indirect) and _MD5.fullmatch(etag) is not None

    def _once(self) -> ArtifactFile:
        saved, have = self._saved(), self._have()
        if have and not self._streamed and saved and not saved.has_md5:
            # Another process wrote it, perhaps before a power cut, and nothing would tell what the disk lost.
            have = self._partial.cut_to_synced(saved)
            saved = saved if have else None
        headers = {}
        if saved and saved.etag and have:
            headers = {"Range": f"bytes={have}-", "If-Range": f'"{saved.etag}"'}
        try:
            with self._store.open(self._wanted.name, headers) as response:
                return self._receive(response, saved, have if headers else 0)
        except requests.RequestException as error:
            raise Broken(self._short(self._have(), self._wanted.size)) from error
        except ObjectRefused as error:
            raise failures.refused(self._wanted.name, error) from error

    def _receive(self, response: requests.Response, saved: Saved | None, offset: int) -> ArtifactFile:
        facts = facts_of(response)
        self._large = facts.large or bool(self._wanted.large)  # an answer without bytes need not tell
        if response.status_code == 416:
            if saved is not None and offset == saved.size and self._partial.stream.exists():
                return self._finish(self._partial.stream, *self._hashed(), saved)
            raise self._restart("the object became shorter")
        if response.status_code == 206:
            self._check_range(response, saved, offset, facts)
        elif offset:
            self._thrown_away(offset)
            offset = 0
        expected = self._expected(facts)
        now = self._state(facts, expected)
        if words := unknown(facts.encoding):
            raise failures.encoded(self._wanted.name, words)
        if offset == 0:
            self._partial.discard()
            self._partial.keep(now)
        sha, md5 = self._hashed() if offset else (hashlib.sha256(), hashlib.md5(usedforsecurity=False))
        received = offset
        self._count(received)
        self._streamed = True
        with self._partial.stream.open("ab") as file:
            try:
                for chunk in stored_bytes(response, _CHUNK):
                    if self._stop(0):
                        raise Interrupted
                    file.write(chunk)
                    sha.update(chunk)
                    md5.update(chunk)
                    received += len(chunk)
                    self._count(received)
                    if received > expected:
                        raise self._restart("the object became longer")
            finally:
                if offset < received < expected and not now.has_md5:  # so that another process may go on from here
                    file.flush()
                    sync(file.fileno())
                    self._partial.keep(replace(now, spans=((0, received),)), at_the_end=True)
        if received < expected:
            raise self._ended(received, expected, facts)
        return self._finish(self._partial.stream, sha, md5, now)

    def _ended(self, received: int, expected: int, facts: ObjectFacts) -> Exception:
        """What to raise for an answer that ended early: another, shorter object has that size by a second answer too.

        What is on the way may have cut the first one, and given it the length that was left.
        """
        with contextlib.suppress(UnreadableObjectError, RemoteError):
            if received == facts.size and self._store.facts_now(self._wanted.name).size == received:
                self._forget()
                return failures.changed(self._wanted.name, f"it has {received} bytes, and {expected} were listed")
        return Broken(self._short(received, expected))

    def _check_range(self, response: requests.Response, saved: Saved | None, offset: int, facts: ObjectFacts) -> None:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        same = saved is not None and facts.etag == saved.etag and facts.size in {None, saved.size}
        if match is None or int(match[1]) != offset or not same:
            raise self._restart("the store answered another range or another version")

    def _finish(self, whole: Path, sha: "hashlib._Hash", md5: "hashlib._Hash | None", saved: Saved) -> ArtifactFile:
        if md5 is not None and self._has_md5(saved.etag) and md5.hexdigest() != saved.etag:
            self._forget()
            raise Broken(failures.corrupt(self._wanted.name), tries=1)
        self._target.parent.mkdir(parents=True, exist_ok=True)
        size, packed = saved.size, whole
        if _is_packed(packed, saved.encoding):
            # Beside the bytes as stored, which stay what the state says they are until the file is in its place.
            whole = packed.with_suffix(".unpacked")
            sha, size = self._unpack(packed, whole)
        digest = f"sha256:{sha.hexdigest()}"
        with whole.open("rb") as file:
            sync(file.fileno())  # the state is about to say that it is there
        whole.replace(self._target)
        self._partial.discard()
        self._partial.keep(replace(saved, size=size, digest=digest, spans=()), at_the_end=True)
        return ArtifactFile(path=self._path, size=size, digest=digest)

    def _unpack(self, packed: Path, plain: Path) -> "tuple[hashlib._Hash, int]":
        """Write the file that the object's Content-Encoding stands for, which the bytes as stored are not."""
        sha, size = hashlib.sha256(), 0
        try:
            with packed.open("rb") as stored, plain.open("wb") as file:
                for piece in unpacked(iter(lambda: stored.read(_CHUNK), b"")):
                    if self._stop(0):
                        raise Interrupted
                    if size // _SPACE_LOOK != (size + len(piece)) // _SPACE_LOOK:
                        check_space(plain.parent, _SPACE_LOOK)
                    file.write(piece)
                    sha.update(piece)
                    size += len(piece)
        except (zlib.error, EOFError) as error:
            plain.unlink()
            raise failures.damaged(self._wanted.name) from error
        return sha, size

    def _hashed(self) -> "tuple[hashlib._Hash, hashlib._Hash]":
        sha, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        with self._partial.stream.open("rb") as file:
            while chunk := file.read(_CHUNK):
                sha.update(chunk)
                md5.update(chunk)
        return sha, md5

    def _count(self, received: int) -> None:
        """Report progress; another try may begin again below what an earlier one reached."""
        self._add(received - self._counted)

    def _add(self, number: int) -> None:
        with self._turn:
            self._counted += number
        self._advance(number)

    def _restart(self, why: str) -> Broken:
        self._partial.stream.unlink(missing_ok=True)
        return Broken(failures.changed(self._wanted.name, why))

    def _short(self, have: int, expected: int) -> RemoteError:
        return failures.short(self._wanted.name, have, expected, large=self._large)


def _is_packed(file: Path, encoding: str) -> bool:
    with file.open("rb") as stored:
        return is_packed(encoding, stored.read(2))


def waiter(*events: threading.Event) -> Callable[[float], bool]:
    """A function that waits that many seconds or until one of the events is set, and says whether one is."""

    def wait(seconds: float) -> bool:
        while seconds > 0 and not any(event.is_set() for event in events):
            events[0].wait(min(seconds, patience.STOP_LOOK))
            seconds -= patience.STOP_LOOK
        return any(event.is_set() for event in events)

    return wait

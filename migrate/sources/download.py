"""One object, streamed to disk: resumed by Range, its size and MD5 checked where the store gives a true one."""

import hashlib
import random
import re
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import requests
from msgspec import Struct
from msgspec.structs import replace

from migrate.core.errors import Interrupted, MigrateError, NeedsYouError, RemoteError
from migrate.core.text import printable, type_again
from migrate.core.values import ArtifactFile
from migrate.machine import patience
from migrate.machine.disk import check_space
from migrate.ovhcloud.objects import ObjectStore, unavailable, worth_another_try
from migrate.ovhcloud.stored import ObjectFacts, ObjectRefused, StoredObject, facts_of, stored_bytes
from migrate.sources.encoding import is_packed, unknown, unpacked

_CHUNK: Final = 64 * 1024
_TRIES_WITHOUT_PROGRESS: Final = patience.DOWNLOAD_RETRY.attempts
_TRIES: Final = 40
_MD5: Final = re.compile(r"[0-9a-f]{32}")
_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_SPACE_LOOK: Final = 64 * 1024 * 1024  # nothing says beforehand how much compressed data becomes


class Saved(Struct, frozen=True, kw_only=True):
    """Beside partial data: which version of the object it is of.

    ``size`` is that of the bytes as stored, and when the file is whole (``digest`` is set) that of the file.
    """

    etag: str = ""
    size: int
    last_modified: str
    digest: str = ""
    encoding: str = ""


class _Broken(Exception):  # noqa: N818 - a signal of this module, never seen outside
    """This try ended early; ``error`` is what the last one raises, and at most ``tries`` more are worth it."""

    def __init__(self, error: MigrateError, *, wait: float = 0.0, tries: int = _TRIES) -> None:
        super().__init__(error.what)
        self.error = error
        self.wait = wait
        self.tries = tries


class Download:
    """The download of one object into ``target``, with its partial data and state in ``partial`` and beside it."""

    def __init__(
        self,
        store: ObjectStore,
        wanted: StoredObject,
        *,
        path: str,
        target: Path,
        partial: Path,
        advance: Callable[[int], None],
        stop: Callable[[float], bool],
    ) -> None:
        self._store = store
        self._wanted = wanted
        self._path = path
        self._target = target
        self._partial = partial
        self._state = partial.with_suffix(".json")
        self._advance = advance
        self._stop = stop
        self._counted = 0
        self._large = False

    def run(self) -> ArtifactFile:
        """Download until the object is whole.

        Raises:
            RemoteError: ``truncated-download``, ``corrupt-download``, ``object-gone``, ``storage-unavailable``.
            NeedsYouError: ``object-unreadable``, ``encoded-object``.
            Interrupted: The stop was asked for; what was downloaded stays for the next run.
            OSError: The disk.
        """
        if done := self._already():
            self._count(done.size)
            return done
        tries_left, tries = _TRIES_WITHOUT_PROGRESS, _TRIES
        while True:
            before = self._have()
            try:
                return self._once()
            except _Broken as broken:
                tries = min(tries - 1, broken.tries)
                tries_left = _TRIES_WITHOUT_PROGRESS if self._have() > before else tries_left - 1
                if not tries or not tries_left:
                    raise broken.error from broken.__cause__
                doubled = patience.DOWNLOAD_RETRY.first_wait * 2.0 ** (_TRIES_WITHOUT_PROGRESS - tries_left)
                wait = max(broken.wait, doubled * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, no secret
                if self._stop(min(wait, patience.DOWNLOAD_RETRY.longest_wait)):
                    raise Interrupted from None

    def _already(self) -> ArtifactFile | None:
        """The file that an earlier run finished, if the object is still the one it was."""
        saved = self._saved()
        if saved is None or not saved.digest or not self._target.is_file():
            return None
        if self._target.stat().st_size != saved.size:
            return None
        return ArtifactFile(path=self._path, size=saved.size, digest=saved.digest)

    def _saved(self) -> Saved | None:
        try:
            saved = msgspec.json.decode(self._state.read_bytes(), type=Saved)
        except (OSError, msgspec.DecodeError):
            return None
        return saved if saved.last_modified == self._wanted.last_modified else None

    def _have(self) -> int:
        return self._partial.stat().st_size if self._partial.exists() else 0

    def _once(self) -> ArtifactFile:
        saved, have = self._saved(), self._have()
        headers = {}
        if saved and saved.etag and have:
            headers = {"Range": f"bytes={have}-", "If-Range": f'"{saved.etag}"'}
        try:
            with self._store.open(self._wanted.name, headers) as response:
                return self._receive(response, saved, have if headers else 0)
        except requests.RequestException as error:
            raise _Broken(self._short(self._have(), self._wanted.size)) from error
        except ObjectRefused as error:
            raise self._refused(error) from error

    def _refused(self, refused: ObjectRefused) -> Exception:
        if refused.status == 404:
            return RemoteError(
                f"The object {printable(self._wanted.name)!r} is no longer in the container, or it has expired and the "
                "storage still lists it, or it links to what is not there.",
                code="object-gone",
                next_step=type_again("Upload it again, or delete it if the model does not need it"),
            )
        if not worth_another_try(refused):
            manifest = (
                "Compare its manifest (multipart-manifest=get) with the segments that are there, and upload what is "
            )
            return NeedsYouError(
                f"The object {printable(self._wanted.name)!r} cannot be read: {refused.reason}.",
                code="object-unreadable",
                next_step=type_again(
                    f"{manifest}missing, or the whole again"
                    if refused.status == 409
                    else "Upload it again, or delete it if the model does not need it"
                ),
            )
        return _Broken(unavailable(self._wanted.name, refused), wait=refused.wait)

    def _receive(self, response: requests.Response, saved: Saved | None, offset: int) -> ArtifactFile:
        facts = facts_of(response)
        self._large = facts.large or bool(self._wanted.large)  # an answer without bytes need not tell
        if response.status_code == 416:
            if saved is not None and offset == saved.size and self._partial.exists():
                return self._finish(*self._hashed(), saved)
            raise self._restart("the object became shorter")
        if response.status_code == 206:
            self._check_range(response, saved, offset, facts)
        else:
            offset = 0
        # What stands for other objects may be listed with another size than it has.
        listed = self._wanted.size
        expected = facts.size if facts.size is not None and (facts.large or not listed) else listed
        now = Saved(etag=facts.etag, size=expected, last_modified=self._wanted.last_modified, encoding=facts.encoding)
        if words := unknown(facts.encoding):
            raise encoded(self._wanted.name, words)
        if offset == 0:
            self._partial.unlink(missing_ok=True)
            self._keep(now)
        sha, md5 = self._hashed() if offset else (hashlib.sha256(), hashlib.md5(usedforsecurity=False))
        received = offset
        self._count(received)
        with self._partial.open("ab") as file:
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
        if received < expected:
            raise _Broken(self._short(received, expected))
        return self._finish(sha, md5, now)

    def _check_range(self, response: requests.Response, saved: Saved | None, offset: int, facts: ObjectFacts) -> None:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        same = saved is not None and facts.etag == saved.etag and facts.size in {None, saved.size}
        if match is None or int(match[1]) != offset or not same:
            raise self._restart("the store answered another range or another version")

    def _finish(self, sha: "hashlib._Hash", md5: "hashlib._Hash", saved: Saved) -> ArtifactFile:
        if not (self._large or self._wanted.indirect) and _MD5.fullmatch(saved.etag) and md5.hexdigest() != saved.etag:
            self._partial.unlink(missing_ok=True)
            raise _Broken(
                RemoteError(
                    f"The download of {printable(self._wanted.name)!r} does not have the MD5 that the store says.",
                    code="corrupt-download",
                    next_step=type_again(note="if it stays so, the object is damaged and must be uploaded anew"),
                ),
                tries=1,
            )
        self._target.parent.mkdir(parents=True, exist_ok=True)
        size, whole = saved.size, self._partial
        if self._packed(saved.encoding):
            # Beside the bytes as stored, which stay what the state says they are until the file is in its place.
            whole = self._partial.with_suffix(".unpacked")
            sha, size = self._unpack(whole)
        digest = f"sha256:{sha.hexdigest()}"
        whole.replace(self._target)
        self._partial.unlink(missing_ok=True)
        self._keep(replace(saved, size=size, digest=digest))
        return ArtifactFile(path=self._path, size=size, digest=digest)

    def _packed(self, encoding: str) -> bool:
        with self._partial.open("rb") as file:
            return is_packed(encoding, file.read(2))

    def _unpack(self, plain: Path) -> "tuple[hashlib._Hash, int]":
        """Write the file that the object's Content-Encoding stands for, which the bytes as stored are not."""
        sha, size = hashlib.sha256(), 0
        try:
            with self._partial.open("rb") as packed, plain.open("wb") as file:
                for piece in unpacked(iter(lambda: packed.read(_CHUNK), b"")):
                    if self._stop(0):
                        raise Interrupted
                    if size // _SPACE_LOOK != (size + len(piece)) // _SPACE_LOOK:
                        check_space(plain.parent, _SPACE_LOOK)
                    file.write(piece)
                    sha.update(piece)
                    size += len(piece)
        except (zlib.error, EOFError) as error:
            plain.unlink()
            raise damaged(self._wanted.name) from error
        return sha, size

    def _hashed(self) -> "tuple[hashlib._Hash, hashlib._Hash]":
        sha, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        with self._partial.open("rb") as file:
            while chunk := file.read(_CHUNK):
                sha.update(chunk)
                md5.update(chunk)
        return sha, md5

    def _count(self, received: int) -> None:
        """Report progress; another try may begin again below what an earlier one reached."""
        self._advance(received - self._counted)
        self._counted = received

    def _keep(self, saved: Saved) -> None:
        temporary = self._state.with_suffix(".new")
        temporary.write_bytes(msgspec.json.encode(saved))
        temporary.replace(self._state)

    def _restart(self, why: str) -> _Broken:
        self._partial.unlink(missing_ok=True)
        return _Broken(
            RemoteError(
                f"The object {printable(self._wanted.name)!r} changed while it was downloaded: {why}.",
                code="object-changed",
                next_step=type_again("Wait until nobody writes to the container"),
            )
        )

    def _short(self, have: int, expected: int) -> RemoteError:
        if self._large:
            return RemoteError(
                f"The storage ends {printable(self._wanted.name)!r} after {have} of its {expected} bytes, several "
                "times. It is a large object: one of its segments may be missing.",
                code="truncated-download",
                next_step=type_again(
                    "Compare the object's manifest (multipart-manifest=get) with the segments that are there; upload "
                    "what is missing",
                    note="where nothing is, it goes on where it stopped",
                ),
            )
        return RemoteError(
            f"The storage returned {have} of the {expected} bytes of {printable(self._wanted.name)!r}, several times.",
            code="truncated-download",
            next_step=type_again(note="it goes on where it stopped"),
        )


def encoded(name: str, words: str) -> NeedsYouError:
    """The error for an object whose Content-Encoding is not undone here."""
    return NeedsYouError(
        f"The object {printable(name)!r} is stored with the Content-Encoding {printable(words, 40)}, which is not "
        "undone here.",
        code="encoded-object",
        next_step=type_again("Upload it again without one"),
    )


def damaged(name: str) -> NeedsYouError:
    """The error for an object that its Content-Encoding does not unpack."""
    return NeedsYouError(
        f"The object {printable(name)!r} is stored as compressed (Content-Encoding), and does not unpack: it is "
        "damaged.",
        code="object-unreadable",
        next_step=type_again("Upload it again"),
    )


def waiter(*events: threading.Event) -> Callable[[float], bool]:
    """A function that waits that many seconds or until one of the events is set, and says whether one is."""

    def wait(seconds: float) -> bool:
        while seconds > 0 and not any(event.is_set() for event in events):
            events[0].wait(min(seconds, patience.STOP_LOOK))
            seconds -= patience.STOP_LOOK
        return any(event.is_set() for event in events)

    return wait

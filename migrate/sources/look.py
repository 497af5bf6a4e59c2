"""A model's files where they lie, opened for a look: nothing is downloaded, and nothing is written."""

import io
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from migrate.core.errors import Interrupted
from migrate.core.looked import NotKnown, SeenObject
from migrate.core.text import printable
from migrate.core.values import BucketLocation, ContainerLocation, FolderLocation, ModelRecord
from migrate.ovhcloud.objects import ObjectStore
from migrate.ovhcloud.session import Cloud
from migrate.ovhcloud.stored import ObjectFacts, OtherBytesError
from migrate.sources.containers import ModelObject
from migrate.sources.download import damaged, encoded
from migrate.sources.encoding import codings, is_packed, unknown, unpacked
from migrate.sources.fetch import check_location, objects_of, store_at
from migrate.sources.large_objects import AT_ONCE
from migrate.sources.local import LocalFiles
from migrate.sources.ranged import MOST_HELD, Budget, Fetch, RangedFile

Stopped = Callable[[], bool]
Read = Callable[[int, int], bytes]

_PIECE: Final = 256 * 1024


def open_model(
    record: ModelRecord, cloud: Cloud | None, *, stopped: Stopped, environ: Mapping[str, str] = os.environ
) -> "StoredFiles | LocalFiles":
    """The files of a model, to be read where they lie; a door for ``formats.inspect.inspect_files``.

    Args:
        record: The model.
        cloud: OVHcloud's API; None is enough for files on this machine, and with S3 keys.
        stopped: Whether to end early.
        environ: The environment, for S3 keys.

    Raises:
        MigrateError: As for ``fetch.fetch``, as far as it is known before a download.
        NotKnown: Only a download tells what they are.
        Interrupted: ``stopped`` said so.
    """
    location = check_location(record)
    if isinstance(location, FolderLocation):
        return LocalFiles(location, stopped)
    return StoredFiles(location, store_at(location, cloud, environ), stopped)


class StoredFiles:
    """The files of a model in object storage, read by ranges within a budget.

    Attributes:
        objects: They, by name.
        sizes: Their sizes in bytes by path, as a download has them.
        unchecked: What was left out so far, a sentence each.
    """

    def __init__(self, location: ContainerLocation | BucketLocation, store: ObjectStore, stopped: Stopped) -> None:
        self._store = store
        self._stopped = stopped
        wanted = sorted(objects_of(location, store), key=lambda item: item.path)
        facts = self._facts(wanted)
        self._asked = len(wanted)
        self.objects = tuple(_seen(item, known) for item, known in zip(wanted, facts, strict=True))
        self.unchecked: list[str] = []
        self._budget = Budget(sum(item.size for item in self.objects))
        self._files = {item.path: self._opened(item, known) for item, known in zip(wanted, facts, strict=True)}
        self.sizes = {path: file.size for path, file in self._files.items()}

    @property
    def bytes_read(self) -> int:
        """Bytes of the objects that were read."""
        return self._budget.spent

    @property
    def requests(self) -> int:
        """The requests for objects so far: one each for what it is, and those for ranges."""
        return self._asked + self._budget.requests

    @contextmanager
    def open(self, path: str) -> Iterator[tuple[Read, int]]:
        """A file, as a reader of ranges and its size in bytes.

        Raises:
            MigrateError: The storage does not give it; when it is read.
            NotKnown: More is asked for than may be read, or it changed; when it is read.
        """
        file = self._files[path]
        yield file, file.size

    def is_plain(self, path: str) -> bool:
        """Whether it will be a file of its own, as what is downloaded always is."""
        return path in self._files

    def digest(self, path: str) -> str:
        """``sha256:...`` of a file; empty, and left out, where that is more than may be read."""
        file = self._files.get(path)
        found = file.digest() if file else ""
        if file and not found:
            self._left_out(f"The digest of {_name(path)}, which allows it to be loaded, is not known")
        return found

    def leave_out(self, path: str, length: int, what: str) -> bool:
        """Whether a check that reads so many bytes of a file is left out (``formats.reading.files.Files``)."""
        file = self._files[path]
        if self._budget.affords(min(length, file.unread)):
            return False
        self._left_out(f"In {_name(path)}, {what} are not compared")
        return True

    def _left_out(self, what: str) -> None:
        text = f"{what}: that takes more than the {self._budget.allowed:,} bytes that are read before a download."
        if text not in self.unchecked:
            self.unchecked.append(text)

    def _facts(self, wanted: list[ModelObject]) -> list[ObjectFacts]:
        self._store.many(len(wanted))
        with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="facts") as pool:
            return list(pool.map(lambda item: self._store.facts(item.stored.name), wanted))

    def _opened(self, item: ModelObject, known: ObjectFacts) -> RangedFile:
        size = item.stored.size if known.size is None else known.size
        file = RangedFile(item.path, size, self._fetch(item.stored.name, known), self._budget)
        if words := unknown(known.encoding):
            raise encoded(item.stored.name, words)
        if not codings(known.encoding) or not is_packed(known.encoding, file(0, 2)):
            return file
        if not self._budget.affords(file.unread):
            raise NotKnown(
                f"The object {_name(item.stored.name)} is stored as compressed, and only a download tells what is in "
                "it."
            )
        plain = self._unpacked(item.stored.name, file)
        return RangedFile(item.path, len(plain), lambda at, length: plain[at : at + length], Budget.of_memory())

    def _unpacked(self, name: str, file: RangedFile) -> bytes:
        plain = io.BytesIO()
        try:
            for piece in unpacked(file(at, _PIECE) for at in range(0, file.size, _PIECE)):
                plain.write(piece)
                if plain.tell() > MOST_HELD:
                    raise NotKnown(f"The object {_name(name)} is stored as compressed, and unpacks to a large file.")
        except (zlib.error, EOFError) as error:
            raise damaged(name) from error
        return plain.getvalue()

    def _fetch(self, name: str, known: ObjectFacts) -> Fetch:
        def fetch(offset: int, length: int) -> bytes:
            if self._stopped():
                raise Interrupted
            try:
                return self._store.stretch(name, offset, length, known)
            except OtherBytesError as error:
                raise NotKnown(f"The object {_name(name)} cannot be looked at: {error.reason}.") from error

        return fetch


def _seen(item: ModelObject, known: ObjectFacts) -> SeenObject:
    size = item.stored.size if known.size is None else known.size
    time = item.stored.last_modified
    return SeenObject(name=item.stored.name, size=size, etag=known.etag, last_modified=f"{time}Z" if time else "")


def _name(path: str) -> str:
    return f'"{printable(path, 80)}"'

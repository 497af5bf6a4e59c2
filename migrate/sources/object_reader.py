"""Objects opened for recognition: their first bytes, their true size, and what is stored as compressed as it is."""

import contextlib
import zlib
from collections.abc import Iterator
from typing import Final

from migrate.core.text import printable
from migrate.ovhcloud.objects import ObjectStore
from migrate.ovhcloud.stored import StoredObject, UnreadableObjectError
from migrate.sources.encoding import PackedReader, is_packed, unknown
from migrate.sources.recognition import BLOCK, Entry, Opened, Unreadable

_FAILURES: Final = 3  # so many objects that the store fails to give, before any that it gives, are no accident


class ObjectReader:
    """Opens objects for recognition, side by side."""

    def __init__(self, store: ObjectStore, objects: dict[str, StoredObject]) -> None:
        self._store = store
        self._objects = objects
        self._failures: list[UnreadableObjectError] = []
        self._given = 0
        self.failed = False
        self.large: list[str] = []

    def open(self, entry: Entry) -> Opened:
        """Read the first block, whose answer says the true size."""
        stored = self._objects[entry.path]

        def read(offset: int, length: int) -> bytes:
            return (
                head[offset : offset + length]
                if offset + length <= len(head)
                else self._read(stored.name, offset, length)
            )

        head = b""
        head = self._read(stored.name, 0, BLOCK)
        facts = self._store.facts(stored.name)
        if facts.static and not stored.large:
            self.large.append(stored.name)
        size = facts.size if facts.size is not None else entry.size
        if words := unknown(facts.encoding):
            raise Unreadable(f"it is stored with the Content-Encoding {printable(words, 40)}")
        if not is_packed(facts.encoding, head):
            return Opened(size, read)
        with _unpacking():
            packed = PackedReader(read, size)

        def unpack(offset: int, length: int) -> bytes:
            with _unpacking():
                return packed(offset, length)

        return Opened(packed.size, unpack)

    def check(self) -> None:
        """Raise the store's failure where it gave nothing at all."""
        if self._failures and not self._given:
            raise self._failures[0]

    def _read(self, name: str, offset: int, length: int) -> bytes:
        try:
            data = self._store.read(name, offset, length)
        except UnreadableObjectError as error:
            self.failed = True
            if error.passing:
                self._failures.append(error)
                if len(self._failures) >= _FAILURES and not self._given:
                    raise
            raise Unreadable(error.reason) from error
        self._given += 1
        return data


@contextlib.contextmanager
def _unpacking() -> Iterator[None]:
    try:
        yield
    except (zlib.error, EOFError) as error:
        raise Unreadable("it is stored as compressed, and does not unpack") from error

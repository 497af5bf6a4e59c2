"""ZIP archives read by an allow-list: one meaning for every program that opens them, or a refusal.

What an archive holds is sure only where it is plain. Names twice, local headers that say something else than the
directory, bytes that no entry accounts for, flags of encryption, wrong checksums: programs read these differently, and
the model that is checked would not be the one that is served. So every byte of an accepted archive belongs to exactly
one thing: entries from byte 0 on without a gap, the central directory, its end records, the end of the file.

Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT (sections in comments).
"""

import struct
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from msgspec import Struct

from migrate.core.codes.hazards import HazardCode
from migrate.formats.archive.end import (
    END,
    END64,
    LOCATOR,
    LOCATOR_MARK,
    NONE16,
    TAIL,
    RecordError,
    read_commented_end,
    read_end,
    read_wide_end,
)
from migrate.formats.archive.extra_fields import wide_numbers
from migrate.formats.archive.names import NameCheck
from migrate.formats.reading.errors import FormatError, quoted
from migrate.formats.reading.wire import Read, Stretch, block_of

ZIP: Final = b"PK\x03\x04"  # how an archive begins: its first local header
STORED: Final = 0
DEFLATED: Final = 8

MAXIMUM_ENTRIES: Final = 50_000
MAXIMUM_DIRECTORY: Final = 64 * 1024 * 1024
MAXIMUM_UNPACKED: Final = 64 * 1024**3
MAXIMUM_RATIO: Final = 250  # deflate reaches 1032; trained weights hardly 2, a graph's text 20
RATIO_FROM: Final = 4 * 1024 * 1024  # bytes below which a high ratio harms nobody

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_LOCAL_MARK, _CENTRAL_MARK, _DESCRIPTOR_MARK = b"PK\x03\x04", b"PK\x01\x02", b"PK\x07\x08"
_ENCRYPTED: Final = 1 << 0 | 1 << 6 | 1 << 13
_DESCRIPTOR: Final = 1 << 3
_KNOWN_FLAGS: Final = 1 << 1 | 1 << 2 | _DESCRIPTOR | 1 << 11
_CHUNK: Final = 1024 * 1024
_IN_MEMORY: Final = 32 * 1024 * 1024  # bytes of a file that is unpacked; of a larger one in a file without a name


LeaveOut = Callable[[str, int, str], bool]
"""``Files.leave_out`` of the model that an archive belongs to."""


class Entry(Struct, frozen=True):
    """A file of an archive: its name, where its header starts, sizes in bytes, method, CRC-32.

    ``start`` is where its packed bytes do; None where its header was not read yet.
    """

    name: str
    header: int
    start: int | None
    packed: int
    size: int
    method: int
    crc: int


class _Listed(Struct, frozen=True):
    """An entry as the central directory has it; ``raw`` is the name's bytes."""

    raw: bytes
    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int


def archive_error(path: str, code: HazardCode, why: str) -> FormatError:
    """The problem of an archive that is not plain: what is in it depends on who reads it, or it does harm."""
    return FormatError(
        code,
        f"The archive {quoted(path)} is not opened: {why}.",
        "Pack the model's files again with a usual program (zip -r, or the library that exported the model).",
        verdict="quarantined",
    )


class Archive:
    """A checked archive.

    Args:
        path: Its name, for messages.
        read: Its bytes.
        size: How many there are.
        leave_out: Says whether headers and checksums of entries are not compared with the directory, which reads the
            whole of it.

    Attributes:
        entries: Its files by name; folders are left out.

    Raises:
        FormatError: It is cut, broken, or not plain.
    """

    def __init__(self, path: str, read: Read, size: int, leave_out: LeaveOut) -> None:
        self.path = path
        self._read = read
        self._size = size
        self._step = block_of(read, _CHUNK)
        self._names = NameCheck()
        self.entries: dict[str, Entry] = {}
        self._compared: set[str] = set()  # entries whose checksums were found right
        directory, length, count = self._directory()
        listed = self._listed(self._get(directory, length), count)
        what = f"the headers and checksums of its {count} entries"
        self._compares = not leave_out(path, directory, what)
        if self._compares:
            self._layout(listed, directory)
        else:
            self._outline(listed, directory)
        self._limits()

    def fail(self, code: HazardCode, why: str) -> FormatError:
        """The problem, naming this archive."""
        return archive_error(self.path, code, why)

    def chunks(self, entry: Entry) -> Iterator[bytes]:
        """The unpacked bytes of a file, in pieces.

        Raises:
            FormatError: They are broken, or not those that the archive says.
        """
        left, crc, made = entry.packed, 0, 0
        unpack = zlib.decompressobj(-15) if entry.method == DEFLATED else None
        at = self._start(entry)
        while left:
            data = self._get(at, min(left, self._step))
            at, left = at + len(data), left - len(data)
            while data:
                try:
                    piece = unpack.decompress(data, _CHUNK) if unpack else data
                except zlib.error:
                    raise self.fail("archive-corrupt", f"{quoted(entry.name)} cannot be unpacked") from None
                data = unpack.unconsumed_tail if unpack else b""
                crc, made = zlib.crc32(piece, crc), made + len(piece)
                if made > entry.size or (unpack and unpack.unused_data):
                    raise self.fail("archive-sizes", f"{quoted(entry.name)} holds more than the archive says")
                if piece:
                    yield piece
        if made != entry.size or (unpack and not unpack.eof):
            raise self.fail("archive-sizes", f"{quoted(entry.name)} holds less than the archive says")
        if crc != entry.crc:
            raise self.fail("archive-checksum", f"the checksum of {quoted(entry.name)} is wrong")

    def head(self, entry: Entry, length: int) -> bytes:
        """The first bytes of a file, unchecked beyond them."""
        if entry.method == STORED:
            return self._get(self._start(entry), min(length, entry.packed))
        found = b""
        for piece in self.chunks(entry):
            found += piece
            if len(found) >= length:
                break
        return found[:length]

    def content(self, entry: Entry, most: int) -> bytes:
        """A small file of the archive.

        Raises:
            FormatError: It is larger than ``most`` bytes, or broken.
        """
        if entry.size > most:
            raise self.fail(
                "archive-too-large", f"{quoted(entry.name)} has {entry.size} bytes, more than the {most} it may have"
            )
        return b"".join(self.chunks(entry))

    @contextmanager
    def open(self, entry: Entry) -> Iterator[Read]:
        """A reader of ranges of a file; what is packed is unpacked first."""
        if entry.method == STORED:
            self._compare(entry)
            yield Stretch(self._read, self._start(entry), entry.size)
            return
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            for piece in self.chunks(entry):
                file.write(piece)
            self._compared.add(entry.name)

            def read(offset: int, length: int) -> bytes:
                file.seek(offset)
                return file.read(length)

            yield read

    def verify(self, entries: Iterable[Entry] | None = None) -> None:
        """Unpack these files, or all, to nowhere, comparing sizes and checksums, unless they are left out.

        Raises:
            FormatError: One is not what the archive says.
        """
        for entry in self.entries.values() if entries is None else entries:
            self._compare(entry)

    def _compare(self, entry: Entry) -> None:
        if self._compares and entry.name not in self._compared:
            for _ in self.chunks(entry):
                pass
            self._compared.add(entry.name)

    def _get(self, offset: int, length: int) -> bytes:
        data = self._read(offset, length) if length else b""
        if len(data) != length:
            raise self._cut()
        return data

    def _cut(self) -> FormatError:
        return FormatError(
            "truncated",
            f"The archive {quoted(self.path)} is incomplete: it has no end record where its end is.",
            "Upload the complete file in its place, without anything before or after it.",
        )

    def _directory(self) -> tuple[int, int, int]:
        """Where the central directory lies, its length, and its number of entries (4.3.14 to 4.3.16)."""
        if self._size < END.size:
            raise self._cut()
        at = self._size - END.size
        end = read_end(self._get(at, END.size))
        try:
            if end is None:
                length = min(self._size, TAIL)
                found = read_commented_end(self._get(self._size - length, length))
                if found is None:
                    raise self._cut()
                end, at = found[0], self._size - found[1]
            if at >= LOCATOR.size and self._get(at - LOCATOR.size, 4) == LOCATOR_MARK:
                at -= LOCATOR.size + END64.size
                end = read_wide_end(end, self._get(max(0, at), END64.size + LOCATOR.size), at)
            end.check()
        except RecordError as error:
            raise self.fail(error.code, error.text) from None
        if end.count > MAXIMUM_ENTRIES or end.length > MAXIMUM_DIRECTORY:
            raise self.fail(
                "archive-bomb", f"it has {end.count} entries, more than the {MAXIMUM_ENTRIES} any model has"
            )
        if end.offset + end.length != at:
            raise self.fail("archive-hidden-data", "its directory does not reach to its end record")
        return end.offset, end.length, end.count

    def _listed(self, data: bytes, count: int) -> list[_Listed]:
        """The entries of the central directory (4.3.12)."""
        found: list[_Listed] = []
        at = 0
        while at < len(data):
            if at + _CENTRAL.size > len(data) or data[at : at + 4] != _CENTRAL_MARK or len(found) == count:
                raise self.fail("archive-directory", "its directory is broken")
            record = _CENTRAL.unpack_from(data, at)
            flags, method, crc, packed, size = record[3], record[4], record[7], record[8], record[9]
            name_size, extra_size, comment_size, disk, mode, offset = (*record[10:14], record[15], record[16])
            at += _CENTRAL.size
            if at + name_size + extra_size + comment_size > len(data):
                raise self.fail("archive-directory", "its directory is broken")
            raw = data[at : at + name_size]
            extra = data[at + name_size : at + name_size + extra_size]
            at += name_size + extra_size + comment_size
            name = self._name(raw, flags, mode)
            if flags & _ENCRYPTED:
                raise self.fail("archive-encrypted", f"{quoted(name)} is encrypted, or says so")
            if flags & ~_KNOWN_FLAGS or method not in (STORED, DEFLATED):
                raise self.fail("archive-method", f"{quoted(name)} is packed in a way that not every program reads")
            size, packed, offset = self._wide(name, extra, size, packed, offset)
            if disk not in (0, NONE16):
                raise self.fail("archive-disks", "it is one part of several")
            found.append(_Listed(raw, name, flags, method, crc, packed, size, offset))
        if len(found) != count:
            raise self.fail("archive-directory", f"it says that it has {count} entries, and lists {len(found)}")
        return found

    def _name(self, raw: bytes, flags: int, mode: int) -> str:
        # whatever system an entry says it was made on: programs take the mode of any
        problem, name = self._names.check(raw, utf8=bool(flags & 1 << 11), mode=mode >> 16)
        if problem:
            raise self.fail(problem.code, problem.text)
        return name

    def _wide(self, name: str, extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
        try:
            return wide_numbers(extra, size, packed, offset)
        except RecordError as error:
            raise self.fail(error.code, f"{quoted(name)} {error.text}") from None

    def _layout(self, listed: list[_Listed], directory: int) -> None:
        """The local headers say the same, and their entries fill the file up to the directory (4.3.7, 4.3.9)."""
        at = 0
        for item in sorted(listed, key=lambda item: item.offset):
            if item.offset != at:
                raise self._misplaced(item, at)
            if at + _LOCAL.size > directory:
                raise self._cut()
            record = _LOCAL.unpack(self._get(at, _LOCAL.size))
            flags, method, crc, packed, size, name_size, extra_size = (*record[2:4], *record[6:11])
            raw = self._get(at + _LOCAL.size, name_size)
            extra = self._get(at + _LOCAL.size + name_size, extra_size)
            start = at + _LOCAL.size + name_size + extra_size
            if record[0] != _LOCAL_MARK or (raw, flags, method) != (item.raw, item.flags, item.method):
                raise self.fail("archive-headers-differ", f"{quoted(item.name)} is something else in its own header")
            at = start + item.packed
            if at > directory:
                raise self.fail("archive-overlap", f"{quoted(item.name)} reaches into the directory")
            size, packed, _ = self._wide(item.name, extra, size, packed, 0)
            if item.flags & _DESCRIPTOR:
                legal = {(item.crc, item.packed, item.size), (0, 0, 0)}
                at += self._descriptor(item, at)
            else:
                legal = {(item.crc, item.packed, item.size)}
            if (crc, packed, size) not in legal:
                raise self.fail("archive-headers-differ", f"{quoted(item.name)} has other sizes in its own header")
            if item.method == STORED and item.packed != item.size:
                raise self.fail("archive-sizes", f"{quoted(item.name)} is stored, and its two sizes differ")
            if item.name.endswith("/"):
                if item.size:
                    raise self.fail("archive-names", f"the folder {quoted(item.name)} has content")
            else:
                self._add(item, start)
        if at != directory:
            raise self.fail("archive-hidden-data", "bytes lie between its entries and its directory")

    def _outline(self, listed: list[_Listed], directory: int) -> None:
        """What the directory alone says of its entries leaves room for each of them."""
        at = 0
        for item in sorted(listed, key=lambda item: item.offset):
            if item.offset < at or (at == 0 and item.offset):
                raise self._misplaced(item, at)
            at = item.offset + _LOCAL.size + len(item.raw) + item.packed
            if at > directory:
                raise self.fail("archive-overlap", f"{quoted(item.name)} reaches into the directory")
            if item.method == STORED and item.packed != item.size:
                raise self.fail("archive-sizes", f"{quoted(item.name)} is stored, and its two sizes differ")
            if not item.name.endswith("/"):
                self._add(item, None)

    def _add(self, item: _Listed, start: int | None) -> None:
        self.entries[item.name] = Entry(item.name, item.offset, start, item.packed, item.size, item.method, item.crc)

    def _start(self, entry: Entry) -> int:
        """Where the packed bytes of a file start (4.3.7)."""
        if entry.start is not None:
            return entry.start
        record = _LOCAL.unpack(self._get(entry.header, _LOCAL.size))
        if record[0] != _LOCAL_MARK:
            raise self.fail("archive-headers-differ", f"{quoted(entry.name)} is something else in its own header")
        start = entry.header + _LOCAL.size + int(record[9]) + int(record[10])
        if start + entry.packed > self._size:
            raise self.fail("archive-overlap", f"{quoted(entry.name)} reaches beyond the archive")
        return start

    def _misplaced(self, item: _Listed, at: int) -> FormatError:
        if item.offset < at:
            return self.fail("archive-overlap", f"the entry {quoted(item.name)} overlaps another")
        return self.fail("archive-hidden-data", f"the entry {quoted(item.name)} follows other bytes")

    def _descriptor(self, item: _Listed, at: int) -> int:
        """The length of the record that repeats checksum and sizes after an entry."""
        for mark in (_DESCRIPTOR_MARK, b""):
            for form in ("<III", "<IQQ"):
                try:
                    expected = mark + struct.pack(form, item.crc, item.packed, item.size)
                except struct.error:
                    continue
                if self._read(at, len(expected)) == expected:
                    return len(expected)
        raise self.fail("archive-headers-differ", f"{quoted(item.name)} has no or other sizes behind it")

    def _limits(self) -> None:
        total = sum(entry.size for entry in self.entries.values())
        if total > MAXIMUM_UNPACKED:
            raise self.fail(
                "archive-bomb", f"it unpacks to {total} bytes, more than the {MAXIMUM_UNPACKED} that are allowed"
            )
        if total > RATIO_FROM and total > MAXIMUM_RATIO * self._size:
            raise self.fail("archive-bomb", f"it unpacks to {total} bytes, {total // self._size} times its size")
        for entry in self.entries.values():
            if entry.size > RATIO_FROM and entry.size > MAXIMUM_RATIO * entry.packed:
                raise self.fail(
                    "archive-bomb",
                    f"{quoted(entry.name)} unpacks to {entry.size // max(1, entry.packed)} times its size",
                )

"""Tar archives as streams, with every owner, mode and time given and nothing taken from the disk by accident.

``docker`` would write the archive to a temporary file first; here its bytes are made while they are sent, so memory
and disk stay the same for a model of any size (decisions: Trees as layers).
"""

import hashlib
import os
import stat
import tarfile
from collections.abc import Callable, Container, Iterable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from migrate.core.errors import LocalError
from migrate.core.text import printable, type_again

# 1980-01-01T00:00:00Z, the earliest time that zip files can hold: tools that pack a layer again keep it.
FIXED_TIME: Final = 315532800
CHUNK: Final = 1 << 20
FOLDER_MODE: Final = 0o755
FILE_MODE: Final = 0o644
END: Final = bytes(2 * tarfile.BLOCKSIZE)


class Entry(Struct, frozen=True, kw_only=True):
    """One entry of an archive: a folder, a link, bytes, or the content of a file on this machine.

    ``name`` is relative and without a trailing slash. ``size`` is what the file must still have when it is read, and
    ``digest`` (``sha256:``) what its content must be, where that is known.
    """

    name: str
    mode: int
    kind: bytes = tarfile.REGTYPE
    content: bytes = b""
    source: Path | None = None
    size: int = 0
    link: str = ""
    uid: int = 0
    gid: int = 0
    digest: str = ""


def folder(name: str, mode: int = FOLDER_MODE) -> Entry:
    """A folder."""
    return Entry(name=name, mode=mode, kind=tarfile.DIRTYPE)


def content(name: str, data: bytes) -> Entry:
    """A file of these bytes, readable by everybody."""
    return Entry(name=name, mode=FILE_MODE, content=data, size=len(data))


def link(name: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(name=name, mode=0o777, kind=tarfile.SYMTYPE, link=target)


def tree(root: Path, prefix: str = "", tops: Container[str] | None = None) -> Iterator[Entry]:
    """A folder's content in a fixed order, root-owned, readable by everybody; only plain files and folders.

    A file keeps its executable bit and a folder its sticky bit; nothing else of the disk's modes is taken.
    ``tops`` are the names at the folder's top that are wanted; None for all.
    """
    chosen = [path for path in root.iterdir() if tops is None or path.name in tops]
    found = [path for top in chosen for path in (top, *top.rglob("*"))]
    for path in sorted(found, key=lambda one: one.relative_to(root).parts):
        state = path.lstat()
        name = prefix + path.relative_to(root).as_posix()
        if stat.S_ISDIR(state.st_mode):
            yield folder(name, 0o1777 if state.st_mode & stat.S_ISVTX else FOLDER_MODE)
        elif stat.S_ISREG(state.st_mode):
            yield Entry(name=name, mode=file_mode(state.st_mode), source=path, size=state.st_size)


def file_mode(mode: int) -> int:
    """The mode that a file has in an image: readable by everybody, executable where its owner could run it."""
    return 0o755 if mode & stat.S_IXUSR else FILE_MODE


def archive(entries: Iterable[Entry], sent: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """The bytes of a tar archive (PAX where names or sizes need it).

    Args:
        entries: In the order in which they are to be unpacked.
        sent: Called with the number of bytes of each piece once the next one is asked for.

    Raises:
        LocalError: A file changed or vanished while it was read (code ``file-changed``).
    """
    for piece in _pieces(entries):
        yield piece
        if sent is not None:
            sent(len(piece))


def _pieces(entries: Iterable[Entry]) -> Iterator[bytes]:
    for entry in entries:
        yield from entry_bytes(entry)
    yield END


def entry_bytes(entry: Entry, data: Iterable[bytes] | None = None) -> Iterator[bytes]:
    """The bytes of one entry in an archive, which ends with ``END``.

    Args:
        entry: The entry.
        data: The content, ``entry.size`` bytes; None for what the entry itself names.
    """
    info = tarfile.TarInfo(entry.name)
    info.type, info.mode, info.mtime = entry.kind, entry.mode, FIXED_TIME
    info.uid, info.gid, info.linkname = entry.uid, entry.gid, entry.link
    info.size = entry.size if entry.kind == tarfile.REGTYPE else 0
    yield info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    if info.size:
        yield from _content(entry) if data is None else data
        if info.size % tarfile.BLOCKSIZE:
            yield bytes(tarfile.BLOCKSIZE - info.size % tarfile.BLOCKSIZE)


def _content(entry: Entry) -> Iterator[bytes]:
    if entry.source is None:
        yield entry.content
        return
    left = entry.size
    sha = hashlib.sha256() if entry.digest else None
    try:
        with os.fdopen(os.open(entry.source, os.O_RDONLY | os.O_NOFOLLOW), "rb", buffering=0) as file:
            while left:
                piece = file.read(min(CHUNK, left))
                if not piece:
                    break
                left -= len(piece)
                if sha is not None:
                    sha.update(piece)
                yield piece
    except OSError as error:
        raise changed(entry.source, str(error.strerror)) from error
    if left:
        raise changed(entry.source, "it became shorter")
    if sha is not None and f"sha256:{sha.hexdigest()}" != entry.digest:
        raise changed(entry.source, "it is not the one that was fetched")


def changed(path: Path, why: str) -> LocalError:
    """The error for a file that changed between being fetched and being put into an image."""
    return LocalError(
        f"The file {printable(str(path), 300)} changed while it was read: {why}.",
        code="file-changed",
        next_step=type_again(note="what is missing is fetched or made anew"),
    )

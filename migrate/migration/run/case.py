"""A case in a file: what is known of a source, handed from one engineer's machine to another's.

The file is lines of JSON in gzip: a head, the rows of the journal, and an end with their number and digest. It holds no
member of an archive and no path that is used. Whoever reads it trusts nothing in it: sizes are bounded, fields are
typed, and another journal is made of what is left.
"""

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from migrate import __version__
from migrate.core.errors import LocalError, MigrateError, RemoteError, UsageError
from migrate.core.looking import HandedOver
from migrate.core.options.sources import Typed
from migrate.core.text import printable, type_again
from migrate.core.values import ModelRecord
from migrate.machine.disk import disk_error
from migrate.machine.files import read_bounded, write_whole
from migrate.migration.journal.database import FORMAT, now
from migrate.migration.journal.lock import WriterLock
from migrate.migration.journal.schemas import UnreadableError
from migrate.migration.journal.transfer import (
    ModelRow,
    Row,
    ValueRow,
    Word,
    check_row,
    for_machine,
    read_rows,
    write_rows,
)
from migrate.migration.run.journals import find_journal, named
from migrate.migration.run.leased import lease_name
from migrate.migration.run.opening import source_folder
from migrate.migration.run.same_source import listed_before
from migrate.migration.run.workspace import Workspace
from migrate.migration.state.lease import LeaseRecord, read_lease
from migrate.migration.state.store import open_store
from migrate.sources.reference import parse_source

FORM: Final = 1
MOST_BYTES: Final = 200_000_000  # of the file
MOST_UNPACKED: Final = 500_000_000
LONGEST_LINE: Final = 64_000_000  # a recording with many samples
MOST_ROWS: Final = 2_000_000

T = TypeVar("T")
Name = Annotated[str, Meta(min_length=1, max_length=4000)]


class Head(Struct, frozen=True, kw_only=True, tag_field="row", tag="case", forbid_unknown_fields=True):
    """The first line; ``lease`` is that of the source when it was exported, None where no store was named."""

    form: Annotated[int, Meta(ge=1)]
    release: Word
    format: Annotated[int, Meta(ge=0)]
    journal: Annotated[str, Meta(pattern=r"^[0-9a-f]{12}$")]
    source: Name
    endpoint: Name
    project: Name
    exported: Word
    lease: LeaseRecord | None


class End(Struct, frozen=True, kw_only=True, tag_field="row", tag="end", forbid_unknown_fields=True):
    """The last line: the number of rows, and the SHA-256 of all lines before it."""

    rows: int
    digest: str


class _Form(Struct, frozen=True):
    """Of the first line, what every release understands."""

    row: str
    form: int
    release: str = ""


def export_case(
    typed: Typed, file: Path, workspace: Workspace, *, state: str | None, environ: Mapping[str, str]
) -> HandedOver:
    """Writes the case of a source.

    Raises:
        UsageError: Nothing is known of the source (``no-journal``).
        RemoteError: Another machine works on it (``lease-held``).
        LocalError: A run works on it here, the journal cannot be read, or the file cannot be written.
    """
    opened = find_journal(workspace, typed, environ=environ)
    opened.journal.close()
    with WriterLock(opened.folder.lock, doing=f"state export {typed.source}"):
        opened = find_journal(workspace, typed, environ=environ)
        with closing(opened.journal) as journal:
            source, endpoint, project = (journal.fact(name) for name in ("source", "endpoint", "project"))
            name = lease_name(endpoint, project, source, lambda: listed_before(journal))
            head = Head(
                form=FORM,
                release=__version__,
                format=FORMAT,
                journal=journal.id,
                source=source,
                endpoint=endpoint,
                project=project,
                exported=now(),
                lease=_free_lease(state, name) if state is not None else None,
            )
        rows = [row for row in read_rows(opened.folder.journal) if _whole(row)]
    lines = [msgspec.json.encode(one) for one in (head, *rows)]
    content = b"".join(line + b"\n" for line in lines)
    end = msgspec.json.encode(End(rows=len(rows), digest=hashlib.sha256(content).hexdigest()))
    write_whole(file, gzip.compress(content + end + b"\n", mtime=0), private=True)
    return HandedOver(file=str(file), source=source, project=project, endpoint=endpoint, rows=len(rows))


def import_case(
    typed: Typed, file: Path, workspace: Workspace, *, state: str | None, environ: Mapping[str, str]
) -> HandedOver:
    """Makes the journal of a source from a case, where there is none.

    Raises:
        UsageError: ``bad-case``, ``other-case``, ``stale-case``, ``case-exists``.
        RemoteError: Another machine works on the source (``lease-held``).
        LocalError: A newer release wrote the case (``journal-format``), or the journal cannot be written.
    """
    head, rows = read_case(file)
    ref = parse_source(typed.source)
    asked = named(typed.project, environ)
    wanted = (ref.canonical, asked.project or head.project, asked.endpoint or head.endpoint)
    if wanted != (head.source, head.project, head.endpoint):
        raise UsageError(
            f"The case in {printable(str(file), 300)} is of {printable(head.source, 300)} in the project "
            f"{printable(head.project)}, behind the endpoint {printable(head.endpoint)}.",
            code="other-case",
            next_step=type_again("Name that source and project, if you mean it"),
        )
    if state is not None:
        _demand_current(head, _free_lease(state, _name_of(head, rows)))
    folder = source_folder(workspace, endpoint=head.endpoint, project=head.project, ref=ref)
    with WriterLock(folder.lock, doing=f"state import {typed.source}"):
        if folder.journal.exists():
            raise UsageError(
                f"Something is known of {printable(head.source, 300)} here already, and nothing takes its place.",
                code="case-exists",
                next_step=f"See it with: {typed.status()} - or name another --workspace.",
            )
        unfinished = folder.journal.with_suffix(".partial")
        _remove(unfinished)
        facts = {"id": head.journal, "source": head.source, "endpoint": head.endpoint, "project": head.project}
        try:
            here = (for_machine(row, folder.tokens) for row in rows)
            write_rows(unfinished, facts | {"release": __version__}, here)
            unfinished.rename(folder.journal)
        except LocalError as error:
            raise error if error.code != "journal-damaged" else _bad(file, "two of its rows are one") from error
        finally:
            _remove(unfinished)
    return HandedOver(
        file=str(file), source=head.source, project=head.project, endpoint=head.endpoint, rows=len(rows), taken=True
    )


def read_case(file: Path) -> tuple[Head, list[Row]]:
    """The head and the rows of a case, each of them checked.

    Raises:
        UsageError: ``bad-case``.
        LocalError: ``journal-format``: a newer release wrote it.
    """
    data = read_bounded(file, MOST_BYTES, lambda why: _bad(file, why))
    lines = _lines(file, data)
    digest = hashlib.sha256()
    first = next(lines, b"")
    head = _head(file, first)
    digest.update(first)
    rows: list[Row] = []
    decoder = msgspec.json.Decoder(Row | End)
    for line in lines:
        row = _decoded(file, partial(decoder.decode, line))
        if isinstance(row, End):
            if row.rows != len(rows) or row.digest != digest.hexdigest() or next(lines, None) is not None:
                raise _bad(file, "its end does not fit the rest")
            return head, rows
        if len(rows) >= MOST_ROWS:
            raise _bad(file, "it has more rows than any journal")
        _check(file, row)
        digest.update(line)
        rows.append(row)
    raise _bad(file, "its end is missing")


def _whole(row: Row) -> bool:
    """Whether a row can be taken over elsewhere: a damaged value is made again there; the rest has to be whole.

    Raises:
        UnreadableError: A model or an effect is damaged, or a newer release wrote something.
    """
    try:
        return not check_row(row)
    except UnreadableError as error:
        if error.newer or not isinstance(row, ValueRow):
            raise
        return False


def _lines(file: Path, data: bytes) -> Iterator[bytes]:
    """The lines, unpacked as far as they are asked for."""
    unpacked = 0
    unpacker = zlib.decompressobj(wbits=31)  # gzip alone
    buffer = b""
    position = 0
    while position < len(data) and not unpacker.eof:
        try:
            buffer += unpacker.decompress(unpacker.unconsumed_tail or data[position : position + 65536], 1_000_000)
        except zlib.error as error:
            raise _bad(file, "it is not packed with gzip, or damaged") from error
        if not unpacker.unconsumed_tail:
            position += 65536
        *whole, buffer = buffer.split(b"\n")
        for line in whole:
            unpacked += len(line) + 1
            if unpacked > MOST_UNPACKED:
                raise _bad(file, f"it holds more than {MOST_UNPACKED / 1e6:g} MB")
            yield line + b"\n"
        if len(buffer) > LONGEST_LINE:
            raise _bad(file, "a line of it is too long")
    if not unpacker.eof or unpacker.unused_data or buffer:
        raise _bad(file, "it is cut, or something follows its end")


def _head(file: Path, line: bytes) -> Head:
    form = _decoded(file, lambda: msgspec.json.decode(line, type=_Form))
    if form.row != "case":
        raise _bad(file, "it does not begin as one")
    if form.form > FORM:
        raise _newer(file, form.release)
    head = _decoded(file, lambda: msgspec.json.decode(line, type=Head))
    if head.format > FORMAT:
        raise _newer(file, head.release)
    return head


def _check(file: Path, row: Row) -> None:
    try:
        why = check_row(row)
    except UnreadableError as error:
        raise _newer(file, "") if error.newer else _bad(file, "a value in it cannot be read") from error
    if why:
        raise _bad(file, why)


def _decoded(file: Path, decode: Callable[[], T]) -> T:
    try:
        return decode()
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _bad(file, f"a line of it is no part of one ({printable(str(error), 100)})") from error


def _free_lease(state: str, name: str) -> LeaseRecord | None:
    """The lease of a source, which nobody holds.

    Raises:
        RemoteError: ``lease-held``.
        LocalError: ``state-unusable``.
    """
    record = read_lease(open_store(state), name)
    if record is not None and not record.free:
        raise RemoteError(
            f"A machine works on this source: {printable(record.holder, 200)}, since {printable(record.since, 40)}.",
            code="lease-held",
            next_step=type_again("Wait until it has ended"),
        )
    return record


def _name_of(head: Head, rows: list[Row]) -> str:
    """The name of the lease, made of slugs: no text of the file's is part of a path."""
    records = [msgspec.json.decode(row.record, type=ModelRecord) for row in rows if isinstance(row, ModelRow)]
    return lease_name(head.endpoint, head.project, head.source, lambda: records)


def _demand_current(head: Head, record: LeaseRecord | None) -> None:
    """Refuses a case after whose export somebody else has worked on the source.

    Raises:
        UsageError: ``stale-case``.
    """
    if head.lease is not None and record is not None and record.fence > head.lease.fence:
        raise UsageError(
            f"{printable(record.holder, 200)} worked on the source after the case was exported at "
            f"{printable(head.exported, 40)}.",
            code="stale-case",
            next_step="Have it exported again there.",
        )


def _remove(journal: Path) -> None:
    for name in (journal.name, f"{journal.name}-wal", f"{journal.name}-shm"):
        try:
            journal.with_name(name).unlink(missing_ok=True)
        except OSError as error:
            raise disk_error(error, journal) from error


def _bad(file: Path, why: str) -> UsageError:
    return UsageError(
        f"{printable(str(file), 300)} is no case that can be taken over: {why}.",
        code="bad-case",
        next_step="Copy it again from the machine that exported it.",
    )


def _newer(file: Path, release: str) -> MigrateError:
    of = f" ({printable(release, 40)})" if release else ""
    return LocalError(
        f"{printable(str(file), 300)} was written by a newer release of migrate{of}.",
        code="journal-format",
        next_step="Take it over with that release.",
    )

"""The SQLite file under the journal: opening, its formats, transactions, and its failures in words."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from migrate.core.errors import LocalError
from migrate.core.text import printable, type_again
from migrate.machine.patience import JOURNAL_TURN
from migrate.machine.private import make_private_file

T = TypeVar("T")
Cell = str | bytes | float | None

MEMORY: Final = Path(":memory:")
"""The path of a database that is on no disk: SQLite's word for it (https://sqlite.org/inmemorydb.html)."""


# What brings a file from each format to the next. A file of any of them is read; opened to write it gets the newest.
_FORMATS: Final = (
    """
CREATE TABLE meta (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE run (
    id INTEGER PRIMARY KEY, command TEXT NOT NULL, started TEXT NOT NULL, ended TEXT, exit_code INTEGER
);
CREATE TABLE model (
    id TEXT PRIMARY KEY, position INTEGER NOT NULL, record TEXT NOT NULL, outcome TEXT, run INTEGER
) WITHOUT ROWID;
CREATE TABLE value (
    subject TEXT NOT NULL, step TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, json BLOB NOT NULL,
    run INTEGER NOT NULL, at TEXT NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (subject, step)
) WITHOUT ROWID;
CREATE TABLE effect (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, run INTEGER NOT NULL,
    intent TEXT NOT NULL, intended_at TEXT NOT NULL, external_id TEXT, done_at TEXT, gone_at TEXT
);
CREATE INDEX effect_open ON effect (kind, name) WHERE gone_at IS NULL;
CREATE TABLE effect_user (effect INTEGER NOT NULL, unit TEXT NOT NULL, PRIMARY KEY (effect, unit)) WITHOUT ROWID;
CREATE TABLE event (id INTEGER PRIMARY KEY, run INTEGER, at TEXT NOT NULL, model TEXT, json TEXT NOT NULL);
CREATE INDEX event_model ON event (model)
""",
    # 2: the schema number of each stored value; those of format 1, which had none, are of schema 1.
    """
ALTER TABLE model ADD COLUMN record_schema INTEGER NOT NULL DEFAULT 1;
ALTER TABLE model ADD COLUMN outcome_schema INTEGER NOT NULL DEFAULT 1;
ALTER TABLE value ADD COLUMN schema INTEGER NOT NULL DEFAULT 1;
ALTER TABLE effect ADD COLUMN schema INTEGER NOT NULL DEFAULT 1;
ALTER TABLE event ADD COLUMN schema INTEGER NOT NULL DEFAULT 1
""",
)
FORMAT: Final = len(_FORMATS)

_NUMBERED: Final = 2  # the first format whose values have schema numbers

# What the disk, the rights or another process refuse; every other failure says that the content is not ours any more.
_UNUSABLE: Final = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOLFS,
    }
)


class Database:
    """One connection, shared by the threads of a run: statements take turns, and each is on disk when it returns.

    Attributes:
        path: The file.
        format: The format of the file; 0 when its maker was killed before it wrote the schema.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path = path
        self._turn = threading.RLock()
        with self._in_words():
            self._connection = sqlite3.connect(
                path, timeout=JOURNAL_TURN, isolation_level=None, check_same_thread=False, cached_statements=64
            )
        try:
            with self._in_words():
                # synchronous=FULL: an id must survive a power cut as well as a kill.
                self._connection.execute("PRAGMA synchronous = FULL")
            self.format = self._checked_format()
            if create:
                with self._in_words():
                    if path != MEMORY:
                        make_private_file(path)
                    self._connection.execute("PRAGMA journal_mode = WAL")
                self._bring_up()
        except BaseException:
            self._connection.close()
            raise

    def _checked_format(self) -> int:
        # Number and tables are written in one transaction, and read in one statement.
        ((version, tables),) = self.rows(
            "SELECT user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_user_version", kind=tuple[int, int]
        )
        if version > FORMAT:
            raise LocalError(
                f"The journal {self.path} was written by a newer release of migrate{self._release()}: it has format "
                f"{version}, and this one reads up to {FORMAT}.",
                code="journal-format",
                next_step="Use that release, or name another --workspace.",
            )
        if version < 0 or (version == 0 and tables):
            raise self.damaged(f"its format is given as {version}")
        return version

    def _release(self) -> str:
        """The release that wrote the file last, where it says so in the way of this one."""
        with contextlib.suppress(LocalError):
            for (text,) in self.rows("SELECT text FROM meta WHERE name = 'release'", kind=tuple[str]):
                return f" ({printable(text, 40)})"
        return ""

    def _bring_up(self) -> None:
        with self.transaction():
            for number in range(self._checked_format(), FORMAT):  # another process may have been first
                for statement in _FORMATS[number].split(";"):
                    self.execute(statement)
                self.execute(f"PRAGMA user_version = {number + 1}")
        self.format = FORMAT

    def schema(self, column: str = "schema") -> str:
        """The expression for the schema number of a stored value; ``column`` is where newer formats have it."""
        return column if self.format >= _NUMBERED else "1"

    def execute(self, statement: str, *values: Cell) -> sqlite3.Cursor:
        """Runs one statement, which is durable when this returns unless it is inside a transaction."""
        with self._turn, self._in_words():
            return self._connection.execute(statement, values)

    def rows(self, statement: str, *values: Cell, kind: type[T]) -> list[T]:
        """All rows of a query; each is a tuple of the type ``kind``.

        Raises:
            LocalError: A row is not, or the file cannot be read.
        """
        with self._turn, self._in_words():
            found = self._connection.execute(statement, values).fetchall()
        try:
            return msgspec.convert(found, type=list[kind])  # type: ignore[valid-type]
        except msgspec.ValidationError as error:
            raise self.damaged(str(error)) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the statements inside, or none; what else is raised inside is nothing of the journal's."""
        with self._turn:
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._connection.in_transaction:  # some failures end it themselves
                    self.execute("ROLLBACK")
                raise
            self.execute("COMMIT")

    def close(self) -> None:
        """Closes the connection."""
        with self._turn:
            self._connection.close()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError:
            raise
        except sqlite3.DatabaseError as error:
            # A text that is no UTF-8 has no code of SQLite's; the others' lowest byte says what kind it is.
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF not in _UNUSABLE:
                raise self.damaged(str(error)) from error
            raise self._unusable(str(error)) from error
        except UnicodeDecodeError as error:  # in an error of SQLite's that names what it found
            raise self.damaged("what SQLite says of it is no text") from error
        except OSError as error:
            raise self._unusable(str(error.strerror)) from error

    def _unusable(self, why: str) -> LocalError:
        return LocalError(
            f"The journal {self.path} cannot be written or read: {why}.",
            code="journal-unusable",
            next_step=type_again("Check the free space and the rights of that folder"),
        )

    def damaged(self, why: str) -> LocalError:
        """The error that says so; ``why`` goes after a colon."""
        return LocalError(
            f"The journal {self.path} is damaged: {printable(why, 200)}.",
            code="journal-damaged",
            next_step="Restore it from a backup, or move it away and adopt its apps with `migrate run --adopt`.",
        )


def now() -> str:
    """The time, as RFC 3339 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

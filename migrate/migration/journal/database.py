"""The SQLite file under the journal: opening, the schema, transactions, and its failures in words."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from migrate.core.errors import LocalError
from migrate.machine.disk import disk_full
from migrate.machine.patience import JOURNAL_TURN
from migrate.machine.private import make_private_file

SCHEMA_VERSION: Final = 1

_SCHEMA: Final = """
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
CREATE INDEX event_model ON event (model);
"""


class Database:
    """One connection, shared by the threads of a run: statements take turns, and each is on disk when it returns.

    Attributes:
        version: The format of the file; 0 when its maker was killed before it wrote the schema.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self._path = path
        self._turn = threading.RLock()
        with self._in_words():
            # synchronous=FULL: an id must survive a power cut as well as a kill.
            self._connection = sqlite3.connect(
                path, timeout=JOURNAL_TURN, isolation_level=None, check_same_thread=False, cached_statements=64
            )
            self._connection.execute("PRAGMA synchronous = FULL")
            if create:
                make_private_file(path)
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._make_schema()
            (self.version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if self.version not in (0, SCHEMA_VERSION):
            raise LocalError(
                f"The journal {path} has format {self.version}; this version of the tool reads {SCHEMA_VERSION}.",
                code="journal-format",
                next_step="Use the version of migrate that wrote it, or another --workspace.",
            )

    def _make_schema(self) -> None:
        with self.transaction():
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def execute(self, statement: str, *values: str | bytes | float | None) -> sqlite3.Cursor:
        """Runs one statement, which is durable when this returns unless it is inside a transaction."""
        with self._turn, self._in_words():
            return self._connection.execute(statement, values)

    def rows(self, statement: str, *values: str | bytes | float | None) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._turn, self._in_words():
            return self._connection.execute(statement, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the statements inside, or none."""
        with self._turn, self._in_words():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Closes the connection."""
        with self._turn:
            self._connection.close()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise disk_full(self._path) from error
            raise LocalError(
                f"The journal {self._path} cannot be written or read: {error}.",
                code="journal-unusable",
                next_step="Check the free space and the rights of that folder, then type the command again.",
            ) from error
        except sqlite3.DatabaseError as error:
            raise LocalError(
                f"The journal {self._path} is damaged: {error}.",
                code="journal-damaged",
                next_step="Restore it from a backup, or move it away and adopt its apps with `migrate run --adopt`.",
            ) from error


def now() -> str:
    """The time, as RFC 3339 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""The journal of a source: what was made, what it was made from, and what happened (field notes, 1 to 3)."""

import hashlib
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Generic, Self, TypeVar

import msgspec
from msgspec import Struct

from migrate.core.events import Event
from migrate.core.secret import redact, to_redacted_json
from migrate.core.values import ModelRecord, Outcome
from migrate.migration.journal.database import Database, now
from migrate.migration.journal.ledger import Effects

T = TypeVar("T")

_ID_DIGITS: Final = 12


class Stored(Struct, Generic[T], frozen=True):
    """A value as the journal holds it: decoded only when somebody asks, because recordings can be large.

    ``digest`` is the SHA-256 of its JSON text, the form in which later steps name it in their keys.
    """

    subject: str
    step: str
    key: str
    digest: str
    json: bytes
    type: type[T]
    seconds: float = 0.0

    @property
    def value(self) -> T:
        """The value itself."""
        return msgspec.json.decode(self.json, type=self.type)


def part_of(whole: Stored[Any], value: T) -> Stored[T]:
    """A value that another one holds, as if the journal held it by itself."""
    text = to_redacted_json(value)
    digest = hashlib.sha256(text).hexdigest()
    return Stored(whole.subject, whole.step, whole.key, digest, text, type(value), whole.seconds)


class Run(Struct, frozen=True):
    """One command that wrote to the journal; ``ended`` is None while it works, and after a kill."""

    id: int
    command: str
    started: str
    ended: str | None
    exit_code: int | None


class ModelState(Struct, frozen=True):
    """A model as the journal knows it."""

    record: ModelRecord
    outcome: Outcome | None


class Happened(Struct, frozen=True):
    """An event with its time and the number of its run."""

    run: int | None
    at: str
    model: str | None
    event: dict[str, object]


class Journal:
    """The journal of one source. Threads may share it; only the holder of the writer's lock opens it to write.

    Attributes:
        effects: The effects on the outside world.
    """

    def __init__(self, path: Path, *, write: bool) -> None:
        self._database = Database(path, create=write)
        self.effects = Effects(self._database)
        self._run: int | None = None

    @classmethod
    def create(cls, path: Path, *, source: str, endpoint: str, project: str) -> Self:
        """Opens a journal to write, and makes it when there is none.

        Raises:
            LocalError: The file is damaged, cannot be written, or was written by another version.
        """
        journal = cls(path, write=True)
        facts = {"id": uuid.uuid4().hex[:_ID_DIGITS], "source": source, "endpoint": endpoint, "project": project}
        with journal._database.transaction():
            for name, text in facts.items():
                journal._database.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", name, text)
        return journal

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Opens a journal to read, beside a run that may be writing it; None when there is none."""
        if not path.exists():
            return None
        journal = cls(path, write=False)
        return journal if journal._database.version else None

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    # facts

    def fact(self, name: str) -> str:
        """``id`` (the value of the label ``mls-run``), ``source``, ``endpoint`` or ``project``."""
        ((text,),) = self._database.rows("SELECT text FROM meta WHERE name = ?", name)
        return str(text)

    @property
    def id(self) -> str:
        """The journal's id: the value of the label ``mls-run`` of everything made under it."""
        return self.fact("id")

    # runs

    def begin(self, command: str) -> int:
        """Notes that a command starts to write; what is written from now on carries its number."""
        cursor = self._database.execute("INSERT INTO run (command, started) VALUES (?, ?)", redact(command), now())
        self._run = cursor.lastrowid
        self.effects.run = self._run or 0
        return self.effects.run

    def end(self, exit_code: int) -> None:
        """Notes how the command ended."""
        self._database.execute(
            "UPDATE run SET ended = ?, exit_code = ? WHERE id = ?", now(), int(exit_code), self._run or 0
        )

    def runs(self) -> tuple[Run, ...]:
        """Every run, oldest first."""
        rows = self._database.rows("SELECT id, command, started, ended, exit_code FROM run ORDER BY id")
        return tuple(Run(*row) for row in rows)

    # models

    def list_models(self, records: Iterable[ModelRecord]) -> None:
        """Writes the records of a listing; models that are no longer in the source keep what is known of them."""
        with self._database.transaction():
            for position, record in enumerate(records):
                self._database.execute(
                    "INSERT INTO model (id, position, record) VALUES (?, ?, ?)"
                    " ON CONFLICT (id) DO UPDATE SET position = excluded.position, record = excluded.record",
                    record.id,
                    position,
                    to_redacted_json(record),
                )

    def finish(self, outcome: Outcome) -> None:
        """Writes how a model's journey ended."""
        self._database.execute(
            "UPDATE model SET outcome = ?, run = ? WHERE id = ?",
            to_redacted_json(outcome),
            self._run or 0,
            outcome.model,
        )

    def models(self) -> dict[str, ModelState]:
        """Every model that was ever listed, by id, in the order of the source."""
        rows = self._database.rows("SELECT id, record, outcome FROM model ORDER BY position, id")
        return {
            name: ModelState(
                msgspec.json.decode(record, type=ModelRecord),
                msgspec.json.decode(outcome, type=Outcome) if outcome else None,
            )
            for name, record, outcome in rows
        }

    # values

    def put(self, subject: str, step: str, key: str, value: T, *, seconds: float = 0.0) -> Stored[T]:
        """Writes the value of a step, in place of the one it had."""
        text = to_redacted_json(value)
        digest = hashlib.sha256(text).hexdigest()
        self._database.execute(
            "INSERT OR REPLACE INTO value VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            subject, step, key, digest, text, self._run or 0, now(), seconds,
        )  # fmt: skip
        return Stored(subject, step, key, digest, text, type(value), seconds)

    def get(self, subject: str, step: str, kind: type[T]) -> Stored[T] | None:
        """The last value of a step, or None."""
        rows = self._database.rows(
            "SELECT key, digest, json, seconds FROM value WHERE subject = ? AND step = ?", subject, step
        )
        for key, digest, text, seconds in rows:
            return Stored(subject, step, key, digest, text, kind, seconds)
        return None

    def steps(self, subject: str) -> dict[str, str]:
        """The steps of a subject that have a value, with the times they got it."""
        rows = self._database.rows("SELECT step, at FROM value WHERE subject = ? ORDER BY at", subject)
        return dict(rows)

    def forget(self, subject: str, step: str) -> None:
        """Removes a value whose counterpart outside is gone."""
        self._database.execute("DELETE FROM value WHERE subject = ? AND step = ?", subject, step)

    # events

    def note(self, event: Event, *, model: str | None) -> None:
        """Writes an event."""
        self._database.execute(
            "INSERT INTO event (run, at, model, json) VALUES (?, ?, ?, ?)",
            self._run,
            now(),
            model,
            to_redacted_json(event),
        )

    def events(self, model: str | None = None) -> tuple[Happened, ...]:
        """The events of one model, or all, oldest first."""
        where, values = ("", ()) if model is None else ("WHERE model = ?", (model,))
        rows = self._database.rows(f"SELECT run, at, model, json FROM event {where} ORDER BY id", *values)  # noqa: S608 - two fixed texts
        return tuple(Happened(run, at, name, msgspec.json.decode(text)) for run, at, name, text in rows)

"""The journal of a source: what was made, what it was made from, and what happened (decisions: Journal).

Journals of all earlier releases are read. What cannot be read is an error for who looks, and no obstacle for who acts:
a run makes that value again, and undo deletes by the recorded ids.
"""

import hashlib
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Generic, Self, TypeVar

from msgspec import Struct

from migrate import __version__
from migrate.core.events import Event
from migrate.core.secret import redact, to_redacted_json
from migrate.core.text import printable
from migrate.core.values import ModelRecord, Outcome
from migrate.migration.journal import schemas
from migrate.migration.journal.database import Database, now
from migrate.migration.journal.ledger import Effects
from migrate.migration.journal.schemas import UnreadableError, number_of
from migrate.migration.journal.subjects import model_subject

T = TypeVar("T")

_ID_DIGITS: Final = 12
_LISTED, _ENDED = "listed", "ended"  # what a model has besides the values of its steps
_NOUNS: Final = {_LISTED: "record", _ENDED: "outcome"}
_NO_EVENT: Final[dict[str, object]] = {"text": "an event that cannot be read"}
_AGAIN: Final = "Run that model again, with the options of before: what cannot be read is then made anew."


class Stored(Struct, Generic[T], frozen=True):
    """A value as the journal holds it: decoded only when somebody asks, because recordings can be large.

    ``digest`` is the SHA-256 of its JSON text, the form in which later steps name it in their keys. ``schema`` is the
    number of the form that the text has, and ``journal`` the file that it is from.
    """

    subject: str
    step: str
    key: str
    digest: str
    json: bytes
    type: type[T]
    schema: int
    journal: Path
    seconds: float = 0.0

    @property
    def value(self) -> T:
        """The value itself.

        Raises:
            UnreadableError: It is damaged, or of a newer release.
        """
        newest = number_of(self.type)
        return schemas.read(self.json, self.type, self.schema, newest=newest, what=self._what, next_step=_AGAIN)

    def _what(self) -> str:
        noun = _NOUNS.get(self.step, f"value of the step {self.step}")
        return f"The {noun} of {printable(self.subject)} in the journal {self.journal}"


def part_of(whole: Stored[Any], value: T) -> Stored[T]:
    """A value that another one holds, as if the journal held it by itself."""
    text = to_redacted_json(value)
    digest = hashlib.sha256(text).hexdigest()
    schema = number_of(type(value))
    return Stored(whole.subject, whole.step, whole.key, digest, text, type(value), schema, whole.journal, whole.seconds)


class RunRecord(Struct, frozen=True):
    """One command that wrote to the journal; ``ended`` is None while it works, and after a kill."""

    id: int
    command: str
    started: str
    ended: str | None
    exit_code: int | None


class ModelState(Struct, frozen=True):
    """A model as the journal knows it; decoded when somebody asks, so that one which is damaged hides no other."""

    stored_record: Stored[ModelRecord]
    stored_outcome: Stored[Outcome] | None

    @property
    def record(self) -> ModelRecord:
        """What ML Serving, or the place of its files, knew of it.

        Raises:
            UnreadableError: It is damaged, or of a newer release.
        """
        return self.stored_record.value

    @property
    def outcome(self) -> Outcome | None:
        """How its journey ended; None where it has not been run.

        Raises:
            UnreadableError: It is damaged, or of a newer release.
        """
        return self.stored_outcome.value if self.stored_outcome is not None else None


class Happened(Struct, frozen=True):
    """An event with its time and the number of its run; one that cannot be read says that as its ``text``."""

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
            if not journal._is_begun():
                for name, text in facts.items():
                    journal._database.execute("INSERT INTO meta VALUES (?, ?)", name, text)
        return journal

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Opens a journal to read, beside a run that may be writing it; None when there is none.

        Raises:
            LocalError: The file is damaged, cannot be read, or was written by a newer release.
        """
        if not path.exists():
            return None
        journal = cls(path, write=False)
        if journal._is_begun():
            return journal
        journal.close()
        return None

    def copy_to(self, path: Path) -> None:
        """Writes all of it as it is now into a new file; who writes to that changes nothing here."""
        self._database.execute("VACUUM INTO ?", str(path))

    def _is_begun(self) -> bool:
        """Whether there is anything in it: its maker may have been killed before it wrote the first fact."""
        begun = "SELECT 1 FROM meta UNION ALL SELECT 1 FROM run LIMIT 1"
        return bool(self._database.format and self._database.rows(begun, kind=tuple[int]))

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    # facts

    def fact(self, name: str) -> str:
        """``id`` (the value of the label ``mls-run``), ``source``, ``endpoint`` or ``project``.

        Raises:
            LocalError: The journal has lost it.
        """
        for (text,) in self._database.rows("SELECT text FROM meta WHERE name = ?", name, kind=tuple[str]):
            return text
        raise self._database.damaged(f"it does not say its {name}")

    @property
    def id(self) -> str:
        """The journal's id: the value of the label ``mls-run`` of everything made under it."""
        return self.fact("id")

    # runs

    def begin(self, command: str) -> int:
        """Notes that a command of this release starts to write; what is written from now on carries its number."""
        self._database.execute("INSERT OR REPLACE INTO meta VALUES ('release', ?)", __version__)
        cursor = self._database.execute("INSERT INTO run (command, started) VALUES (?, ?)", redact(command), now())
        self._run = cursor.lastrowid
        self.effects.run = self._run or 0
        return self.effects.run

    def end(self, exit_code: int) -> None:
        """Notes how the command ended."""
        self._database.execute(
            "UPDATE run SET ended = ?, exit_code = ? WHERE id = ?", now(), int(exit_code), self._run or 0
        )

    def runs(self) -> tuple[RunRecord, ...]:
        """Every run, oldest first."""
        rows = self._database.rows(
            "SELECT id, command, started, ended, exit_code FROM run ORDER BY id",
            kind=tuple[int, str, str, str | None, int | None],
        )
        return tuple(RunRecord(*row) for row in rows)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """All that is written inside, or nothing: for what the next run would find again, and need not outlive a kill.

        Nothing is asked of the outside world meanwhile, and no effect is written.
        """
        with self._database.transaction():
            yield

    # models

    def list_models(self, records: Iterable[ModelRecord]) -> None:
        """Writes the records of a listing; models that are no longer in the source keep what is known of them."""
        with self._database.transaction():
            for position, record in enumerate(records):
                self._database.execute(
                    "INSERT INTO model (id, position, record, record_schema) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (id) DO UPDATE SET position = excluded.position,"
                    " record = excluded.record, record_schema = excluded.record_schema",
                    record.id,
                    position,
                    to_redacted_json(record),
                    number_of(ModelRecord),
                )

    def finish(self, outcome: Outcome) -> None:
        """Writes how a model's journey ended."""
        self._database.execute(
            "UPDATE model SET outcome = ?, outcome_schema = ?, run = ? WHERE id = ?",
            to_redacted_json(outcome),
            number_of(Outcome),
            self._run or 0,
            outcome.model,
        )

    def models(self) -> dict[str, ModelState]:
        """Every model that was ever listed, by id, in the order of the source."""
        database = self._database
        rows = database.rows(
            f"SELECT id, CAST(record AS BLOB), {database.schema('record_schema')}, CAST(outcome AS BLOB),"  # noqa: S608 - fixed texts
            f" {database.schema('outcome_schema')} FROM model ORDER BY position, id",
            kind=tuple[str, bytes, int, bytes | None, int],
        )
        return {
            name: ModelState(
                self._stored(name, _LISTED, record, ModelRecord, record_schema),
                self._stored(name, _ENDED, outcome, Outcome, outcome_schema) if outcome is not None else None,
            )
            for name, record, record_schema, outcome, outcome_schema in rows
        }

    def _stored(self, model: str, part: str, text: bytes, kind: type[T], schema: int) -> Stored[T]:
        return Stored(model_subject(model), part, "", "", text, kind, schema, self._database.path)

    # values

    def put(self, subject: str, step: str, key: str, value: T, *, seconds: float = 0.0) -> Stored[T]:
        """Writes the value of a step, in place of the one it had."""
        text, schema = to_redacted_json(value), number_of(type(value))
        digest = hashlib.sha256(text).hexdigest()
        self._database.execute(
            "INSERT OR REPLACE INTO value (subject, step, key, digest, json, run, at, seconds, schema)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            subject, step, key, digest, text, self._run or 0, now(), seconds, schema,
        )  # fmt: skip
        return Stored(subject, step, key, digest, text, type(value), schema, self._database.path, seconds)

    def get(self, subject: str, step: str, kind: type[T]) -> Stored[T] | None:
        """The last value of a step, or None; whether it can be read shows when its ``value`` is asked for."""
        rows = self._database.rows(
            f"SELECT key, digest, CAST(json AS BLOB), {self._database.schema()}, seconds FROM value"  # noqa: S608 - two fixed texts
            " WHERE subject = ? AND step = ?",
            subject,
            step,
            kind=tuple[str, str, bytes, int, float],
        )
        for key, digest, text, schema, seconds in rows:
            return Stored(subject, step, key, digest, text, kind, schema, self._database.path, seconds)
        return None

    def usable(self, subject: str, step: str, kind: type[T], *, key: str | None = None) -> Stored[T] | None:
        """The last value of a step, of that key where one is given; None where it is damaged, so that it is made again.

        Raises:
            UnreadableError: A newer release wrote it.
        """
        stored = self.get(subject, step, kind)
        if stored is None or key not in {None, stored.key}:
            return None
        try:
            stored.value  # noqa: B018 - whether it can be read
        except UnreadableError as error:
            if error.newer:
                raise
            return None
        return stored

    def steps(self, subject: str) -> dict[str, str]:
        """The steps of a subject that have a value, with the times they got it."""
        rows = self._database.rows(
            "SELECT step, at FROM value WHERE subject = ? ORDER BY at", subject, kind=tuple[str, str]
        )
        return dict(rows)

    def values(self) -> tuple[tuple[str, str], ...]:
        """The subject and the step of each value."""
        return tuple(
            self._database.rows("SELECT subject, step FROM value ORDER BY subject, step", kind=tuple[str, str])
        )

    def durations(self) -> tuple[tuple[str, float], ...]:
        """The steps that were done, each with its seconds."""
        return tuple(
            self._database.rows(
                "SELECT step, seconds FROM value WHERE seconds > 0 ORDER BY subject, step", kind=tuple[str, float]
            )
        )

    def forget(self, subject: str, step: str) -> None:
        """Removes a value whose counterpart outside is gone."""
        self._database.execute("DELETE FROM value WHERE subject = ? AND step = ?", subject, step)

    # events

    def note(self, event: Event, *, model: str | None) -> None:
        """Writes an event."""
        self._database.execute(
            "INSERT INTO event (run, at, model, json, schema) VALUES (?, ?, ?, ?, ?)",
            self._run,
            now(),
            model,
            to_redacted_json(event),
            number_of(type(event)),
        )

    def events(self, model: str | None = None) -> tuple[Happened, ...]:
        """The events of one model, or all, oldest first."""
        where, values = ("", ()) if model is None else ("WHERE model = ?", (model,))
        rows = self._database.rows(
            f"SELECT run, at, model, CAST(json AS BLOB) FROM event {where} ORDER BY id",  # noqa: S608 - two fixed texts
            *values,
            kind=tuple[int | None, str, str | None, bytes],
        )
        return tuple(Happened(run, at, name, schemas.loosely(text) or _NO_EVENT) for run, at, name, text in rows)

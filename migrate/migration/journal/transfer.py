"""The rows of a journal as values, to be written to a journal on another machine.

A case comes from outside, so what decides what runs on this machine, or what is sent to the cloud, is never taken over:
files, inspections, images and what was pushed are made anew. What tells a story is taken over, and so are the effects
by which apps are found again and deleted; those on the other machine stay there.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from migrate.core.values import App, ModelRecord, Outcome, Parity, Recording, Rehearsal
from migrate.migration.journal import schemas
from migrate.migration.journal.database import Database
from migrate.migration.journal.ledger import KINDS, NAMED_HERE
from migrate.migration.journal.ledger import SCHEMA as INTENTS
from migrate.migration.journal.schemas import FIRST, number_of

TAKEN: Final[dict[str, type | None]] = {
    "record": Recording,
    "rehearse": Rehearsal,
    "rehearsal-proof": Parity,
    "deploy": App,
    "prove": Parity,
    "log": None,  # of a struct of the journey's, of the first schema
}
"""The steps whose values are taken over, with their types."""

LEFT: Final = frozenset({"image", "runtime-image"})
"""The effects that are this machine's own."""

_TOKEN_FILE: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}")  # no folder, and not hidden

Number = Annotated[int, Meta(ge=0, le=2**53)]
Word = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(max_length=100_000)]


class RunRow(Struct, frozen=True, kw_only=True, tag_field="row", tag="run", forbid_unknown_fields=True):
    """A command that wrote."""

    id: Number
    command: Text
    started: Word
    ended: Word | None
    exit_code: Number | None


class ModelRow(Struct, frozen=True, kw_only=True, tag_field="row", tag="model", forbid_unknown_fields=True):
    """A model; ``record`` and ``outcome`` are their JSON."""

    id: Text
    position: Number
    record: str
    record_schema: Number
    outcome: str | None
    outcome_schema: Number
    run: Number | None


class ValueRow(Struct, frozen=True, kw_only=True, tag_field="row", tag="value", forbid_unknown_fields=True):
    """The value of a step."""

    subject: Text
    step: Word
    key: Word
    json: str
    schema: Number
    run: Number
    at: Word
    seconds: Annotated[float, Meta(ge=0, le=1e9)]


class EffectRow(Struct, frozen=True, kw_only=True, tag_field="row", tag="effect", forbid_unknown_fields=True):
    """An effect with its users; ``intent`` is its JSON, which grows with the models of an app."""

    id: Number
    kind: Word
    name: Text
    run: Number
    intent: str
    schema: Number
    intended_at: Word
    external_id: Text | None
    done_at: Word | None
    gone_at: Word | None
    units: Annotated[tuple[Text, ...], Meta(max_length=100_000)]


class EventRow(Struct, frozen=True, kw_only=True, tag_field="row", tag="event", forbid_unknown_fields=True):
    """An event."""

    run: Number | None
    at: Word
    model: Text | None
    json: str
    schema: Number


T = TypeVar("T")
Row = RunRow | ModelRow | ValueRow | EffectRow | EventRow


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a journal that nobody writes, in the order in which they are written again.

    Raises:
        LocalError: The journal cannot be read.
    """
    database = Database(path, create=False)
    try:
        for run in database.rows(
            "SELECT id, command, started, ended, exit_code FROM run ORDER BY id",
            kind=tuple[int, str, str, str | None, int | None],
        ):
            yield _made(RunRow, run)
        for model in database.rows(
            f"SELECT id, position, CAST(record AS BLOB), {database.schema('record_schema')}, CAST(outcome AS BLOB),"  # noqa: S608 - fixed texts
            f" {database.schema('outcome_schema')}, run FROM model ORDER BY position, id",
            kind=tuple[str, int, bytes, int, bytes | None, int, int | None],
        ):
            yield _made(ModelRow, model)
        for value in database.rows(
            f"SELECT subject, step, key, CAST(json AS BLOB), {database.schema()}, run, at, seconds FROM value"  # noqa: S608
            " ORDER BY subject, step",
            kind=tuple[str, str, str, bytes, int, int, str, float],
        ):
            if value[1] in TAKEN:
                yield _made(ValueRow, value)
        yield from _effects(database)
        for event in database.rows(
            f"SELECT run, at, model, CAST(json AS BLOB), {database.schema()} FROM event ORDER BY id",  # noqa: S608 - fixed texts
            kind=tuple[int | None, str, str | None, bytes, int],
        ):
            yield _made(EventRow, event)
    finally:
        database.close()


def _effects(database: Database) -> Iterator[EffectRow]:
    users: dict[int, list[str]] = {}
    for number, unit in database.rows("SELECT effect, unit FROM effect_user ORDER BY unit", kind=tuple[int, str]):
        users.setdefault(number, []).append(unit)
    for row in database.rows(
        f"SELECT id, kind, name, run, CAST(intent AS BLOB), {database.schema()}, intended_at, external_id,"  # noqa: S608
        " done_at, gone_at FROM effect ORDER BY id",
        kind=tuple[int, str, str, int, bytes, int, str, str | None, str | None, str | None],
    ):
        if row[1] not in LEFT:
            fields = (*row, tuple(users.get(row[0], ())))
            yield _made(EffectRow, fields)


def _made(kind: type[T], values: Iterable[Any]) -> T:
    """A row of columns in the order of its fields."""
    fields = (value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values)
    return kind(**dict(zip(kind.__struct_fields__, fields, strict=True)))  # type: ignore[attr-defined]


def check_row(row: Row) -> str:
    """What is wrong with a row that came from outside; empty where nothing is.

    Raises:
        UnreadableError: A newer release wrote it.
    """
    match row:
        case ModelRow():
            record = _read(row.record, ModelRecord, row.record_schema)
            if record.id != row.id:
                return "a model is listed under the id of another"
            if row.outcome is not None and _read(row.outcome, Outcome, row.outcome_schema).model != row.id:
                return "a model has the outcome of another"
        case ValueRow() if row.step not in TAKEN:
            return "it holds a value of a step that is made anew on each machine"
        case ValueRow():
            if (kind := TAKEN[row.step]) is not None:
                _read(row.json, kind, row.schema)
            elif row.schema > FIRST:
                return "it holds a log of an unknown form"
        case EffectRow() if row.kind not in KINDS or row.kind in LEFT:
            return "it holds an effect of a kind that cannot be taken over"
        case EffectRow():
            schemas.read(row.intent.encode(), dict[str, object], row.schema, newest=INTENTS, what=_what, next_step="")
        case EventRow() if not schemas.loosely(row.json.encode()):
            return "it holds an event that is none"
        case _:
            pass
    return ""


def _read(text: str, kind: type[T], number: int) -> T:
    return schemas.read(text.encode(), kind, number, newest=number_of(kind), what=_what, next_step="")


def _what() -> str:
    return "Something in the case"


def for_machine(row: Row, tokens: Path) -> Row:
    """A row as it holds on this machine: what an intent says of files and images of another one is no fact here.

    Undo deletes the file of a token, and the local image of a push that was killed.

    Args:
        row: A row that was checked.
        tokens: The folder of this machine's tokens.
    """
    if not isinstance(row, EffectRow):
        return row
    intent = msgspec.json.decode(row.intent, type=dict[str, object])
    kept = {name: value for name, value in intent.items() if name not in {"file", NAMED_HERE}}
    name = str(intent.get("file", "")).rpartition("/")[2]
    if _TOKEN_FILE.fullmatch(name):
        kept["file"] = str(tokens / name)
    return row if kept == intent else replace(row, intent=msgspec.json.encode(kept).decode())


def write_rows(path: Path, facts: dict[str, str], rows: Iterable[Row]) -> None:
    """Makes a journal of facts and rows, all of it or nothing.

    Raises:
        LocalError: It cannot be written, or two rows are one.
    """
    database = Database(path, create=True)
    try:
        with database.transaction():
            for name, text in facts.items():
                database.execute("INSERT INTO meta VALUES (?, ?)", name, text)
            for row in rows:
                _write(database, row)
    finally:
        database.close()


def _write(database: Database, row: Row) -> None:
    match row:
        case RunRow():
            database.execute(
                "INSERT INTO run (id, command, started, ended, exit_code) VALUES (?, ?, ?, ?, ?)",
                row.id, row.command, row.started, row.ended, row.exit_code,
            )  # fmt: skip
        case ModelRow():
            database.execute(
                "INSERT INTO model (id, position, record, record_schema, outcome, outcome_schema, run)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                row.id, row.position, row.record, row.record_schema, row.outcome, row.outcome_schema, row.run,
            )  # fmt: skip
        case ValueRow():
            database.execute(
                "INSERT INTO value (subject, step, key, digest, json, run, at, seconds, schema)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row.subject, row.step, row.key, hashlib.sha256(row.json.encode()).hexdigest(), row.json.encode(),
                row.run, row.at, row.seconds, row.schema,
            )  # fmt: skip
        case EffectRow():
            database.execute(
                "INSERT INTO effect (id, kind, name, run, intent, schema, intended_at, external_id, done_at, gone_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row.id, row.kind, row.name, row.run, row.intent, row.schema, row.intended_at, row.external_id,
                row.done_at, row.gone_at,
            )  # fmt: skip
            for unit in dict.fromkeys(row.units):
                database.execute("INSERT INTO effect_user VALUES (?, ?)", row.id, unit)
        case EventRow():
            database.execute(
                "INSERT INTO event (run, at, model, json, schema) VALUES (?, ?, ?, ?, ?)",
                row.run, row.at, row.model, row.json, row.schema,
            )  # fmt: skip

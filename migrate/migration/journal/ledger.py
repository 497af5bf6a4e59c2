"""Effects on the outside world: the intent is written before each, the id after it (decisions: Effects).

An effect that several units use is counted: it may be deleted when its last user lets go. What existed before is
never an effect. An effect stays good for deletion where its intent cannot be read: kind, name, id and users are columns
of their own, and how to find it again outside follows from them.
"""

from typing import Final, Literal, NamedTuple, get_args

from msgspec import Struct

from migrate.core.names import slug
from migrate.core.secret import to_redacted_json
from migrate.core.text import printable
from migrate.migration.journal.database import Database, now
from migrate.migration.journal.schemas import FIRST, UnreadableError, loosely, read
from migrate.migration.journal.subjects import unit_id

Kind = Literal[
    "app",
    "token",
    "proof-token",
    "registration",
    "user",
    "authorization",
    "runtime-image",
    "image",
    "pushed-image",
]

KINDS: Final[frozenset[str]] = frozenset(get_args(Kind))
_TELLING: Final = frozenset({"app", "token", "proof-token", "registration"})  # the intents that others need
SCHEMA: Final = FIRST  # of intents

NAMED_HERE: Final = "named_here"
"""In the intent of a pushed image: whether the engine got its name from this tool, and may still have it."""

_UNDO: Final = "`migrate undo` still deletes what it made, by the recorded ids."


class Effect(Struct, frozen=True):
    """One thing that this tool made, or was about to make.

    ``kind`` is a ``Kind``, or the word of a newer release. ``external_id`` is None while only the intent is known: it
    may or may not exist outside. ``intent`` holds what is needed to find it again; where it cannot be read, ``lost``
    says why and ``intent`` has what follows from the rest. ``units`` are its users.
    """

    id: int
    kind: str
    name: str
    run: int
    intent: dict[str, object]
    intended_at: str
    external_id: str | None
    done_at: str | None
    gone_at: str | None
    units: tuple[str, ...]
    lost: UnreadableError | None = None

    @property
    def shared(self) -> bool:
        """Whether another run made it, and this one only uses it: it is never deleted."""
        return self.intent.get("shared") is True

    def text(self, field: str) -> str:
        """A text of the intent, or the empty one."""
        value = self.intent.get(field)
        return value if isinstance(value, str) else ""


class _Row(NamedTuple):
    id: int
    kind: str
    name: str
    run: int
    intent: bytes
    schema: int
    intended_at: str
    external_id: str | None
    done_at: str | None
    gone_at: str | None


class Effects:
    """The effects of one journal.

    Attributes:
        run: The number of the run that writes.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.run = 0

    def intend(self, kind: Kind, name: str, intent: dict[str, object], *, unit: str) -> Effect:
        """Writes that something is about to be made."""
        with self._database.transaction():
            cursor = self._database.execute(
                "INSERT INTO effect (kind, name, run, intent, intended_at) VALUES (?, ?, ?, ?, ?)",
                kind, name, self.run, to_redacted_json(intent), now(),
            )  # fmt: skip
            number = cursor.lastrowid or 0
            self._database.execute("INSERT INTO effect_user VALUES (?, ?)", number, unit)
        return self.get(number)

    def done(self, effect: Effect, external_id: str, **facts: object) -> Effect:
        """Writes the id of what was made, and facts about it."""
        self._database.execute(
            "UPDATE effect SET external_id = ?, done_at = ?, intent = ? WHERE id = ?",
            external_id, now(), to_redacted_json(self.get(effect.id).intent | facts), effect.id,
        )  # fmt: skip
        return self.get(effect.id)

    def learn(self, effect: Effect, **facts: object) -> Effect:
        """Adds facts to an effect."""
        with self._database.transaction():
            merged = self.get(effect.id).intent | facts
            self._database.execute("UPDATE effect SET intent = ? WHERE id = ?", to_redacted_json(merged), effect.id)
        return self.get(effect.id)

    def gone(self, effect: Effect) -> None:
        """Writes that it no longer exists outside, or never did."""
        self._database.execute("UPDATE effect SET gone_at = ? WHERE id = ?", now(), effect.id)

    def use(self, effect: Effect, unit: str) -> None:
        """Counts a user."""
        self._database.execute("INSERT OR IGNORE INTO effect_user VALUES (?, ?)", effect.id, unit)

    def release(self, effect: Effect, unit: str) -> int:
        """Lets a user go, and answers how many are left."""
        with self._database.transaction():
            self._database.execute("DELETE FROM effect_user WHERE effect = ? AND unit = ?", effect.id, unit)
            ((left,),) = self._database.rows(
                "SELECT count(*) FROM effect_user WHERE effect = ?", effect.id, kind=tuple[int]
            )
        return left

    def get(self, number: int) -> Effect:
        """One effect by its number."""
        (effect,) = self._select("id = ?", number)
        return effect

    def find(self, kind: Kind, name: str) -> Effect | None:
        """The newest effect of that kind and name which is not gone."""
        found = self._select("kind = ? AND name = ? AND gone_at IS NULL", kind, name)
        return found[-1] if found else None

    def existing(self, *kinds: Kind) -> tuple[Effect, ...]:
        """Every effect that is not gone, oldest first; of those kinds, where some are given."""
        effects = self._select("gone_at IS NULL")
        return tuple(effect for effect in effects if not kinds or effect.kind in kinds)

    def all(self) -> tuple[Effect, ...]:
        """Every effect that ever was, oldest first."""
        return self._select("1")

    def _select(self, condition: str, *values: str | int) -> tuple[Effect, ...]:
        users: dict[int, list[str]] = {}
        rows = self._database.rows("SELECT effect, unit FROM effect_user ORDER BY unit", kind=tuple[int, str])
        for number, unit in rows:
            users.setdefault(number, []).append(unit)
        found = self._database.rows(
            f"SELECT id, kind, name, run, CAST(intent AS BLOB), {self._database.schema()}, intended_at, external_id,"  # noqa: S608 - the condition is one of ours
            f" done_at, gone_at FROM effect WHERE {condition} ORDER BY id",
            *values,
            kind=_Row,
        )
        return tuple(self._effect(row, tuple(users.get(row.id, ()))) for row in found)

    def _effect(self, row: _Row, units: tuple[str, ...]) -> Effect:
        lost = None
        try:

            def what() -> str:
                return f"The intent of the effect {row.id} ({printable(row.kind)}) in the journal {self._database.path}"

            intent = read(row.intent, dict[str, object], row.schema, newest=SCHEMA, what=what, next_step=_UNDO)
        except UnreadableError as error:
            intent, lost = _known(row.kind, row.name, self._journal_id) | loosely(row.intent), error
        return Effect(
            id=row.id,
            kind=row.kind,
            name=row.name,
            run=row.run,
            intent=intent,
            intended_at=row.intended_at,
            external_id=row.external_id,
            done_at=row.done_at,
            gone_at=row.gone_at,
            units=units,
            lost=lost,
        )

    @property
    def _journal_id(self) -> str:
        found = self._database.rows("SELECT text FROM meta WHERE name = 'id'", kind=tuple[str])
        return found[0][0] if found else ""


def readable(effect: Effect) -> Effect:
    """The effect itself, for who shows it.

    Raises:
        UnreadableError: Its intent is damaged, or a newer release wrote it.
    """
    if effect.kind not in KINDS:
        raise UnreadableError(
            f"The journal holds an effect of the kind {printable(effect.kind)}, which a newer release of migrate made.",
            next_step="Use that release, or name another --workspace.",
            newer=True,
        )
    if effect.lost is not None and effect.kind in _TELLING:
        raise effect.lost
    return effect


def token_name(unit_name: str, journal_id: str) -> str:
    """The name of the customer's token for the app of a unit."""
    return f"migrate-{unit_name}-{journal_id}"


def _known(kind: str, name: str, journal_id: str) -> dict[str, object]:
    """What an effect's intent must have said, as far as it follows from its name: enough to find it outside."""
    match kind:
        case "app":
            return {"name": slug(unit_id(name))}
        case "token":
            return {"name": token_name(slug(unit_id(name)), journal_id)}
        case "proof-token":
            return {"name": name}
        case "registration":
            region, _, url = name.partition(" ")
            return {"region": region, "url": url}
        case _:
            return {}

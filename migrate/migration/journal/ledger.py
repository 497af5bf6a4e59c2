"""Effects on the outside world: the intent is written before each, the id after it (field notes, 2).

An effect that several units use is counted: it may be deleted when its last user lets go. What existed before is
never an effect.
"""

import json
from typing import Literal

from msgspec import Struct

from migrate.core.secret import to_redacted_json
from migrate.migration.journal.database import Database, now

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


class Effect(Struct, frozen=True):
    """One thing that this tool made, or was about to make.

    ``external_id`` is None while only the intent is known: it may or may not exist outside. ``intent`` holds what is
    needed to find it again; ``units`` are its users.
    """

    id: int
    kind: Kind
    name: str
    run: int
    intent: dict[str, object]
    intended_at: str
    external_id: str | None
    done_at: str | None
    gone_at: str | None
    units: tuple[str, ...]

    def text(self, field: str) -> str:
        """A text of the intent, or the empty one."""
        value = self.intent.get(field)
        return value if isinstance(value, str) else ""


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
            ((left,),) = self._database.rows("SELECT count(*) FROM effect_user WHERE effect = ?", effect.id)
        return int(str(left))

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
        for number, unit in self._database.rows("SELECT effect, unit FROM effect_user ORDER BY unit"):
            users.setdefault(number, []).append(unit)
        rows = self._database.rows(
            "SELECT id, kind, name, run, intent, intended_at, external_id, done_at, gone_at FROM effect"  # noqa: S608 - the condition is one of ours
            f" WHERE {condition} ORDER BY id",
            *values,
        )
        return tuple(
            Effect(
                number, kind, name, run, json.loads(intent), start, outside, done, gone, tuple(users.get(number, ()))
            )
            for number, kind, name, run, intent, start, outside, done, gone in rows
        )

"""The journals of released versions (journals/README.md): copies of them in a workspace, and what is in them by SQL.

What a test expects is read with ``sqlite3`` and ``json`` alone, so that it does not come from the code under test.
"""

import contextlib
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from migrate.apps import deploy
from migrate.apps.registries import create_ai_user, register
from migrate.apps.tokens import create_token, list_tokens
from migrate.core.options.sources import Typed
from migrate.core.secret import Secret
from migrate.migration.journal.journal import Journal
from migrate.migration.run.workspace import Workspace
from migrate.migration.undo.undo import Undone, plan_undo, undo
from migrate.ovhcloud import apps, projects, registries
from migrate.ovhcloud.session import Cloud

JOURNALS = Path(__file__).parent / "journals"
KEPT = tuple(sorted(JOURNALS.glob("*/*.sqlite")))
NAMES = [f"{path.parent.name}-{path.stem}" for path in KEPT]


def sql(path: Path, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Runs a statement on a journal, outside the code under test."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement, values).fetchall()


class Kept:
    """A copy of a kept journal, at its place in a workspace: that of a project behind an endpoint.

    ``source`` is another source that it is now about, such as a folder that exists.
    """

    def __init__(
        self, kept: Path, workspace: Workspace, *, endpoint: str, project: str, source: str | None = None
    ) -> None:
        facts = dict(sql(kept, "SELECT name, text FROM meta"))
        self.source: str = source or facts["source"]
        self.id: str = facts["id"]
        self.path = workspace.source(endpoint, project, self.source).journal
        self.path.parent.mkdir(parents=True)
        shutil.copyfile(kept, self.path)
        self.sql("UPDATE meta SET text = ? WHERE name = 'source'", self.source)
        self.sql("UPDATE meta SET text = ? WHERE name = 'project'", project)
        self.sql("UPDATE effect SET name = ?, external_id = ? WHERE kind = 'authorization'", project, project)

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Runs a statement on it."""
        return sql(self.path, statement, *values)

    def outcomes(self) -> dict[str, dict[str, Any] | None]:
        """The outcome of each model as it is written, by id."""
        rows = self.sql("SELECT id, outcome FROM model ORDER BY position")
        return {name: json.loads(outcome) if outcome else None for name, outcome in rows}

    def effects(self, kind: str) -> list[tuple[int, str, dict[str, Any], str | None]]:
        """What exists of a kind: number, name, intent and id."""
        rows = self.sql(
            "SELECT id, name, intent, external_id FROM effect WHERE kind = ? AND gone_at IS NULL ORDER BY id", kind
        )
        return [(number, name, json.loads(intent), outside) for number, name, intent, outside in rows]

    def revive(self, cloud: Cloud) -> None:
        """Makes in a project what the journal says exists, and gives the journal the new ids."""
        projects.authorize(cloud)
        for number, _, intent, outside in self.effects("app"):
            labels = {"mls-key": intent["key"], "mls-run": self.id, "mls-model": intent["name"]}
            spec = {
                "name": intent["name"],
                "region": "GRA",
                "image": intent.get("image", "registry.test/image:tag"),
                "resources": {"flavor": "ai1-1-cpu", "cpu": 1},
                "labels": labels,
            }
            self._revived(number, outside, apps.create(cloud, spec).id)
        for number, _, intent, outside in self.effects("token"):
            made = create_token(
                cloud,
                name=intent["name"],
                region="GRA",
                role="ai_training_read",
                label_selector=intent["selector"],
            )
            self._revived(number, outside, made.id)
        for number, _, intent, outside in self.effects("registration"):
            self._revived(number, outside, register(cloud, intent["region"], intent["url"], "u", Secret("a password")))
        for number, name, _, outside in self.effects("user"):
            self._revived(number, outside, create_ai_user(cloud, name)[0])

    def _revived(self, number: int, before: str | None, now: str) -> None:
        if before is not None:  # a kill came before the others were written down
            self.sql("UPDATE effect SET external_id = ? WHERE id = ?", now, number)


def undone(journal: Kept, cloud: Cloud, *models: str) -> tuple[Undone, list[str]]:
    """What an undo did, and the images it removed."""
    removed: list[str] = []

    def remove(name: str) -> str:
        removed.append(name)
        return ""

    opened = Journal(journal.path, write=True)
    opened.begin("undo")
    try:
        done = undo(
            opened,
            plan_undo(opened, Typed(journal.source), models),
            cloud=cloud,
            remove_image=remove,
            emit=lambda _: None,
        )
    finally:
        opened.close()
    return done, removed


def left(cloud: Cloud) -> list[object]:
    """Everything in the project that costs or opens something."""
    return [*deploy.listing(cloud), *list_tokens(cloud), *registries.registrations(cloud)]

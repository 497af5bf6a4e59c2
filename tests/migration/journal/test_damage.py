"""Journal files that are damaged, empty or of a newer release: each command says so, and none of them fails."""

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from migrate.cli.main import run
from migrate.core.errors import MigrateError
from migrate.core.options.sources import Typed
from migrate.migration.journal.database import FORMAT
from migrate.migration.journal.journal import Journal
from migrate.migration.run.workspace import Workspace
from migrate.migration.telling.status import status_of
from migrate.migration.telling.why import why
from migrate.migration.undo.undo import plan_undo
from tests.migration.kept import Kept
from tests.migration.worlds import BROKEN, FIRST, World, world

__all__ = ["world"]

Damage = Callable[[Path], object]


def by(*statements: str) -> Damage:
    """Damage by SQL."""

    def damage(path: Path) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        for statement in statements:
            connection.execute(statement)
        connection.close()

    return damage


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _overwritten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200] + b"\xa5" * (path.stat().st_size - 200))


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


FILES: Final[dict[str, tuple[Damage, str]]] = {
    "newer": (by(f"PRAGMA user_version = {FORMAT + 1}"), "journal-format"),
    "much newer": (by("PRAGMA user_version = 2147483647"), "journal-format"),
    "negative": (by("PRAGMA user_version = -1"), "journal-damaged"),
    "no number": (by("PRAGMA user_version = 0"), "journal-damaged"),
    "cut": (_cut, "journal-damaged"),
    "text": (lambda path: path.write_text("this is no database, " * 100, encoding="utf-8"), "journal-damaged"),
    "zeros": (lambda path: path.write_bytes(bytes(8192)), "journal-damaged"),
    "overwritten": (_overwritten, "journal-damaged"),
    "folder": (_folder, "journal-unusable"),
    "no table of models": (by("DROP TABLE model"), "journal-damaged"),
    "no table of effects": (by("DROP TABLE effect"), "journal-damaged"),
    "no column": (by("ALTER TABLE model DROP COLUMN outcome"), "journal-damaged"),
    "no facts": (by("DELETE FROM meta"), "journal-damaged"),
    "no UTF-8": (by("UPDATE run SET command = CAST(x'ff' AS TEXT)", "UPDATE effect SET name = CAST(x'ff' AS TEXT)",
                    "UPDATE model SET id = CAST(x'ff' AS TEXT) WHERE id = 'iris'"), "journal-damaged"),
    "bytes for text": (by("UPDATE run SET command = x'00'", "UPDATE effect SET kind = x'00'",
                          "UPDATE model SET id = x'00' WHERE id = 'iris'"), "journal-damaged"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_read_is_an_error_of_each_command(world: World, name: str) -> None:
    damage, code = FILES[name]
    other = world.copy("undone", source="models@GRA")
    damage(world.journal.path)
    for result in (world.status(), world.why(), world.undo()):
        assert (result["exit_code"], result["error"]["code"]) == (7, code), result
        assert str(world.journal.path) in result["error"]["what"]
    # What a run does not need is no obstacle to it.
    ended = world.run()
    assert ended["exit_code"] in ((4, 7) if name in {"no UTF-8", "bytes for text", "no column"} else (7,)), ended
    assert ended["exit_code"] == 4 or ended["error"]["code"] == code

    everything = world("status")
    assert everything["exit_code"] == 7
    assert [state["source"] for state in everything["data"]["sources"]] == [other.source]
    assert [(one["journal"], one["code"]) for one in everything["data"]["unread"]] == [(str(world.journal.path), code)]


def test_a_person_reads_of_every_source_and_of_what_cannot_be_read(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.copy("undone", source="models@GRA")
    by(f"PRAGMA user_version = {FORMAT + 1}")(world.journal.path)
    assert run(["status"]) == 7
    shown = capsys.readouterr().out
    assert "models@GRA" in shown
    assert "newer release" in shown
    assert "Next  Use that release" in shown


def test_the_release_that_wrote_a_newer_journal_is_named(world: World) -> None:
    world.run()  # writes the release down
    world.journal.sql("UPDATE meta SET text = '7.8.9' WHERE name = 'release'")
    world.journal.sql(f"PRAGMA user_version = {FORMAT + 1}")
    before = world.journal.path.read_bytes()
    assert "7.8.9" in world.status()["error"]["what"]
    assert world.run()["error"]["code"] == "journal-format"
    assert world.journal.path.read_bytes() == before


@pytest.mark.parametrize("step", ["empty file", "no facts yet"])
def test_what_a_killed_maker_left_is_no_journal_yet(world: World, step: str) -> None:
    if step == "empty file":
        world.journal.path.write_bytes(b"")
    else:
        tables = ("meta", "run", "model", "value", "effect", "effect_user", "event")
        by(*(f"DELETE FROM {table}" for table in tables))(world.journal.path)  # noqa: S608 - names of tables
    for result in (world.status(), world.why(), world.undo()):
        assert (result["exit_code"], result["error"]["code"]) == (2, "no-journal")
    assert world("status")["data"] == {"sources": []}
    assert world.run()["exit_code"] == 4
    assert [outcome["model"] for outcome in world.status()["data"]["sources"][0]["models"]] == [BROKEN]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("name", ["separate", "failed", "packed"])
def test_bytes_that_changed_anywhere_are_never_a_bug(tmp_path: Path, name: str, seed: int) -> None:
    journal = Kept(FIRST / f"{name}.sqlite", Workspace(tmp_path), endpoint="e", project="p")
    typed, good = Typed(journal.source), journal.path.read_bytes()
    models = list(journal.outcomes())
    chance = random.Random(seed)  # noqa: S311 - the same bytes each time
    codes: set[str] = set()
    for _ in range(12):
        content = bytearray(good)
        for _ in range(chance.choice((1, 20, 400))):
            content[chance.randrange(len(content))] = chance.randrange(256)
        journal.path.write_bytes(content)
        for look in (
            lambda: status_of(typed, Workspace(tmp_path), environ={}, offline=True),
            lambda: [why(typed, model, Workspace(tmp_path), environ={}) for model in models],
            lambda: _planned(journal.path, typed),
        ):
            try:
                look()
            except MigrateError as error:
                codes.add(error.code)
    assert codes
    assert codes <= {
        "journal-unusable",
        "journal-damaged",
        "journal-value",
        "journal-format",
        "no-journal",
        "unknown-model",
    }


def _planned(path: Path, typed: Typed) -> None:
    journal = Journal(path, write=True)
    try:
        plan_undo(journal, typed, ())
    finally:
        journal.close()

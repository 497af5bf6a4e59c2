"""Values, outcomes and effects that cannot be read: who looks is told, who acts goes on, and the way out leads out."""

import json
import shutil
from collections.abc import Callable
from typing import Any, Final

import pytest

from migrate.apps.registries import find_user
from migrate.core.errors import LocalError
from migrate.migration.journal.journal import Journal
from migrate.migration.journal.ledger import KINDS
from migrate.migration.undo.undo import ORDER, STAYS
from tests.migration.kept import left, undone
from tests.migration.worlds import BROKEN, World, world

__all__ = ["world"]

DEEP: Final = '{"a":' * 20_000

TEXTS: Final[dict[str, Callable[[dict[str, Any]], object]]] = {
    "every field is missing": lambda _: {},
    "every field is renamed": lambda value: {f"{name}_": part for name, part in value.items()},
    "every field has another type": lambda value: {name: [[[]]] for name in value},
    "a list": lambda value: [value],
    "null": lambda _: None,
}
RAW: Final[dict[str, object]] = {
    "empty": "",
    "half": '{"model": "broken", "outco',
    "no text": b"\xff\x00\xfe",
    "a string that is no UTF-8": b'{"model": "\xff\xfe", "outcome": "done", "id": "\xff", "source": "\xff"}',
    "a number": 7,
    "deep": DEEP,
}
PLACES: Final = {
    "outcome": ("SELECT outcome FROM model WHERE id = 'broken'", "UPDATE model SET outcome = ? WHERE id = 'broken'"),
    "record": ("SELECT record FROM model WHERE id = 'broken'", "UPDATE model SET record = ? WHERE id = 'broken'"),
    "fetch": (
        "SELECT json FROM value WHERE subject = 'model:broken' AND step = 'fetch'",
        "UPDATE value SET json = ? WHERE subject = 'model:broken' AND step = 'fetch'",
    ),
    "inspect": (
        "SELECT json FROM value WHERE subject = 'model:broken' AND step = 'inspect'",
        "UPDATE value SET json = ? WHERE subject = 'model:broken' AND step = 'inspect'",
    ),
}


# Every kind in one place and every place of one kind; the others by make test-all.
DAMAGE: Final = [
    (place, kind) if place == "outcome" or kind == "half" else pytest.param(place, kind, marks=pytest.mark.slow)
    for place in PLACES
    for kind in (*TEXTS, *RAW)
]


@pytest.mark.parametrize(("place", "kind"), DAMAGE)
def test_a_damaged_value_is_told_and_made_again_by_a_run(world: World, place: str, kind: str) -> None:
    assert world.run()["exit_code"] == 4  # so that the keys are those of this version
    find, change = PLACES[place]
    ((good,),) = world.journal.sql(find)
    bad = json.dumps(TEXTS[kind](json.loads(good))) if kind in TEXTS else RAW[kind]
    world.journal.sql(change, bad)

    looked = world.why()
    assert (looked["exit_code"], looked["error"]["code"]) == (7, "journal-value")
    assert "broken" in looked["error"]["what"]
    assert world.status()["exit_code"] == (7 if place == "outcome" else 0)
    assert world.why("iris")["exit_code"] == 0, "another model is not concerned"

    assert world.run()["exit_code"] == 4
    assert json.loads(world.journal.sql(find)[0][0]) == json.loads(good)
    assert world.why()["exit_code"] == world.status()["exit_code"] == 0


def test_an_outcome_that_this_version_does_not_know_is_told(world: World) -> None:
    world.journal.sql("UPDATE model SET outcome = replace(outcome, 'needs-you', 'postponed')")
    for result in (world.status(), world.why()):
        assert (result["exit_code"], result["error"]["code"]) == (7, "journal-value")
        assert "postponed" in result["error"]["what"]


def test_a_field_that_this_version_does_not_know_is_left_out(world: World) -> None:
    world.journal.sql(
        "UPDATE model SET outcome = json_set(outcome, '$.mood', 'good'), record = json_set(record, '$.x', 1)"
    )
    world.journal.sql("UPDATE value SET json = json_set(CAST(json AS TEXT), '$.mood', json('{\"a\": [1]}'))")
    world.journal.sql("UPDATE effect SET intent = json_set(intent, '$.mood', 'good')")
    assert world.status()["exit_code"] == 0
    assert [world.why(model)["exit_code"] for model in world.journal.outcomes()] == [0] * 5


NUMBERS: Final = {
    "outcome": "UPDATE model SET outcome_schema = 9 WHERE id = 'broken'",
    "record": "UPDATE model SET record_schema = 9 WHERE id = 'broken'",
    "inspect": "UPDATE value SET schema = 9 WHERE subject = 'model:broken' AND step = 'inspect'",
}


@pytest.mark.parametrize("place", NUMBERS)
def test_a_value_of_a_newer_release_is_told_and_left_alone(world: World, place: str) -> None:
    world.run()
    world.journal.sql(NUMBERS[place])
    looked = world.why()
    assert (looked["exit_code"], looked["error"]["code"]) == (7, "journal-format")
    assert "newer release" in looked["error"]["what"]
    assert world.status()["exit_code"] == (7 if place == "outcome" else 0)
    ended = world.run()
    if place == "inspect":
        (outcome,) = ended["models"]
        assert (ended["exit_code"], outcome["reason"]) == (7, "journal-format")
        assert world.journal.sql("SELECT schema FROM value WHERE subject = 'model:broken' AND step = 'inspect'") == [
            (9,)
        ]


def test_an_event_that_cannot_be_read_hides_no_other(world: World) -> None:
    before = world.why()["data"]["events"]
    world.journal.sql("UPDATE event SET json = '{' WHERE id = (SELECT min(id) FROM event WHERE model = 'broken')")
    now = world.why()["data"]["events"]
    assert "cannot be read" in now[0]
    assert now[1:] == before[1:]


def test_an_app_that_cannot_be_read_is_told_and_does_not_spoil_a_run(world: World) -> None:
    world.journal.sql("UPDATE value SET json = '{}' WHERE subject = 'unit:iris' AND step = 'deploy'")
    assert world.status()["error"]["code"] == "journal-value"
    ended = world.run()
    assert ended["exit_code"] == 4
    assert len(ended["data"]["apps"]) == 4, "it exists, and is billed"


def test_every_kind_of_effect_is_deleted_or_stays() -> None:
    assert {*ORDER, *STAYS} == KINDS
    assert not STAYS & set(ORDER)


LOST: Final[dict[str, object]] = {"empty": "", "half": '{"key": "', "a list": "[]", "no text": b"\xff", "deep": DEEP}


@pytest.mark.parametrize("kind", ["half", "no text"])
def test_undo_deletes_what_is_recorded_where_nothing_else_can_be_read(world: World, kind: str) -> None:
    world.journal.revive(world.cloud)
    expected = len(world.journal.sql("SELECT id FROM effect WHERE gone_at IS NULL")) - 5  # authorization, pushed images
    users = [name for _, name, _, _ in world.journal.effects("user")]
    for change in ("value SET json", "model SET record", "model SET outcome", "effect SET intent", "event SET json"):
        world.journal.sql(f"UPDATE {change} = ?", LOST[kind])
    for looked in (world.status(), world.why("iris")):
        assert (looked["exit_code"], looked["error"]["code"]) == (7, "journal-value")

    done, _ = undone(world.journal, world.cloud)
    assert (done.failed, len(done.deleted)) == ((), expected)
    assert left(world.cloud) == []
    assert [name for name in users if find_user(world.cloud, name)] == []
    ended = dict(world.journal.sql("SELECT id, outcome FROM model"))
    assert {json.loads(outcome)["reason"] for name, outcome in ended.items() if name != BROKEN} == {"undone"}
    assert world.run()["exit_code"] == 4  # it had no app, so undo had nothing to say of it
    assert world.status()["exit_code"] == 0


@pytest.mark.parametrize("kind", LOST)
def test_what_a_kill_left_without_an_id_is_found_without_its_intent(world: World, kind: str) -> None:
    shutil.rmtree(world.journal.path.parent)
    journal = world.copy("killed")
    journal.revive(world.cloud)
    assert len(left(world.cloud)) == 1
    journal.sql("UPDATE effect SET intent = ?", LOST[kind])
    done, _ = undone(journal, world.cloud)
    assert done.failed == ()
    assert left(world.cloud) == []


def test_a_lost_token_and_registration_are_found_without_their_intents(world: World) -> None:
    shutil.rmtree(world.journal.path.parent)
    journal = world.copy("registry")
    journal.revive(world.cloud)
    assert len(left(world.cloud)) == 3
    journal.sql("UPDATE effect SET intent = '{', external_id = NULL WHERE kind IN ('app', 'token', 'registration')")
    done, _ = undone(journal, world.cloud)
    assert done.failed == ()
    assert left(world.cloud) == []


def test_undo_of_one_model_stops_where_it_cannot_know_what_an_app_serves(world: World) -> None:
    shutil.rmtree(world.journal.path.parent)
    journal = world.copy("packed")
    journal.revive(world.cloud)
    journal.sql("UPDATE effect SET intent = '{' WHERE kind = 'app'")
    with pytest.raises(LocalError, match="cannot be read") as caught:
        undone(journal, world.cloud, "iris")
    assert caught.value.next_step == f"Undo all of the source: migrate undo {journal.source}"
    assert len(left(world.cloud)) == 2
    done, _ = undone(journal, world.cloud)
    assert done.failed == ()
    assert left(world.cloud) == []


def test_an_effect_of_a_newer_release_is_told_and_everything_else_deleted(world: World) -> None:
    world.journal.revive(world.cloud)
    world.journal.sql(
        "INSERT INTO effect (kind, name, run, intent, intended_at, external_id)"
        " VALUES ('volume', 'v', 1, '{}', '', 'x')"
    )
    world.journal.sql("INSERT INTO effect_user SELECT max(id), 'unit:iris' FROM effect")
    for looked in (world.status(), world.why("iris")):
        assert (looked["exit_code"], looked["error"]["code"]) == (7, "journal-format")
        assert "volume" in looked["error"]["what"]
    done, removed = undone(world.journal, world.cloud)
    assert left(world.cloud) == []
    assert "v" not in removed
    (failed,) = done.failed
    assert failed.startswith("volume x: ")
    assert done.exit_code == 7
    assert world.journal.sql("SELECT kind FROM effect WHERE gone_at IS NULL AND kind = 'volume'") == [("volume",)]


def test_an_intent_of_a_newer_release_is_told_and_used_for_deletion(world: World) -> None:
    Journal(world.journal.path, write=True).close()
    world.journal.revive(world.cloud)
    world.journal.sql("UPDATE effect SET schema = 9")
    assert world.status()["error"]["code"] == "journal-format"
    done, _ = undone(world.journal, world.cloud)
    assert done.failed == ()
    assert left(world.cloud) == []

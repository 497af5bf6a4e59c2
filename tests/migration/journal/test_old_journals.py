"""Every journal of a released version is read: by status, why, undo and run, each on a copy."""

import json
from pathlib import Path

import pytest

from migrate.apps.registries import find_user
from migrate.core.looking import SourceState
from migrate.core.options.sources import RunOptions, Typed
from migrate.migration.journal.database import FORMAT
from migrate.migration.journal.journal import Journal
from migrate.migration.journal.ledger import KINDS
from migrate.migration.run.workspace import Workspace
from migrate.migration.run_source import plan_source, run_source
from migrate.migration.telling.status import status_of, status_of_all
from migrate.migration.telling.why import why
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from tests.migration.kept import JOURNALS, KEPT, NAMES, Kept, left, undone
from tests.migration.runs import NO_ENGINE, agree

MODELS = Path(__file__).parents[3] / "examples" / "models"

each = pytest.mark.parametrize("kept", KEPT, ids=NAMES)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_POLL_SECONDS", "0.2")


def moved(kept: Path, workspace: Workspace, cloud: Cloud) -> Kept:
    """The journal as if its run had been in this project; what was a folder of its machine is one of this machine."""
    folder = str(MODELS) if kept.stem == "folder" else None
    return Kept(kept, workspace, endpoint=cloud.session.endpoint_name, project=cloud.project, source=folder)


def test_there_are_journals_of_this_tools_first_release() -> None:
    assert len([path for path in KEPT if path.parent.name == "0.1.0"]) == 10


@each
def test_status_says_what_is_written(kept: Path, workspace: Workspace) -> None:
    journal = Kept(kept, workspace, endpoint="e", project="p")
    before = journal.path.read_bytes()
    found = status_of(Typed(journal.source, project="p"), workspace, environ={}, offline=True)
    (state,) = found.sources
    assert found == status_of_all(workspace, project=None, environ={}, offline=True)
    _as_written(state, journal)
    assert journal.path.read_bytes() == before, "who looks writes nothing"


def _as_written(state: SourceState, journal: Kept) -> None:
    outcomes = journal.outcomes()
    ended = {name: outcome for name, outcome in outcomes.items() if outcome is not None}
    assert {outcome.model: outcome.outcome for outcome in state.models} == {
        name: outcome["outcome"] for name, outcome in ended.items()
    }
    assert {outcome.model: outcome.new_url for outcome in state.models} == {
        name: outcome.get("new_url") for name, outcome in ended.items()
    }
    assert state.unknown == tuple(name for name, outcome in outcomes.items() if outcome is None)
    assert [app.id for app in state.apps] == [outside or "unknown" for _, _, _, outside in journal.effects("app")]
    assert [app.url for app in state.apps] == [intent.get("url", "") for _, _, intent, _ in journal.effects("app")]
    assert (state.source, state.run) == (journal.source, journal.id)
    assert len(state.left) == sum(
        len(journal.effects(kind)) for kind in ("token", "proof-token", "registration", "user")
    )


@pytest.mark.parametrize("kept", [JOURNALS / "0.1.0" / f"{name}.sqlite" for name in ("separate", "killed")])
def test_status_asks_for_the_apps(kept: Path, workspace: Workspace, sandbox: Path, cloud: Cloud) -> None:
    journal = moved(kept, workspace, cloud)
    journal.revive(cloud)
    environ = {"HOME": "/nonexistent", **control.env(sandbox)}
    (state,) = status_of(Typed(journal.source), workspace, environ=environ, offline=False).sources
    assert (state.asked, state.problem) == (True, "")
    known = [app.state for app in state.apps if app.id != "unknown"]
    assert all(state not in {None, "gone"} for state in known)


@each
def test_why_tells_the_story_of_each_model(kept: Path, workspace: Workspace) -> None:
    journal = Kept(kept, workspace, endpoint="e", project="p")
    steps = {(subject, step) for subject, step in journal.sql("SELECT subject, step FROM value")}
    for name, outcome in journal.outcomes().items():
        story = why(Typed(journal.source), name, workspace, environ={})
        assert (story.outcome.outcome if story.outcome else None) == (outcome["outcome"] if outcome else None)
        assert {step.step for step in story.steps} >= {
            step for subject, step in steps if subject == f"model:{name}" and step in ("fetch", "inspect", "record")
        }
        events = journal.sql("SELECT count(*) FROM event WHERE model = ?", name)[0][0]
        assert len(story.events) == min(events, 20)
        if outcome is not None and outcome.get("query_id"):
            assert outcome["query_id"] in story.query_ids
        if outcome is not None and outcome.get("reason") == "answers-differ":
            assert any(line.startswith("on AI Deploy: ") for line in story.evidence)


@each
def test_undo_deletes_what_is_recorded(kept: Path, workspace: Workspace, cloud: Cloud) -> None:
    journal = moved(kept, workspace, cloud)
    journal.revive(cloud)
    images = [name for kind in ("image", "runtime-image") for _, name, _, _ in journal.effects(kind)]
    users = [name for _, name, _, _ in journal.effects("user")]
    expected = sum(len(journal.effects(kind)) for kind in KINDS - {"authorization", "pushed-image"})
    assert len(left(cloud)) == expected - len(images) - len(users)

    done, removed = undone(journal, cloud)

    assert (done.failed, done.exit_code) == ((), 0)
    assert len(done.deleted) == expected
    assert left(cloud) == []
    assert [name for name in users if find_user(cloud, name)] == []
    assert sorted(removed) == sorted(images)
    again, _ = undone(journal, cloud)
    assert again.deleted == ()
    (state,) = status_of_all(workspace, project=None, environ={}, offline=True).sources
    assert (state.apps, state.left) == ((), ())
    assert all(outcome.app_id is None for outcome in state.models)


@each
def test_a_run_goes_on_with_it(kept: Path, workspace: Workspace, cloud: Cloud) -> None:
    journal = moved(kept, workspace, cloud)
    before = {kind: journal.effects(kind) for kind in KINDS}
    runs = journal.sql("SELECT * FROM run")
    old = journal.sql("SELECT subject, step, key, digest, json, run FROM value ORDER BY subject, step")
    outcomes = journal.outcomes()
    model = next((name for name, outcome in outcomes.items() if outcome is not None), "iris")
    options = RunOptions(source=journal.source, models=(model,))

    plan_source(options, cloud=cloud, workspace=workspace, environ=NO_ENGINE, emit=lambda _: None)
    assert journal.sql("PRAGMA user_version") == [(1,)], "a dry run writes nothing"
    result = run_source(
        options, cloud=cloud, workspace=workspace, environ=NO_ENGINE, emit=lambda _: None, confirm=agree
    )

    assert result.data["run"] == journal.id
    assert [outcome.model for outcome in result.models] == [model]
    assert {outcome.outcome for outcome in result.models} <= {"needs-you", "failed"}
    assert "bug" not in {outcome.reason for outcome in result.models}
    assert journal.sql("PRAGMA user_version") == [(FORMAT,)]
    assert [row[:5] for row in journal.sql("SELECT * FROM run")][:-1] == [row[:5] for row in runs]
    for kind, effects in before.items():
        kept_effects = {effect[0]: effect for effect in journal.effects(kind)}
        for number, name, intent, outside in effects:
            assert kept_effects[number][:2] == (number, name)
            assert kept_effects[number][3] == outside
            assert intent.items() <= kept_effects[number][2].items(), "facts are added, and none is changed"
    now = journal.sql("SELECT subject, step, key, digest, json, run, schema FROM value ORDER BY subject, step")
    run = max(row[0] for row in journal.sql("SELECT id FROM run"))
    kept_rows = {row[:2]: row for row in now if row[5] != run}
    assert all(kept_rows[row[:2]] == (*row, 1) for row in old if row[:2] in kept_rows)
    assert kept_rows or not old


@each
def test_what_a_lost_intent_said_follows_from_the_rest(kept: Path, workspace: Workspace) -> None:
    journal = Kept(kept, workspace, endpoint="e", project="p")
    rows = journal.sql("SELECT id, intent FROM effect ORDER BY id")
    said = {number: json.loads(intent) for number, intent in rows}
    journal.sql("UPDATE effect SET intent = '{'")
    opened = Journal.read(journal.path)
    assert opened is not None
    effects = opened.effects.all()
    opened.close()
    assert [effect.id for effect in effects] == list(said)
    for effect in effects:
        assert effect.lost is not None
        assert effect.intent == {name: text for name, text in said[effect.id].items() if name in effect.intent}
        for needed in {"app": ("name",), "token": ("name",), "registration": ("region", "url")}.get(effect.kind, ()):
            assert effect.text(needed), effect

"""The journal on real SQLite: values by key, outcomes, events; nothing lost by a kill, no secret in the file."""

import contextlib
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from migrate.core.errors import LocalError
from migrate.core.events import Notice
from migrate.core.secret import Secret
from migrate.core.values import Artifact, ArtifactFile, ModelRecord, Outcome
from migrate.migration.journal.journal import Journal

ARTIFACT = Artifact(
    folder="/store/a", files=(ArtifactFile(path="m.onnx", size=3, digest="sha256:0"),), size=3, digest="sha256:1"
)


def test_a_value_comes_back_with_its_key_and_digest(journal: Journal, path: Path) -> None:
    stored = journal.put("model:a", "fetch", "key", ARTIFACT, seconds=1.5)
    journal.close()

    reopened = Journal.read(path)
    assert reopened is not None
    found = reopened.get("model:a", "fetch", Artifact)
    assert found is not None
    assert (found.value, found.key, found.digest, found.seconds) == (ARTIFACT, "key", stored.digest, 1.5)
    assert reopened.get("model:a", "inspect", Artifact) is None
    assert list(reopened.steps("model:a")) == ["fetch"]
    reopened.close()


def test_equal_values_have_equal_digests_and_others_do_not(journal: Journal) -> None:
    one = journal.put("model:a", "fetch", "k", ARTIFACT)
    two = journal.put("model:b", "fetch", "k", ARTIFACT)
    other = journal.put("model:b", "fetch", "k", Artifact(folder="/", files=(), size=0, digest="sha256:2"))
    assert one.digest == two.digest != other.digest
    journal.forget("model:a", "fetch")
    assert journal.get("model:a", "fetch", Artifact) is None


def test_the_id_and_the_facts_stay_over_runs(journal: Journal, path: Path) -> None:
    identity = journal.id
    journal.close()
    again = Journal.create(path, source="other", endpoint="other", project="other")
    assert again.id == identity
    assert again.fact("source") == "ns"
    assert len(identity) == 12
    again.close()


def test_models_keep_the_order_of_the_source_and_their_outcomes(journal: Journal) -> None:
    journal.list_models([ModelRecord(id="b", source="ns"), ModelRecord(id="a", source="ns")])
    journal.finish(Outcome(model="a", outcome="done", new_url="http://x"))
    journal.list_models([ModelRecord(id="b", source="ns"), ModelRecord(id="a", source="ns", version=2)])
    models = journal.models()
    assert list(models) == ["b", "a"]
    assert models["a"].record.version == 2
    assert models["a"].outcome == Outcome(model="a", outcome="done", new_url="http://x")
    assert models["b"].outcome is None


def test_events_are_told_by_model(journal: Journal) -> None:
    journal.note(Notice(text="one", model="a"), model="a")
    journal.note(Notice(text="all"), model=None)
    assert [event.event["text"] for event in journal.events("a")] == ["one"]
    assert [event.event["text"] for event in journal.events()] == ["one", "all"]


def test_a_run_that_was_killed_has_no_end(journal: Journal) -> None:
    journal.end(4)
    journal.begin("undo")
    first, second = journal.runs()
    assert (first.command, first.exit_code) == ("run", 4)
    assert (second.command, second.ended) == ("undo", None)


def test_no_secret_reaches_the_file(journal: Journal, path: Path) -> None:
    secret = Secret('hunter"2\\and\nmore')
    journal.put("model:a", "fetch", "k", Artifact(folder=secret.reveal(), files=(), size=0, digest=""))
    journal.note(Notice(text=f"said {secret.reveal()}"), model=None)
    journal.finish(Outcome(model="a", outcome="failed", text=secret.reveal()))
    journal.effects.intend("user", "u", {"password": secret.reveal()}, unit="unit:a")
    found = journal.get("model:a", "fetch", Artifact)
    assert found is not None
    assert found.value.folder == "***"
    journal.close()
    for file in path.parent.iterdir():
        content = file.read_bytes()
        assert b"hunter" not in content, file


def test_only_its_owner_may_read_it(journal: Journal, path: Path) -> None:
    assert path.stat().st_mode & 0o077 == 0


def test_a_value_is_on_disk_when_put_returns(path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from migrate.core.values import Outcome\n"
        "from migrate.migration.journal.journal import Journal\n"
        "journal = Journal.create(Path(sys.argv[1]), source='s', endpoint='e', project='p'); journal.begin('run')\n"
        "effect = journal.effects.intend('app', 'unit:a', {}, unit='unit:a')\n"
        "journal.put('model:a', 'fetch', 'k', Outcome(model='a', outcome='done'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    journal = Journal.read(path)
    assert journal is not None
    assert journal.get("model:a", "fetch", Outcome) is not None
    (effect,) = journal.effects.existing("app")
    assert effect.external_id is None
    journal.close()


def test_what_is_written_at_once_is_there_as_a_whole_or_not_at_all(journal: Journal) -> None:
    journal.list_models([ModelRecord(id=name, source="s") for name in ("one", "two")])
    for broken in (True, False):
        with contextlib.suppress(OSError), journal.at_once():
            for name in ("one", "two"):
                journal.finish(Outcome(model=name, outcome="done"))
                journal.note(Notice(text="told"), model=name)
            if broken:
                raise OSError
        states = journal.models().values()
        assert [state.outcome is None for state in states] == [broken, broken]
        assert len(journal.events()) == (0 if broken else 2)


def test_there_is_nothing_to_read_before_the_first_run(tmp_path: Path) -> None:
    assert Journal.read(tmp_path / "none.sqlite") is None
    sqlite3.connect(tmp_path / "empty.sqlite").close()
    (tmp_path / "empty.sqlite").touch()
    assert Journal.read(tmp_path / "empty.sqlite") is None


@pytest.mark.parametrize("write", [True, False])
def test_a_damaged_file_is_named(tmp_path: Path, write: bool) -> None:
    damaged = tmp_path / "journal.sqlite"
    damaged.write_bytes(b"this is no database, " * 100)
    with pytest.raises(LocalError) as caught:
        Journal(damaged, write=write)
    assert caught.value.code == "journal-damaged"
    assert str(damaged) in caught.value.what


def test_another_format_is_refused(journal: Journal, path: Path) -> None:
    journal.close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(LocalError, match="format 99") as caught:
        Journal.read(path)
    assert caught.value.code == "journal-format"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalError) as caught:
        Journal.create(tmp_path / "no" / "journal.sqlite", source="s", endpoint="e", project="p")
    assert caught.value.code == "journal-unusable"

"""Recordings from the journal, and what keeps them from being taken as they are."""

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from migrate.core.errors import LocalError
from migrate.core.events import Notice
from migrate.core.values import Recording, RuntimeImage
from migrate.formats.inspect import inspect
from migrate.migration.journey.models import Inspected
from migrate.migration.journey.order import _demand_limits
from migrate.migration.journey.steps.record import record_answers
from migrate.migration.run.step_engine import Performer, Recaller, Unsettled, step_key
from migrate.ovhcloud.session import Cloud
from migrate.parity.generate import SEED
from tests.formats.models import artifact
from tests.migration.runs import record, run_of

TREE = Path("examples/formats/species-tree/species-tree.pmml")
IMAGE = RuntimeImage(runtime="pmml", reference="r", image_id="i", key="k", size=0, base="b")


def test_a_model_whose_files_were_removed_here_is_fetched_anew_and_not_failed(cloud: Cloud, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    shutil.copy(TREE, files)
    found, held = inspect(artifact(files), framework=None), artifact(files)
    with run_of(cloud, tmp_path) as (run, _):
        journal = run.journal
        model = Inspected(
            record(),
            journal.put("model:iris", "fetch", "k", held),
            journal.put("model:iris", "inspect", "k", found),
        )
        runtime = journal.put("runtime:pmml", "runtime", "k", IMAGE)
        key = step_key("record", 1, model.form, {"seed": SEED})
        recording = journal.put("model:iris", "record", key, Recording(level="live", origin="o", samples=()))
        recall = Recaller(journal)
        assert record_answers(run, recall, model, runtime).digest == recording.digest

        (files / TREE.name).unlink()
        with pytest.raises(Unsettled):
            record_answers(run, recall, model, runtime)
        with pytest.raises(LocalError):
            record_answers(run, Performer(journal, run.emit, run.stop), model, runtime)


def test_where_nothing_can_be_run_a_reference_is_asked_for_before_anything_is_built(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # without bubblewrap
    (tmp_path / "run").mkdir()
    with run_of(cloud, tmp_path / "run") as (run, events):
        run.options, journal = replace(run.options, builder="none"), run.journal
        model = Inspected(
            record(),
            journal.put("model:iris", "fetch", "k", artifact(TREE.parent.resolve())),
            journal.put("model:iris", "inspect", "k", inspect(artifact(TREE.parent.resolve()), framework=None)),
        )
        runtime, steps = journal.put("runtime:pmml", "runtime", "k", IMAGE), Performer(journal, run.emit, run.stop)
        with pytest.raises(LocalError) as caught:
            record_answers(run, steps, model, runtime)
        assert caught.value.code == "no-box"
        assert "--samples" in caught.value.next_step

        run.options = replace(run.options, proof="self")
        assert record_answers(run, steps, model, runtime).value.level == "self"
    told = [event.text for event in events if isinstance(event, Notice)]
    assert [text for text in told if "rehearsed here" in text] == told
    assert len(told) == 1


def test_files_that_run_code_go_nowhere_where_nothing_can_be_tried_out(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # without bubblewrap
    files, runtime = artifact(Path("examples/formats/species-module").resolve()), replace(IMAGE, runtime="torch")
    allowed = [file.digest for file in files.files]
    with run_of(cloud, tmp_path) as (run, _):
        run.options, journal = replace(run.options, builder="none", proof="self"), run.journal
        for words, refused in (((), False), (allowed, True)):
            found = inspect(files, framework=None, allow_unsafe=words)
            model = Inspected(
                record(),
                journal.put("model:iris", "fetch", "k", files),
                journal.put("model:iris", "inspect", "k", found),
            )
            if not refused:
                _demand_limits(run, model, runtime)  # its verdict ends the journey before
                continue
            with pytest.raises(LocalError) as caught:
                _demand_limits(run, model, runtime)
            assert caught.value.code == "no-box"
            assert "run code" in caught.value.what

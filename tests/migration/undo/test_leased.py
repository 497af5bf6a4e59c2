"""An undo whose lease another machine has taken meanwhile."""

import threading
from pathlib import Path

import msgspec
import pytest

from migrate.apps import deploy as platform
from migrate.commands.undo import take_away
from migrate.core.errors import ExitCode
from migrate.core.names import slug
from migrate.core.options.sources import UndoOptions
from migrate.migration.journal.journal import Journal
from migrate.migration.run import leased
from migrate.migration.run.workspace import Workspace
from migrate.migration.state.lease import LeaseRecord, Times
from migrate.migration.state.store import open_store
from migrate.ovhcloud.projects import authorize
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from tests.migration.runs import IMAGE, NO_ENGINE, record, run_of, unit
from tests.waiting import wait_until

QUICK = Times(lifetime=0.6, renewal=0.1, watched=0.3)
MODELS = ("iris", "titanic")


def test_it_ends_as_a_lost_lease_does_and_not_as_ctrl_c(
    sandbox: Path, cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_POLL_SECONDS", "0.2")
    monkeypatch.setattr(leased, "Times", lambda: QUICK)
    authorize(cloud)
    control.fail(sandbox, "app-stuck")
    source = Workspace(tmp_path / "workspace").source(cloud.session.endpoint_name, cloud.project, "ns")
    source.path.mkdir(parents=True)
    with run_of(cloud, source.path) as (run, _):
        run.journal.list_models([record(name) for name in MODELS])
        for name in MODELS:
            found = platform.create(run.cloud, run.plan(unit(name), "sha256:0"), IMAGE)
            effect = run.journal.effects.intend("app", unit(name).subject, {}, unit=unit(name).subject)
            run.journal.effects.done(effect, found.id, models=[name])
    reached = tmp_path / "reached"
    fault = control.fail(sandbox, "hold", method="DELETE", nth=1, point="before", touch=str(reached))

    def taken_by_another() -> None:
        wait_until(reached.exists, "no deletion was begun")
        store = open_store(str(tmp_path / "state"))
        name = f"{slug(cloud.session.endpoint_name)}/{slug(cloud.project)}/ns/lease"
        version = None
        while version is None:  # its holder renews it
            held = store.read(name)
            assert held is not None
            mine = msgspec.structs.replace(msgspec.json.decode(held.content, type=LeaseRecord), taken="another")
            version = store.replace(name, msgspec.json.encode(mine), held.version)
        threading.Event().wait(5 * QUICK.renewal)
        control.release(sandbox, fault)

    other = threading.Thread(target=taken_by_another)
    other.start()
    options = UndoOptions(
        source="ns", workspace=tmp_path / "workspace", state=str(tmp_path / "state"), yes=True, as_json=True
    )
    undone = take_away(options, {**NO_ENGINE, **control.env(sandbox), "HOME": str(tmp_path)})
    other.join()
    assert undone.exit_code == ExitCode.REMOTE
    assert undone.to_do
    journal = Journal.read(source.journal)
    assert journal is not None
    assert [run.exit_code for run in journal.runs()][-1] == ExitCode.REMOTE
    journal.close()

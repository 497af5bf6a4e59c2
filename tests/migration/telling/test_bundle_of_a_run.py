"""Real failures against the sandbox, and what their bundle, log of calls and why say."""

import zipfile
from pathlib import Path

import pytest

from migrate.core.names import slug
from migrate.core.options.sources import Typed
from migrate.migration.journey.outcomes import ended, keep_evidence
from migrate.migration.run.workspace import Workspace
from migrate.migration.telling.bundle.bundle import make_bundle
from migrate.ovhcloud.call_log import CallLog
from migrate.ovhcloud.projects import authorize
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from tests.clouds import cloud, open_cloud, sandbox, started
from tests.migration.runs import deployed, record, run_of
from tests.migration.worlds import BROKEN, World, world
from tests.ovhcloud.test_rights import key_with

__all__ = ["cloud", "sandbox", "started", "world"]


def test_a_reader_can_tell_why_a_run_failed(world: World, tmp_path: Path) -> None:
    assert world.run()["exit_code"] == 4
    why = world.why()["data"]
    assert (why["outcome"]["reason"], why["outcome"]["step"], why["whose"]) == ("truncated", "inspect", "file")
    told = world("bundle", world.journal.source, "--out", str(tmp_path / "case.zip"), "--explain")["data"]
    (pseudonym,) = (known for known, name in told["names"].items() if name == BROKEN)
    with zipfile.ZipFile(tmp_path / "case.zip") as archive:
        texts = {name: archive.read(name).decode("ascii") for name in archive.namelist()}
    part = texts["summary.txt"].partition(f"{pseudonym}: ")[2].partition("\nmodel-")[0]
    assert "  code       truncated\n  whose      file" in part
    assert "  step       inspect" in part
    assert "  evidence   inspect: onnx, unreadable, truncated" in part
    # The run's calls are there, with query ids, and the names of the project and its models are not.
    assert texts["calls.txt"].count("EU.ext-1.") >= 3
    assert "/cloud/project/{serviceName}/ai/serving" in texts["calls.txt"]
    for private in (world.cloud.project, world.journal.id, world.journal.source, "titanic", str(tmp_path)):
        assert private not in "".join(texts.values())


def summary_after_deploying(cloud: Cloud, root: Path) -> str:
    """What the bundle says of a model whose app does not come up."""
    workspace = Workspace(root)
    folder = workspace.source("sandbox", cloud.project, "ns").path
    folder.mkdir(parents=True)
    cloud.session.log = CallLog(workspace.calls)
    with run_of(cloud, folder, timeout=60.0) as (run, _):
        cloud.session.log.about(run.journal.id, 1)
        error = deployed(run)
        run.journal.list_models((record(),))
        keep_evidence(run.journal, "iris", error.evidence)
        run.journal.finish(ended(record(), error, again=""))
    made = make_bundle(Typed("ns", cloud.project), workspace, environ={"HOME": "/nonexistent"})
    for private in (cloud.project, slug(cloud.project), "iris", "registry.test", str(root)):
        assert private not in "".join(made.texts.values())
    return made.texts["summary.txt"]


@pytest.fixture
def authorized(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_POLL_SECONDS", "0.2")
    authorize(cloud)


def test_an_image_that_is_not_pulled(sandbox: Path, cloud: Cloud, tmp_path: Path, authorized: None) -> None:
    control.fail(sandbox, "app-failed", cause="image", log=["pull access denied for registry.test/iris"])
    told = summary_after_deploying(cloud, tmp_path / "w")
    assert "model-1: needs-you\n  code       app-image\n  whose      rights" in told
    assert "  step       deploy" in told
    assert "evidence   log: pull access denied for" in told


def test_a_right_that_is_missing(sandbox: Path, cloud: Cloud, tmp_path: Path, authorized: None) -> None:
    key = key_with(sandbox, ("GET", "/*"))
    with open_cloud(sandbox, tmp_path / "narrow", OVH_CONSUMER_KEY=key) as narrow:
        told = summary_after_deploying(narrow, tmp_path / "w")
    assert "model-1: failed\n  code       not-granted\n  whose      rights" in told
    assert "  step       deploy" in told
    assert "  query id   EU.ext-1." in told
    assert "POST  /cloud/project/{serviceName}/ai/app  403" in told

from contextlib import closing
from pathlib import Path

import requests

from migrate.core.codes.blame import CAUSES, cause_of
from migrate.core.codes.catalogue import CODES
from migrate.core.errors import ConfigurationError
from migrate.core.events import ModelFinished
from migrate.core.options.sources import Typed
from migrate.core.values import Documents, ModelRecord
from migrate.migration.journal.journal import Journal
from migrate.migration.journal.subjects import unit_subject
from migrate.migration.journey.outcomes import ended
from migrate.migration.run.workspace import Workspace
from migrate.migration.telling.why import why
from migrate.ovhcloud.call_log import CallLog, doing
from migrate.sources.reference import parse_source


def test_the_story_names_what_says_what_the_image_is_made_of(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    source = parse_source("models@GRA").canonical
    folder = workspace.source("ovh-eu", "project", source)
    folder.path.mkdir(parents=True)
    sbom, provenance = (str(folder.documents / "iris" / name) for name in ("sbom.cdx.json", "provenance.intoto.json"))
    with closing(Journal.create(folder.journal, source=source, endpoint="ovh-eu", project="project")) as journal:
        journal.begin("run")
        journal.list_models((ModelRecord(id="iris", source=source),))
        made = Documents(sbom=sbom, provenance=provenance, subject=f"sha256:{'a' * 64}")
        journal.put(unit_subject("iris"), "attest", "key", made)
    typed = Typed("models@GRA", "project", workspace.root)
    story = why(typed, "iris", workspace, environ={"HOME": "/nonexistent", "OVH_ENDPOINT": "ovh-eu"})
    assert [(step.step, step.text) for step in story.steps] == [("attest", f"{sbom} {provenance}")]


def test_the_story_says_whose_it_is_and_in_which_order_with_which_query_ids(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    folder = workspace.source("ovh-eu", "project", "models@GRA")
    folder.path.mkdir(parents=True)
    record = ModelRecord(id="iris", source="models@GRA")
    with closing(Journal.create(folder.journal, source="models@GRA", endpoint="ovh-eu", project="project")) as journal:
        number = journal.begin("run")
        journal.list_models((record, ModelRecord(id="other", source="models@GRA")))
        log = CallLog(workspace.calls)
        log.about(journal.id, number)
        for subject, query_id in ((unit_subject("iris"), "q-iris"), (unit_subject("other"), "q-other")):
            with doing("deploy", subject):
                log.record("POST", "/cloud/project/{serviceName}/ai/app", lambda query_id=query_id: refused(query_id))
                log.record("GET", "/me", lambda: refused("q-fine", 200))
        log.close()
        effect = journal.effects.intend("app", unit_subject("iris"), {"models": ["iris"]}, unit=unit_subject("iris"))
        journal.effects.done(effect, "a1")
        error = ConfigurationError("The right to POST is missing.", code="not-granted", query_id="q-0", step="deploy")
        outcome = ended(record, error, again="")
        journal.finish(outcome)
        journal.note(ModelFinished(outcome=outcome), model="iris")
        journal.end(3)
    typed = Typed("models@GRA", "project", workspace.root)
    story = why(typed, "iris", workspace, environ={"HOME": "/nonexistent", "OVH_ENDPOINT": "ovh-eu"})
    assert story.whose == "rights"
    assert story.outcome is not None
    assert story.outcome.step == "deploy"
    assert story.query_ids == ("q-0", "q-iris")
    assert [moment.text for moment in story.timeline if moment.text != "it ends with 3"] == [
        "run begins",
        "POST /cloud/project/{serviceName}/ai/app: 403",
        "made app a1",
        "failed not-granted The right to POST is missing.",
    ]
    assert [moment.query_id for moment in story.timeline if moment.query_id] == ["q-iris", "q-0"]
    times = [moment.at for moment in story.timeline]
    assert times == sorted(times)


def refused(query_id: str, status: int = 403) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response.headers["X-OVH-QUERYID"] = query_id
    return response


def test_each_code_has_a_cause_and_each_cause_a_code() -> None:
    assert {cause_of(code) for code in CODES} == set(CAUSES)
    assert [cause_of(code) for code in ("network", "not-granted", "truncated", "bug", "of-a-newer-release")] == [
        "network", "rights", "file", "tool", "tool",
    ]  # fmt: skip
    assert [cause_of(code) for code in ("remote-unavailable", "disk-full", "usage", "answers-differ")] == [
        "platform", "machine", "command", "file",
    ]  # fmt: skip

from contextlib import closing
from pathlib import Path

from migrate.core.options.sources import Typed
from migrate.core.values import Documents, ModelRecord
from migrate.migration.journal.journal import Journal
from migrate.migration.journal.subjects import unit_subject
from migrate.migration.run.workspace import Workspace
from migrate.migration.telling.why import why
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

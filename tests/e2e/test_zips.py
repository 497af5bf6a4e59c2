"""Models that lie in ZIP archives, through the whole journey; ``tests/migration/journey/test_unpack.py`` is quicker."""

import json
import zipfile
from pathlib import Path

import pytest

from tests.e2e.harness import ROOT, Tool

MODELS = ROOT / "examples" / "models"
CHOSEN = ("iris", "titanic")


def pack(model: str, target: Path, *, top: str = "") -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((MODELS / model).rglob("*")):
            archive.write(path, f"{top}{path.relative_to(MODELS / model)}")


def test_an_archive_is_exported_as_its_model(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    pack("iris", tmp_path / "source" / "iris.zip", top="iris/")
    ended = tool("export", str(tmp_path / "source"), "--out", str(tmp_path / "context"), "--json")
    assert ended.code == 0, ended.err
    (settings,) = (tmp_path / "context").rglob("model.json")
    assert json.loads(settings.read_text(encoding="utf-8"))["id"] == "iris"
    (model,) = (tmp_path / "context").rglob("iris.onnx")
    assert model.read_bytes() == (MODELS / "iris" / "iris.onnx").read_bytes()
    assert not list((tmp_path / "context").rglob("*.zip"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_archives_are_moved_and_proven(tool: Tool, tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    pack("iris", folder / "iris.zip", top="iris/")
    pack("titanic", folder / "titanic.zip")
    planned = tool("run", str(folder), "--dry-run", "--json")
    assert planned.code == 0, planned.err
    samples = ["--samples", str(ROOT / "examples" / "samples")]
    ended = tool.run(str(folder), *samples)
    assert ended.code == 0, ended.err
    assert {name: (one["outcome"], one["proof"]) for name, one in ended.outcomes.items()} == dict.fromkeys(
        CHOSEN, ("done", "recorded")
    )
    labels = {app["spec"]["labels"]["mls-artifact"] for app in tool.sandbox.left()["apps"]}
    fetched = {path.name for path in (tool.workspace / "store" / "artifacts").iterdir()}
    assert labels == fetched
    again = tool.run(str(folder), *samples)
    assert again.code == 0, again.err
    done = [event for event in again.events if event["event"] == "step-finished" and not event.get("reused")]
    assert {event["step"] for event in done} <= {"list"}

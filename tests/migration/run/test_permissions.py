"""Files that run code, presets and undocumented formats: what the plan, the run, its result and ``why`` say of them."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.core.errors import ExitCode, UsageError
from migrate.core.events import Event, Notice, Result, StepFinished
from migrate.core.options.checks import check_digests
from migrate.core.options.sources import RunOptions, Typed
from migrate.core.plan import Plan
from migrate.core.values import Outcome
from migrate.migration.run.workspace import open_workspace
from migrate.migration.run_source import plan_source, run_source
from migrate.migration.telling.why import why
from migrate.ovhcloud.session import Cloud
from tests.migration.runs import NO_ENGINE, agree

EXAMPLES = Path(__file__).parents[3] / "examples"
MODULE = EXAMPLES / "formats/species-module"
CONTAINER = "6d6f64656c732d475241"  # of the sandbox's sample models
UNKNOWN = "sha256:" + "0" * 64


def digest_of(path: Path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


DIGEST = digest_of(MODULE / "species.pt")


class Moving:
    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.cloud = cloud
        self.workspace = open_workspace(folder / "workspace")
        self.source = folder / "models"
        self.source.mkdir()
        self.events: list[Event] = []

    def options(self, *allowed: str, source: Path | None = None, **more: Any) -> RunOptions:
        return RunOptions(source=str(source or self.source), allow_unsafe=check_digests(allowed), **more)

    def run(self, *allowed: str, **more: Any) -> tuple[Result, dict[str, Outcome]]:
        self.events.clear()
        result = run_source(
            self.options(*allowed, **more),
            cloud=self.cloud,
            workspace=self.workspace,
            environ=NO_ENGINE,
            emit=self.events.append,
            confirm=agree,
        )
        return result, {outcome.model: outcome for outcome in result.models}

    def plan(self, *allowed: str, **more: Any) -> Plan:
        options = self.options(*allowed, **more)
        return plan_source(
            options, cloud=self.cloud, workspace=self.workspace, environ=NO_ENGINE, emit=self.events.append
        )

    def notices(self, level: str = "warning") -> list[str]:
        return [event.text for event in self.events if isinstance(event, Notice) and event.level == level]


@pytest.fixture
def moving(cloud: Cloud, tmp_path: Path) -> Moving:
    return Moving(cloud, tmp_path)


@pytest.fixture
def module(moving: Moving) -> Moving:
    shutil.copytree(MODULE, moving.source / "module")
    shutil.copytree(EXAMPLES / "models/iris", moving.source / "iris")
    return moving


@pytest.mark.parametrize(
    "bad", ["", "sha256:", "0" * 64, f"sha256:{'0' * 63}", f"sha256:{'G' * 64}", f"sha512:{'0' * 64}", f"{UNKNOWN}\n"]
)
def test_a_digest_is_typed_whole(bad: str) -> None:
    with pytest.raises(UsageError) as error:
        check_digests([UNKNOWN, bad])
    assert error.value.code == "bad-digest"
    assert check_digests([UNKNOWN, DIGEST, UNKNOWN]) == (UNKNOWN, DIGEST)


def test_a_quarantined_model_needs_you_and_names_the_command(module: Moving) -> None:
    result, found = module.run(models=("module",), rehearsal_timeout=12)
    outcome = found["module"]
    assert (outcome.outcome, outcome.exit_code, result.exit_code) == ("needs-you", 4, ExitCode.NEEDS_YOU)
    assert outcome.reason
    assert outcome.hazards
    assert f"migrate run {module.source} --model module --allow-unsafe {DIGEST} --rehearsal-timeout 12" in outcome.task
    assert "allowed_unsafe" not in result.data
    story = why(Typed(str(module.source), project=module.cloud.project), "module", module.workspace, environ={})
    assert any(line.startswith("quarantined: ") for line in story.evidence)
    assert any("species.pt" in line and f"--allow-unsafe {DIGEST}" in line for line in story.evidence)
    assert any(line.startswith(f"{outcome.hazards[0].code}: ") for line in story.evidence)
    assert [step.text for step in story.steps if step.step == "inspect"] == [
        f"torch_pickle: quarantined ({outcome.reason})"
    ]
    assert story.next_step == outcome.task


def test_the_users_word_for_one_file_is_a_new_inspection_of_that_model_only(module: Moving) -> None:
    assert module.run()[1]["module"].outcome == "needs-you"
    result, found = module.run(DIGEST)
    assert found["module"].reason == "engine-not-running"  # it got past the inspection
    assert result.data["allowed_unsafe"] == [
        {"model": "module", "path": "species.pt", "digest": DIGEST, "option": f"--allow-unsafe {DIGEST}"}
    ]
    assert f"--allow-unsafe {DIGEST}" in str(result.data["again"])
    assert any(f"allowed by --allow-unsafe {DIGEST}" in note for note in found["module"].notes)
    assert any("did not document" in note for note in found["module"].notes)
    inspected = [e.model for e in module.events if isinstance(e, StepFinished) and e.step == "inspect" and not e.reused]
    assert inspected == ["module"]
    assert any(f"allowed by --allow-unsafe {DIGEST}" in text for text in module.notices())
    story = why(Typed(str(module.source), project=module.cloud.project), "module", module.workspace, environ={})
    assert any(line == f"species.pt: allowed by --allow-unsafe {DIGEST}" for line in story.evidence)
    assert module.run()[1]["module"].outcome == "needs-you"  # the word is the option's, for one run


def test_a_digest_that_is_no_files_is_told(module: Moving) -> None:
    module.run(DIGEST, UNKNOWN)
    assert [text for text in module.notices() if "allows nothing" in text] == [
        f"--allow-unsafe {UNKNOWN} allows nothing: no file of the chosen models has this digest"
    ]
    module.run(DIGEST, models=("iris",))
    assert [text for text in module.notices() if "allows nothing" in text and DIGEST in text]


def notes_of(plan: Plan) -> str:
    """What is told of the apps, and of the models of which none would be made."""
    told = [note for app in plan.apps for note in app.notes]
    return "\n".join(told + [note for outcome in plan.settled for note in (*outcome.notes, outcome.text)])


@pytest.mark.parametrize(
    ("example", "word"),
    [("species-tree", "PMML"), ("species-module", "a pickled module"), ("support-pipeline", "pipeline")],
)
def test_the_plan_says_what_nobody_wrote_down(moving: Moving, example: str, word: str) -> None:
    shutil.copytree(EXAMPLES / "formats" / example, moving.source / example)
    before = notes_of(moving.plan())
    assert "did not document" in before
    assert word in before
    _, found = moving.run(DIGEST)
    assert any("did not document" in note for note in found[example].notes)
    assert any("did not document" in text for text in moving.notices("info") + moving.notices())
    told = notes_of(moving.plan(DIGEST))
    assert "did not document" in told  # now it is the files that say it


@pytest.fixture
def inventory(tmp_path: Path) -> Callable[..., Path]:
    def give(*models: dict[str, Any]) -> Path:
        folder = tmp_path / "inventory"
        shutil.copytree(EXAMPLES / "models/iris", folder / "models/iris")
        namespace = {"id": "ns", "region": "GRA", "container": "models", "containerId": CONTAINER, "createdAt": ""}
        iris = {"id": "iris", "workflowTemplateParameters": {"framework": "onnx", "storagePath": "iris"}}
        file = folder / "inventory.json"
        file.write_text(json.dumps({"namespace": namespace, "models": [iris, *models], "tokens": []}))
        return file

    return give


@pytest.mark.parametrize("layout", ["separate", "packed"])
def test_a_model_without_files_is_settled_by_that(moving: Moving, inventory: Callable[..., Path], layout: str) -> None:
    file = inventory(
        {"id": "preset", "workflowTemplate": "preset-image", "workflowTemplateParameters": {"imageId": "sentiment"}},
        {"id": "by-id", "workflowTemplateParameters": {"imageId": "sentiment"}},
        {"id": "pathless", "workflowTemplate": "build-image", "workflowTemplateParameters": {"framework": "onnx"}},
        {"id": "bare"},
    )
    plan = moving.plan(source=file, layout=layout)
    assert [app.models for app in plan.apps] == [("iris",)]
    assert {outcome.model: outcome.reason for outcome in plan.settled} == {
        "preset": "preset-image",
        "by-id": "preset-image",
        "pathless": "no-storage-path",
        "bare": "no-storage-path",
    }
    result, found = moving.run(source=file, layout=layout)
    assert result.exit_code == ExitCode.LOCAL, "without an engine, whatever the others need"
    assert found["iris"].reason == "engine-not-running"
    for name in ("preset", "by-id", "pathless", "bare"):
        assert (found[name].outcome, found[name].exit_code) == ("needs-you", 4)
        assert "migrate run" in found[name].task
    assert "'sentiment'" in found["preset"].text
    only, _ = moving.run(source=file, layout=layout, models=("preset",))
    assert only.exit_code == ExitCode.NEEDS_YOU
    story = why(Typed(str(file), project=moving.cloud.project), "preset", moving.workspace, environ={})
    assert story.next_step == found["preset"].task


def test_frameworks_backends_and_paths_that_lead_nowhere(moving: Moving, inventory: Callable[..., Path]) -> None:
    file = inventory(
        {"id": "strange", "workflowTemplateParameters": {"framework": "mxnet", "storagePath": "strange"}},
        {"id": "gone", "workflowTemplateParameters": {"framework": "fastai", "storagePath": "gone/v1"}},
        {"id": "whole", "workflowTemplateParameters": {"framework": "pmml", "storagePath": ""}},
        {
            "id": "bento",
            "workflowTemplateParameters": {"framework": "onnx", "backend": "bentoml", "storagePath": "iris"},
        },
    )
    (file.parent / "models/strange").mkdir()
    (file.parent / "models/strange/weights.params").write_bytes(b"no format of ML Serving")
    plan = moving.plan(source=file)
    assert {outcome.model: outcome.reason for outcome in plan.settled}["strange"] == "no-model"
    assert {outcome.model for outcome in plan.settled} == {"strange", "whole", "gone"}, "their files were looked at"
    notes = {app.models[0]: "\n".join(app.notes) for app in plan.apps}
    assert "bentoml" in notes["bento"]
    assert "did not document" not in notes["iris"]
    _, found = moving.run(source=file)
    assert {name: found[name].outcome for name in ("strange", "gone", "whole")} == dict.fromkeys(
        ("strange", "gone", "whole"), "needs-you"
    )
    assert found["strange"].reason == "no-model"
    assert found["gone"].reason == "no-files"
    assert found["bento"].reason == "engine-not-running"
    assert all(found[name].task for name in found)

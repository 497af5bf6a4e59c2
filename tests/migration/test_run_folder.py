"""The journey of a folder's models on this machine: what is read, refused, built, and held against samples."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.commands.build import build
from migrate.core.errors import ExitCode, Interrupted, NeedsYouError, RefusedError, UsageError
from migrate.core.events import Event, Notice, StepFinished
from migrate.core.options.folders import BuildOptions
from migrate.images.engine.build import remove_image
from migrate.images.engine.connection import Engine, connect
from migrate.migration.run_folder import (
    build_folder,
    export_models,
    hold_against,
    read_folder,
    read_servable,
    recordings_given,
)
from tests.migration.folders import read, run_of_folder
from tests.parity.endpoint import as_json, endpoint

EXAMPLES = Path(__file__).parents[2] / "examples"
IRIS = EXAMPLES / "models/iris"
MODULE = EXAMPLES / "formats/species-module"
LEARNER = EXAMPLES / "formats/species-learner"
UNKNOWN = "sha256:" + "0" * 64
ANSWER = {"output_probability": [0.5, 0.3, 0.2], "output_label": 0}
TAG = "migrate-test-folder:1"


def digest(file: Path) -> str:
    return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


def folder_of(place: Path, *models: Path) -> Path:
    for model in models:
        shutil.copytree(model, place / model.name)
    return place


def samples(place: Path, answer: dict[str, Any]) -> Path:
    """Samples of iris with one request."""
    (place / "iris").mkdir(parents=True)
    text = json.dumps({"request": {"float_input": [5.1, 3.5, 1.4, 0.2]}, "answer": answer})
    (place / "iris/one.json").write_text(text)
    return place


def warnings(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Notice) and event.level == "warning"]


def test_a_folder_is_read_by_the_steps_of_a_run(tmp_path: Path) -> None:
    models, events = read(IRIS, tmp_path / "workspace")
    assert [(model.record.id, model.inspection.value.runtime) for model in models] == [("iris", "onnx")]
    steps = [(event.step, event.model) for event in events if isinstance(event, StepFinished)]
    assert steps == [("fetch", "iris"), ("inspect", "iris")]


@pytest.mark.parametrize(
    ("file", "name"),
    [("model.onnx", "quoted"), ("Model.ONNX", "quoted"), ("iris.onnx", "iris"), ("a model.onnx", "a model")],
)
def test_a_model_is_called_by_its_file_or_where_that_says_nothing_by_its_folder(
    tmp_path: Path, file: str, name: str
) -> None:
    (tmp_path / "quoted").mkdir()
    shutil.copyfile(IRIS / "iris.onnx", tmp_path / "quoted" / file)
    models, _ = read(tmp_path / "quoted", tmp_path / "workspace")
    assert [model.record.id for model in models] == [name]


def test_several_models_keep_the_names_of_their_files(tmp_path: Path) -> None:
    for file in ("model.onnx", "other.onnx"):
        shutil.copyfile(IRIS / "iris.onnx", tmp_path / file)
    models, _ = read(tmp_path, tmp_path.parent / "workspace")
    assert sorted(model.record.id for model in models) == ["model", "other"]


def test_nothing_is_kept_but_the_files(tmp_path: Path) -> None:
    with run_of_folder(IRIS, tmp_path / "workspace") as (run, _):
        (model,) = read_folder(run, loading="here")
        assert run.contexts.is_dir()
        assert run.look("iris") == ""
    assert not run.contexts.exists()
    left = [path for path in (tmp_path / "workspace").rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert left == [Path(model.artifact.value.folder) / "iris.onnx"]


def test_an_allowed_folder_is_read_and_told(tmp_path: Path) -> None:
    allowed = digest(MODULE / "species.pt")
    folder = folder_of(tmp_path / "models", MODULE) / MODULE.name
    models, events = read(folder, tmp_path / "workspace", allow_unsafe=(allowed, UNKNOWN))
    files = [file for model in models for file in model.inspection.value.unsafe]
    assert [(file.path, file.allowed) for file in files] == [("species.pt", True)]
    assert any(f"allowed by --allow-unsafe {allowed}" in text for text in warnings(events))
    assert any(f"{UNKNOWN} allows nothing" in text for text in warnings(events))


def test_two_quarantined_models_are_allowed_by_one_command(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "models", MODULE, LEARNER)
    with pytest.raises(RefusedError) as error:
        read(folder, tmp_path / "workspace")
    both = f"--allow-unsafe {digest(LEARNER / 'species.pkl')} --allow-unsafe {digest(MODULE / 'species.pt')}"
    assert f"{both}; it is then loaded here." in error.value.next_step


def test_everything_that_files_say_is_told_because_nothing_is_kept(tmp_path: Path) -> None:
    models, events = read(LEARNER, tmp_path / "workspace", allow_unsafe=(digest(LEARNER / "species.pkl"),))
    inspection = models[0].inspection.value
    assert len(warnings(events)) == len(inspection.notes) + len(inspection.hazards)
    assert not any("migrate why" in text for text in warnings(events))


def test_a_folder_without_models_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "no models").mkdir()
    with pytest.raises(UsageError) as error:
        read(tmp_path / "no models", tmp_path / "workspace")
    assert error.value.code == "no-models"
    assert error.value.next_step.endswith(f"migrate list '{tmp_path / 'no models'}'")


def test_one_image_has_one_runtime(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "models", IRIS, EXAMPLES / "formats/species-tree")
    with pytest.raises(UsageError) as error:
        read(folder, tmp_path / "workspace")
    assert (error.value.code, error.value.what) == (
        "several-runtimes",
        "The models need different runtimes: onnx, pmml.",
    )


def test_it_stops_when_it_is_asked_to(tmp_path: Path) -> None:
    with run_of_folder(IRIS, tmp_path / "workspace") as (run, _):
        run.stop.set()
        with pytest.raises(Interrupted):
            read_folder(run, loading="here")


def test_an_export_runs_nothing_and_says_so_of_samples(tmp_path: Path) -> None:
    given = samples(tmp_path / "samples", ANSWER)
    with run_of_folder(IRIS, tmp_path / "workspace", samples=given) as (run, events):
        (rendered,), slim = export_models(run, read_folder(run, loading="here"))
    assert (rendered.record.id, rendered.recorded, slim) == ("iris", None, {})
    assert warnings(events) == ["Nothing is run here, so the samples of --samples are not asked."]


@pytest.mark.parametrize("same", [True, False])
def test_a_server_is_held_against_the_samples(tmp_path: Path, same: bool) -> None:
    given = samples(tmp_path / "samples", ANSWER)
    with run_of_folder(IRIS, tmp_path / "workspace", samples=given) as (run, _):
        models = read_folder(run, loading="here")
        recordings = recordings_given(run, models)
    assert recordings["iris"].level == "recorded"
    said = ANSWER if same else ANSWER | {"output_label": 2}
    with endpoint(lambda _: as_json(200, said)) as (url, asked):
        if same:
            assert hold_against(models, recordings, url)["iris"].passed
        else:
            with pytest.raises(NeedsYouError, match="iris answers differently: tensor 'output_label'") as error:
                hold_against(models, recordings, url)
            assert error.value.code == "answers-differ"
            assert "--samples" in error.value.next_step
    assert [path for _, path, _, _ in asked] == ["/iris/eval"]


def test_without_samples_a_server_is_asked_nothing(tmp_path: Path) -> None:
    with run_of_folder(IRIS, tmp_path / "workspace") as (run, _):
        models = read_folder(run, loading="here")
        assert recordings_given(run, models) == {}
    assert hold_against(models, {}, "http://127.0.0.1:9") == {}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    found = connect(os.environ)
    yield found
    remove_image(found, TAG)
    found.close()


@pytest.mark.engine
@pytest.mark.timeout(600)  # the first time, the runtime is built
def test_an_image_is_built_and_held_against_the_customers_samples(engine: Engine, tmp_path: Path) -> None:
    place = EXAMPLES / "samples"
    with run_of_folder(IRIS, tmp_path / "workspace", samples=place, tag=TAG) as (run, events):
        built = build_folder(run, read_folder(run, loading="here"))
    assert built.models[0].recording.value.level == "recorded"
    assert (built.rehearsal.calls, built.image.reference) == (3, TAG)
    assert engine.image(TAG) is not None
    done = [event.step for event in events if isinstance(event, StepFinished)]
    assert done == ["fetch", "inspect", "runtime", "record", "render", "build", "rehearse", "attest"]
    bill = json.loads(Path(built.documents.sbom).read_bytes())
    assert bill["metadata"]["component"]["version"] == built.image.image_id
    assert sum(part.get("purl", "").startswith("pkg:deb/") for part in bill["components"]) > 50
    statement = json.loads(Path(built.documents.provenance).read_bytes())
    assert statement["subject"][0]["digest"] == {"sha256": built.image.image_id.removeprefix("sha256:")}
    base = statement["predicate"]["buildDefinition"]["resolvedDependencies"][-1]
    assert len(base["digest"]["sha256"]) == 64


@pytest.mark.engine
@pytest.mark.timeout(600)
def test_a_difference_is_told_and_names_no_other_command(engine: Engine, tmp_path: Path) -> None:
    given = samples(tmp_path / "samples", ANSWER)
    with run_of_folder(IRIS, tmp_path / "workspace", samples=given, tag=TAG) as (run, _):
        models = read_folder(run, loading="here")
        with pytest.raises(NeedsYouError) as error:
            build_folder(run, models)
    assert error.value.code == "rehearsal-differs"
    assert "tensor 'output_probability' at [0] of sample one" in error.value.what
    assert "migrate " not in error.value.next_step
    assert engine.image(TAG) is not None


@pytest.mark.engine
@pytest.mark.timeout(600)
def test_models_that_cannot_be_served_are_left_out_of_an_image_and_named(
    engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One is cut, one does not give the recorded answers; the third is built."""
    folder = folder_of(tmp_path / "models", *(EXAMPLES / "models" / name for name in ("broken", "iris", "titanic")))
    given = samples(tmp_path / "samples", ANSWER)
    options = BuildOptions(
        folder=folder, tag=TAG, samples=given, workspace=tmp_path / "workspace", as_json=True, output="json"
    )
    assert build(options, os.environ) == ExitCode.NEEDS_YOU
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (result["exit_code"], result["data"]["models"]) == (4, "titanic")
    left_out = result["data"]["left_out"]
    assert sorted(left_out) == ["broken", "iris"]
    assert "ends" in left_out["broken"]
    assert "tensor 'output_probability' at [0] of sample one" in left_out["iris"]
    assert engine.image(TAG) is not None


def test_what_can_never_be_allowed_names_no_option(tmp_path: Path) -> None:
    """A file that two readers would read differently is loaded on nobody's word: what to do is another thing."""
    folder = tmp_path / "models/odd"
    folder.mkdir(parents=True)
    content = (MODULE / "species.pt").read_bytes()
    (folder / "species.pt").write_bytes(content + b"more")
    with pytest.raises(RefusedError) as error:
        read(folder, tmp_path / "workspace")
    assert error.value.next_step
    assert "allow" not in error.value.next_step
    assert "the same command" not in error.value.next_step


def test_what_cannot_be_served_is_left_out_and_told(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "models", IRIS, MODULE)
    (folder / "broken").mkdir()
    (folder / "broken/model.pmml").write_text(
        "<PMML xmlns='http://www.dmg.org/PMML-4_3' version='4.3'><Header/></PMML>"
    )
    with run_of_folder(folder, tmp_path / "workspace") as (run, events):
        models, unserved = read_servable(run, loading="here")
    assert [model.record.id for model in models] == ["iris"]
    assert sorted(unserved) == ["broken", MODULE.name]
    assert f"--allow-unsafe {digest(MODULE / 'species.pt')} allows it" in unserved[MODULE.name]
    told = [text for text in warnings(events) if " is not served: " in text]
    assert [text.partition(" ")[0] for text in told] == sorted(unserved)


def test_a_folder_of_nothing_else_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "models", MODULE)
    with run_of_folder(folder, tmp_path / "workspace") as (run, _), pytest.raises(RefusedError):
        read_servable(run, loading="here")

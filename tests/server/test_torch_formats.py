"""TorchScript, pickled modules, pipelines and fastai, each served as in an image."""

import json
import pickle
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.server import format_models as samples
from tests.server.format_models import field, ok, python_of, refusal, serving, write
from tests.server.pmml_models import MEASUREMENTS
from tests.server.process import Server

# The first time, the packages of a runtime are fetched and installed.
pytestmark = [pytest.mark.timeout(900), pytest.mark.runtimes]

PIPELINE = {
    "pipeline_class": "TextClassificationPipeline",
    "tokenizer_class": "DistilBertTokenizer",
    "model_class": "DistilBertForSequenceClassification",
}
TEXTS = [field("inputs", "string", -1)]
SCRIPT: dict[str, Any] = {
    "engine": "torchscript",
    "entry": "species.ts",
    "manifest": True,
    "rolling_windows_size": 0,
    "inputs": [field("measurements", "float", -1, 4), field("temperature", "float", 1)],
    "outputs": [field("species", "long", -1), field("probabilities", "float", -1, 3)],
}
SETTINGS: dict[str, dict[str, Any]] = {
    "species-torchscript": SCRIPT,
    "species-module": {
        "engine": "torch_pickle",
        "entry": "species.pt",
        "inputs": [field("input_0", "float", -1, 4)],
        "outputs": [field("output_0", "float", -1)],
    },
    "support-pipeline": {
        "engine": "transformers",
        "entry": "manifest.json",
        "manifest": True,
        "inputs": TEXTS,
        "outputs": [field("label", "string", -1), field("score", "float", -1)],
        "transformers": PIPELINE,
    },
    # What a learner takes is in its pickle, which only the server loads.
    "species-learner": {
        "engine": "fastai",
        "entry": "species.pkl",
        "inputs": [field("inputs", "string", -1)],
        "outputs": [field("prediction", "string", -1)],
        "fastai": {},
    },
}
RUNTIMES = {
    "torch": ("species-torchscript", "species-module"),
    "transformers": ("support-pipeline",),
    "fastai": ("species-learner",),
}
# The outputs of the TorchScript sample, declared in other ways.
VARIANTS: dict[str, dict[str, Any]] = {
    "converted": {"outputs": [field("species", "double", 1, -1), field("probabilities", "double", -1)]},
    "first-only": {"outputs": [field("species", "integer", -1)]},
    "too-many": {"outputs": [*SCRIPT["outputs"], field("third", "float", -1)]},
    "wrong-shape": {"outputs": [field("species", "long", 5)]},
    "wrong-type": {"inputs": [field("measurements", "long", -1, 4), field("temperature", "float", 1)]},
}


@contextmanager
def _serving(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    scratch = tmp_path_factory.mktemp(runtime)
    root = scratch / "models"
    for model_id in RUNTIMES[runtime]:
        write(root / model_id, SETTINGS[model_id], sample=model_id)
    if runtime == "torch":
        for model_id, changes in VARIANTS.items():
            write(root / model_id, {**SCRIPT, **changes}, sample="species-torchscript")
    with serving(root, runtime, scratch) as server:
        yield server


@pytest.fixture(scope="session")
def torch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with _serving("torch", tmp_path_factory) as server:
        yield server


@pytest.fixture(scope="session")
def transformers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with _serving("transformers", tmp_path_factory) as server:
        yield server


@pytest.fixture(scope="session")
def fastai(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with _serving("fastai", tmp_path_factory) as server:
        yield server


@pytest.mark.parametrize(
    ("runtime", "model_id"), [(runtime, model_id) for runtime, ids in RUNTIMES.items() for model_id in ids]
)
def test_a_sample_answers_as_its_training_code(runtime: str, model_id: str, request: pytest.FixtureRequest) -> None:
    server: Server = request.getfixturevalue(runtime)
    asked = samples.samples_of(model_id)
    assert len(asked) == 2
    for body, expected in asked:
        found = ok(server.eval(body, f"/{model_id}/eval"))
        assert samples.close(expected, found, 2e-6), found


# TorchScript

ROW = {"measurements": [5.1, 3.5, 1.4, 0.2], "temperature": 2}


def test_torchscript_prints_its_old_window(torch: Server) -> None:
    found = torch.call("GET", "/species-torchscript/describe").json()
    assert found["rolling_windows_size"] == 0
    assert [one["name"] for one in found["inputs"]] == ["measurements", "temperature"]


def test_outputs_take_the_declared_type_and_are_flattened_into_the_declared_shape(torch: Server) -> None:
    two = {"measurements": [[5.1, 3.5, 1.4, 0.2], [6.7, 3.1, 5.6, 2.4]], "temperature": [2.0]}
    found = ok(torch.eval(two, "/converted/eval"))
    assert found["species"] == [0.0, 2.0]
    assert len(found["probabilities"]) == 6
    # Doubles of what the model computed in single precision.
    plain = ok(torch.eval(two, "/species-torchscript/eval"))["probabilities"]
    assert found["probabilities"] == pytest.approx([value for row in plain for value in row], rel=1e-6)


def test_elements_that_nobody_declares_are_ignored_and_missing_ones_are_an_error(torch: Server) -> None:
    assert ok(torch.eval(ROW, "/first-only/eval")) == {"species": 0}
    answer = torch.eval(ROW, "/too-many/eval")
    assert (answer.status, answer.json()["message"]) == (500, "Internal error")
    assert "2 tensors" in answer.json()["detail"]


def test_a_shape_that_does_not_fit_the_answer_is_refused(torch: Server) -> None:
    answer = torch.eval(ROW, "/wrong-shape/eval")
    assert (answer.status, answer.json()["message"]) == (400, "Unable to resolve shape [1] into [5]")


def test_what_libtorch_refuses_is_an_internal_error_with_its_cause(torch: Server) -> None:
    answer = torch.eval(ROW, "/wrong-type/eval")
    assert (answer.status, answer.json()["message"]) == (500, "Internal error")
    assert "dtype" in answer.json()["detail"]


def test_a_missing_input_is_named(torch: Server) -> None:
    answer = torch.eval({"measurements": [1, 2, 3, 4]}, "/species-torchscript/eval")
    assert (answer.status, answer.json()["message"]) == (400, "Unable to find a tensor with name temperature")


def test_a_bare_module_describes_the_outputs_that_it_has(torch: Server) -> None:
    found = torch.call("GET", "/species-module/describe").json()
    assert found["outputs"] == [{"name": "output_0", "type": "float", "shape": [-1, 3]}]


# pipelines and learners


def test_a_pipeline_takes_texts_and_nothing_else(transformers: Server) -> None:
    answer = transformers.eval({"inputs": 3}, "/support-pipeline/eval")
    assert answer.status == 400
    three = ok(transformers.eval({"inputs": ["it works", "it broke", "always late"]}, "/support-pipeline/eval"))
    assert len(three["label"]) == len(three["score"]) == 3


KINDS: dict[str, tuple[str, str, list[str], list[dict[str, Any]]]] = {
    "FeatureExtractionPipeline": (
        "DistilBertModel", "DistilBertTokenizer", ["inputs"], [field("features", "float", -1, -1, -1)],
    ),
    "TokenClassificationPipeline": (
        "DistilBertForTokenClassification", "DistilBertTokenizer", ["inputs"], [field("entities", "string", -1)],
    ),
    "QuestionAnsweringPipeline": (
        "DistilBertForQuestionAnswering",
        "DistilBertTokenizer",
        ["question", "context"],
        [field("answer", "string", -1), field("score", "float", -1), field("start", "long", -1)],
    ),
    "FillMaskPipeline": (
        "DistilBertForMaskedLM",
        "DistilBertTokenizer",
        ["inputs"],
        [field("token_str", "string", -1, -1), field("score", "float", -1, -1)],
    ),
    "TextGenerationPipeline": (
        "GPT2LMHeadModel", "BertTokenizer", ["inputs"], [field("generated_text", "string", -1)],
    ),
}  # fmt: skip


@pytest.fixture(scope="session")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    scratch = tmp_path_factory.mktemp("pipelines")
    script = Path(__file__).with_name("make_pipelines.py")
    command = [python_of("transformers"), "-W", "ignore", str(script), str(scratch / "made")]
    subprocess.run(command, check=True, capture_output=True)
    for kind, (model_class, tokenizer_class, inputs, outputs) in KINDS.items():
        own = {"pipeline_class": kind, "tokenizer_class": tokenizer_class, "model_class": model_class}
        place = write(
            scratch / "models" / kind,
            {
                "engine": "transformers",
                "entry": "config.json",
                "inputs": [field(name, "string", -1) for name in inputs],
                "outputs": outputs,
                "transformers": own,
            },
        )
        shutil.copytree(scratch / "made" / kind, place / "files", dirs_exist_ok=True)
    with serving(scratch / "models", "transformers", scratch) as server:
        yield server


def test_features_of_shorter_texts_are_filled_up(pipelines: Server) -> None:
    body = {"inputs": ["late", "who is late ?"]}
    short, long = ok(pipelines.eval(body, "/FeatureExtractionPipeline/eval"))["features"]
    assert len(short) == len(long) == 6
    assert {len(row) for row in [*short, *long]} == {8}
    assert any(short[2]) and not any(short[-1])  # noqa: PT018 - two ends of one row
    assert all(any(row) for row in long)


def test_entities_are_a_json_list_for_each_text(pipelines: Server) -> None:
    found = ok(pipelines.eval({"inputs": ["the order is late", "late"]}, "/TokenClassificationPipeline/eval"))
    first, second = (json.loads(text) for text in found["entities"])
    assert [one["word"] for one in first] == ["the", "order", "is", "late"]
    assert second[0].keys() == first[0].keys() >= {"entity", "score", "start", "end"}


def test_questions_are_answered_from_their_contexts(pipelines: Server) -> None:
    body = {"question": ["who is late ?", "who ?"], "context": ["the order is late .", "the order"]}
    found = ok(pipelines.eval(body, "/QuestionAnsweringPipeline/eval"))
    assert all(answer in context for answer, context in zip(found["answer"], body["context"], strict=True))
    assert found["start"] == [c.index(a) for a, c in zip(found["answer"], body["context"], strict=True)]
    unequal = pipelines.eval({**body, "question": ["who ?"]}, "/QuestionAnsweringPipeline/eval")
    assert unequal.status == 400


def test_masks_are_filled_best_first(pipelines: Server) -> None:
    one = ok(pipelines.eval({"inputs": "the [MASK] is late"}, "/FillMaskPipeline/eval"))
    assert one["score"] == sorted(one["score"], reverse=True)
    two = ok(pipelines.eval({"inputs": ["the [MASK] is late", "who is [MASK] ?"]}, "/FillMaskPipeline/eval"))
    assert two["token_str"][0] == one["token_str"]


def test_what_is_drawn_by_chance_is_the_same_for_the_same_request(pipelines: Server) -> None:
    body = {"inputs": ["who is", "the order"]}
    found = [ok(pipelines.eval(body, "/TextGenerationPipeline/eval")) for _ in range(3)]
    assert found[0] == found[1] == found[2]
    assert found[0]["generated_text"][0].startswith("who is")
    assert len(found[0]["generated_text"][1]) > len("the order")


def test_a_learner_describes_the_table_that_it_was_trained_on(fastai: Server) -> None:
    found = fastai.call("GET", "/species-learner/describe").json()
    assert {one["name"]: one["type"] for one in found["inputs"]} == {
        "garden": "string",
        **dict.fromkeys(MEASUREMENTS, "double"),
    }
    assert [one["name"] for one in found["outputs"]] == ["species", "probabilities"]
    assert found["outputs"][1]["shape"] == [-1, 3]


def test_a_category_that_training_never_saw_counts_as_missing(fastai: Server) -> None:
    row: dict[str, Any] = {**dict.fromkeys(MEASUREMENTS, 1.0)}
    unseen = ok(fastai.eval({**row, "garden": "west"}, "/species-learner/eval"))
    assert ok(fastai.eval({**row, "garden": None}, "/species-learner/eval")) == unseen
    assert ok(fastai.eval(row, "/species-learner/eval")) == unseen


# what must not become ready


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    assert "PyTorch cannot load species.ts" in refusal("torch", SCRIPT, {"species.ts": b"no archive"}, tmp_path)


def test_a_class_that_a_pickle_names_must_be_in_the_image(tmp_path: Path) -> None:
    pickled = b"\x80\x02cnotebook_of_somebody\nNet\nq\x00)\x81q\x01."
    settings = SETTINGS["species-module"]
    reason = refusal("torch", settings, {"species.pt": _legacy(pickled)}, tmp_path)
    assert "notebook_of_somebody" in reason


def _legacy(pickled: bytes) -> bytes:
    """A pickle as PyTorch wrote it before its archives: magic number, protocol, system, object, keys."""
    head = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    return b"".join([*head, pickled, pickle.dumps([], 2)])


def test_a_class_outside_of_the_library_is_not_reached(tmp_path: Path) -> None:
    settings = {**SETTINGS["support-pipeline"], "transformers": {**PIPELINE, "model_class": "migrate.nowhere"}}
    shutil.copytree(samples.EXAMPLES / "formats/support-pipeline", tmp_path / "source")
    files = {path.name: path.read_bytes() for path in (tmp_path / "source").iterdir()}
    assert "has no class migrate.nowhere" in refusal("transformers", settings, files, tmp_path)


def test_all_samples_are_tested() -> None:
    made = {path.name for path in (samples.EXAMPLES / "formats").iterdir() if path.is_dir()}
    assert set(SETTINGS) <= made
    assert json.loads((samples.EXAMPLES / "formats/support-pipeline/manifest.json").read_text()) == {
        "type": "huggingface_pipeline",
        **PIPELINE,
    }

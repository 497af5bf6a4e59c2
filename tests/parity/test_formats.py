"""Every engine called directly, in its runtime's environment, against the server's answers and the customers'."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from migrate.core.model_json import ModelJson, content_of
from migrate.core.values import Recording
from migrate.formats import inspect
from migrate.images.runtime import server_code
from migrate.parity.comparison import compare_answers, recorded_json
from migrate.parity.http import Answer, Call, http_caller
from migrate.parity.recording import record_customer, record_reference
from migrate.parity.replay import replay
from migrate.parity.samples import read_samples
from tests.formats.models import artifact
from tests.parity.oracle import reference
from tests.server.format_models import CHAIN, EXAMPLES, WEEKS, field, python_of, serving
from tests.server.pmml_models import TRICKY, TRICKY_SETTINGS, with_engine
from tests.server.process import Server, start
from tests.server.test_torch_formats import KINDS

# Some engines take long to import, and one test waits for all models of its runtime.
pytestmark = [pytest.mark.timeout(900), pytest.mark.runtimes]

FORMATS = EXAMPLES / "formats"
SAMPLES = EXAMPLES / "format-samples"
# Models by the runtime that serves them: the samples, and what tests make.
RUNTIMES = {
    "processors": ("ages-scaler", "dates", "price-interval", "chain", "weeks"),
    "tokenizers": ("support-tokens",),
    "tokenizers+torch": ("urgency-flow",),
    "torch": ("species-torchscript", "species-module"),
    "pmml": ("species-regression", "species-tree", "tricky"),
    "jpmml": ("species-regression", "species-tree", "tricky"),
    "transformers": ("support-pipeline", *KINDS),
    "fastai": ("species-learner",),
    "keras": ("digits-h5",),
    "tensorflow": ("wine-tf2", "diabetes-tf1", "load-zip", "progression-flow"),
}

# What models of chance, which know 30 words, have an answer to.
WORDS = {
    "FillMaskPipeline": {"inputs": ["the [MASK] is late", "who is [MASK] ?"]},
    "QuestionAnsweringPipeline": {
        "question": ["who is late ?", "who ?"],
        "context": ["the order is late .", "the order"],
    },
}


class Proven(Struct):
    """The models of one runtime: their settings and recordings, and a server that has checked itself against them."""

    server: Server
    settings: dict[str, ModelJson]
    recordings: dict[str, Recording]
    customers: dict[str, list[dict[str, Any]]]  # what the engine answers to the customers' requests

    def call(self, model_id: str) -> Call:
        """Asks the server for one model."""
        return http_caller(f"http://127.0.0.1:{self.server.port}/{model_id}", None, timeout=60)


def _is_shipped(model_id: str) -> bool:
    return (SAMPLES / model_id).is_dir()


def _made(model_id: str, files: Path, pipelines: Path) -> dict[str, Any]:
    """The files and settings of a model."""
    if model_id in KINDS:
        model_class, tokenizer_class, inputs, outputs = KINDS[model_id]
        shutil.copytree(pipelines / model_id, files)
        own = {"pipeline_class": model_id, "tokenizer_class": tokenizer_class, "model_class": model_class}
        fields = [field(name, "string", -1) for name in inputs]
        common = {"engine": "transformers", "entry": "config.json", "inputs": fields, "outputs": outputs}
        return {**common, "transformers": {**own, "words": WORDS.get(model_id, {})}}
    if model_id in ("tricky", "chain", "weeks"):
        files.mkdir(parents=True)
        (files / "model.pmml").write_text(TRICKY)
        return {"tricky": TRICKY_SETTINGS, "chain": CHAIN, "weeks": WEEKS}[model_id]
    shutil.copytree(FORMATS / model_id, files)
    found = artifact(files)
    inspection = inspect(found, framework=None, allow_unsafe=[file.digest for file in found.files])
    assert inspection.verdict == "ready", inspection
    return content_of(inspection.settings)


# Their libraries take long to install and to load.
HEAVY = ("fastai", "jpmml", "keras", "tensorflow", "tokenizers+torch", "torch", "transformers")


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=pytest.mark.slow) if name in HEAVY else name for name in RUNTIMES]
)
def proven(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proven]:
    runtime: str = request.param
    python = python_of(runtime)
    root = tmp_path_factory.mktemp(runtime)
    if runtime == "transformers":
        script = Path(__file__).parents[1] / "server/make_pipelines.py"
        subprocess.run([python, "-W", "ignore", str(script), str(root / "made")], check=True, capture_output=True)
    settings: dict[str, ModelJson] = {}
    recordings: dict[str, Recording] = {}
    customers: dict[str, list[dict[str, Any]]] = {}
    for model_id in RUNTIMES[runtime]:
        folder = root / "models" / model_id
        content = _made(model_id, folder / "files", root / "made")
        if runtime == "jpmml":
            content = with_engine(content, runtime)
        settings[model_id] = msgspec.convert(content, ModelJson)
        with reference(folder / "files", root / "references" / model_id, python=python) as ask:
            recordings[model_id] = record_reference(settings[model_id], ask, f"the engine of {model_id}", seed=20221201)
            requests = [sample.request for sample in read_samples(SAMPLES, model_id)]
            customers[model_id] = [ask({"request": request}) for request in requests]
        (folder / "model.json").write_text(json.dumps({"schema": 1, **content, "id": model_id}))
        (folder / "recorded.json").write_bytes(recorded_json(recordings[model_id], settings[model_id]) or b"")
    with serving(root / "models", runtime, root) as server:
        yield Proven(server, settings, recordings, customers)


def test_the_server_answers_as_the_engine_does(proven: Proven) -> None:
    for model_id, recording in proven.recordings.items():
        assert (recording.level, len(recording.samples) >= 3) == ("engine", True), model_id
        found = replay(recording, proven.settings[model_id], proven.call(model_id))
        assert found.mismatches == (), model_id
        assert found.passed, model_id


def test_the_server_became_ready_by_giving_the_recorded_answers_again(proven: Proven) -> None:
    lines = [line for line in proven.server.lines() if line["message"] == "recorded answers reproduced"]
    counts = {model_id: len(recording.samples) for model_id, recording in proven.recordings.items()}
    assert {line["model"]: line["samples"] for line in lines} == counts


def _changed(value: Any) -> Any:
    """A tensor with its first value that is not null changed by little: a number by 1 %, a text by a letter."""
    if isinstance(value, list):
        place = next((place for place, one in enumerate(value) if _changed(one) != one), None)
        return [_changed(one) if at == place else one for at, one in enumerate(value)]
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return f"{value}x"
    if value is None:
        return None
    return value * 1.01 + 1e-3 if isinstance(value, float) else value + 1


def test_a_wrong_answer_is_caught_in_every_tensor(proven: Proven) -> None:
    for model_id, recording in proven.recordings.items():
        sample, settings = recording.samples[0], proven.settings[model_id]
        right = proven.call(model_id)(sample).body
        assert right, model_id
        for name, value in right.items():
            for wrong in (_changed(value), None):
                answer = Answer(status=200, body={**right, name: wrong}, text="")
                _, found = compare_answers(sample, answer, settings, engine_tensors=True)
                assert [mismatch.tensor for mismatch in found] == [name], (model_id, wrong)


def test_answers_of_customers_are_proven(proven: Proven) -> None:
    for model_id in filter(_is_shipped, proven.settings):
        recording = record_customer(read_samples(SAMPLES, model_id), "the customer's")
        assert (recording.level, len(recording.samples)) == ("recorded", 2)
        found = replay(recording, proven.settings[model_id], proven.call(model_id))
        assert found.mismatches == (), model_id
        assert found.passed, model_id
        first = recording.samples[0]
        wrong = {name: _changed(value) for name, value in (first.answer or {}).items()}
        drifted = msgspec.structs.replace(recording, samples=(msgspec.structs.replace(first, answer=wrong),))
        found = replay(drifted, proven.settings[model_id], proven.call(model_id))
        assert len(found.mismatches) == len(wrong), model_id


def test_the_engine_answers_customers_requests_as_they_say(proven: Proven) -> None:
    for model_id in filter(_is_shipped, proven.settings):
        pairs = zip(read_samples(SAMPLES, model_id), proven.customers[model_id], strict=True)
        for sample, line in pairs:
            answer = Answer(status=200, body=line["outputs"], text="")
            found = compare_answers(sample, answer, proven.settings[model_id], engine_tensors=True)[1]
            assert found == (), model_id


def test_every_sample_model_is_here() -> None:
    shipped = {model_id for ids in RUNTIMES.values() for model_id in ids if _is_shipped(model_id)}
    assert {path.name for path in FORMATS.iterdir() if path.is_dir()} == shipped


@pytest.mark.parametrize("wrong", [None, "Infinity", "NaN"])
def test_a_server_that_computes_something_else_does_not_become_ready(wrong: str | None, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "ages-scaler"
    settings = _made("ages-scaler", folder / "files", tmp_path)
    described = msgspec.convert(settings, ModelJson)
    with reference(folder / "files", tmp_path / "reference", python=python_of("processors")) as ask:
        recording = record_reference(described, ask, "the engine")
    content = json.loads(recorded_json(recording, described) or b"")
    if wrong is None:
        settings["scaler"]["mean_std_map"]["age"]["mean"] += 1e-6
    else:
        content["samples"][0]["answer"]["scaled_age"] = [wrong]
    (folder / "model.json").write_text(json.dumps({**settings, "id": "ages-scaler"}))
    (folder / "recorded.json").write_text(json.dumps(content))
    server_code.copy_server(tmp_path / "server")
    server = start(tmp_path / "models", tmp_path / "log", python=python_of("processors"), code=tmp_path / "server")
    assert server.process.wait(timeout=120) == 1
    reason = " ".join(line.get("reason", "") for line in server.lines())
    assert "scaled_age" in reason
    assert "difference" in reason

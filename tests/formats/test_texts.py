"""Formats that are text: PMML, tokenizers, pipelines, processors and flows."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.core.model_json import content_of
from migrate.core.values import Inspection
from migrate.formats import inspect
from tests.formats.hostile.base import changed, example
from tests.formats.hostile.huggingface import safetensors
from tests.formats.hostile.opcodes import HARMLESS
from tests.formats.hostile.torches import archived
from tests.formats.models import write

_TREE = example("species-tree")["species-tree.pmml"].decode()
_PIPELINE = example("support-pipeline")
_TOKENS = example("support-tokens")
_UNKNOWN = safetensors({"a": {"dtype": "F31", "shape": [], "data_offsets": [0, 0]}})
_BARE = {path: content for path, content in _PIPELINE.items() if path != "model.safetensors"}
Change = Callable[[Any], Any]


def look(folder: Path, files: dict[str, bytes]) -> Inspection:
    return inspect(write(folder, files), framework=None)


def pmml(change: Callable[[str], str]) -> dict[str, bytes]:
    assert change(_TREE) != _TREE
    return {"m.pmml": change(_TREE).encode()}


@pytest.mark.parametrize(
    ("old", "new", "verdict", "reason"),
    [
        ('version="4', 'version="5', "unsupported", "unsupported-pmml"),
        ("TreeModel", "TextModel", "unsupported", "unsupported-pmml"),
        ("TreeModel", "OtherModel", "unsupported", "unsupported-pmml"),
        (' invalidValueTreatment="asMissing"', ' usageType="supplementary"', "unsupported", "unsupported-pmml"),
        ("</PMML>", "", "unreadable", "truncated"),
        ("</DataDictionary>", "</Dictionary>", "unreadable", "corrupt"),
        ('<DataField name="sepal_length"', '<DataField name="other"', "unreadable", "corrupt"),
        ("http://www.dmg.org/", "http://example.com/", "unreadable", "not-pmml"),
    ],
)
def test_pmml_refusals(tmp_path: Path, old: str, new: str, verdict: str, reason: str) -> None:
    found = look(tmp_path, pmml(lambda text: text.replace(old, new)))
    assert (found.verdict, found.reason) == (verdict, reason)


def test_pmml_of_two_models_serves_the_first_and_says_so(tmp_path: Path) -> None:
    at = _TREE.index("<TreeModel")
    body = _TREE[at : _TREE.index("</TreeModel>") + len("</TreeModel>")]
    found = look(tmp_path, pmml(lambda text: text[:at] + body + text[at:]))
    assert found.verdict == "ready"
    assert '"m.pmml" holds 2 models; the first one is served' in found.notes


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b" \n"])
def test_pmml_behind_a_mark(tmp_path: Path, mark: bytes) -> None:
    text = _TREE.partition("?>")[2].strip()
    assert look(tmp_path, {"m.pmml": mark + text.encode()}).verdict == "ready"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c: {**c, "model": None}, "not-a-tokenizer"),
        (lambda c: {**c, "model": {**c["model"], "vocab": "words"}}, "not-a-tokenizer"),
        (lambda c: {**c, "model": {**c["model"], "type": "Other"}}, "not-a-tokenizer"),
    ],
)
def test_tokenizer_refusals(tmp_path: Path, change: Change, reason: str) -> None:
    found = look(tmp_path, changed("support-tokens", "tokenizer.json", change))
    assert (found.verdict, found.reason) == ("unreadable", reason)


def test_tokenizer_manifests(tmp_path: Path) -> None:
    files = changed("support-tokens", "manifest.json", lambda c: {**c, "add_special_tokens": True})
    assert content_of(look(tmp_path / "1", files).settings)["tokenizers"] == {"add_special_tokens": True}
    files = changed("support-tokens", "manifest.json", lambda c: {**c, "add_special_tokens": "yes"})
    # as in the old runtime, a manifest that is not valid is passed over, and what it names stands for itself
    found = look(tmp_path / "2", files)
    assert (found.verdict, content_of(found.settings)["manifest"]) == ("ready", False)
    assert '"manifest.json" was left out' in found.notes[0]
    assert look(tmp_path / "3", {"manifest.json": _TOKENS["manifest.json"]}).reason == "model-missing"
    assert look(tmp_path / "4", {"tokenizer.json": _TOKENS["tokenizer.json"]}).verdict == "ready"


def test_a_large_tokenizer_is_not_taken_for_a_manifest(tmp_path: Path) -> None:
    words = json.dumps({f"word{number:020}": number for number in range(40_000)})
    content = b'{"added_tokens": [], "model": {"type": "WordLevel", "vocab": ' + words.encode() + b"}}"
    assert len(content) > 1 << 20
    assert look(tmp_path, {"tokenizer.json": content}).verdict == "ready"


@pytest.mark.parametrize(
    ("files", "verdict", "reason"),
    [
        (_BARE, "unreadable", "weights-missing"),
        ({**_BARE, "tf_model.h5": b"x"}, "unreadable", "weights-missing"),
        ({path: data for path, data in _PIPELINE.items() if path != "vocab.txt"}, "unreadable", "tokenizer-missing"),
        ({path: data for path, data in _PIPELINE.items() if path != "config.json"}, "unreadable", "model-missing"),
        ({**_PIPELINE, "config.json": b'["model_type":]'}, "unreadable", "corrupt"),
        ({**_PIPELINE, "config.json": b"[]"}, "unreadable", "corrupt"),
        ({**_BARE, "model.safetensors.index.json": b'{"weight_map": {}}'}, "unreadable", "corrupt"),
        ({**_BARE, "model.safetensors": _UNKNOWN}, "unreadable", "corrupt"),
        ({**_BARE, "model.safetensors": b"x"}, "unreadable", "truncated"),
    ],
)  # fmt: skip
def test_pipeline_refusals(tmp_path: Path, files: dict[str, bytes], verdict: str, reason: str) -> None:
    found = look(tmp_path, files)
    assert (found.verdict, found.reason) == (verdict, reason)


def test_pipelines(tmp_path: Path) -> None:
    bare = {path: data for path, data in _PIPELINE.items() if path != "manifest.json"}
    found = look(tmp_path / "1", bare)
    assert (found.verdict, content_of(found.settings)["manifest"]) == ("ready", False)
    files = changed("support-pipeline", "config.json", lambda c: {**c, "architectures": ["BertForPreTraining"]})
    assert look(tmp_path / "2", {**files, "manifest.json": b"{}"}).reason == "unsupported-pipeline"
    files = changed("support-pipeline", "manifest.json", lambda c: {**c, "pipeline_class": "FillMaskPipeline"})
    assert content_of(look(tmp_path / "3", files).settings)["transformers"]["words"]  # type: ignore[index]
    files = changed("support-pipeline", "manifest.json", lambda c: {**c, "pipeline_class": "FeatureExtractionPipeline"})
    outputs: Any = content_of(look(tmp_path / "4", files).settings)["outputs"]
    assert outputs[0]["name"] == "features"


def test_pickled_weights_of_data_only_are_ready_and_told(tmp_path: Path) -> None:
    found = look(tmp_path, {**_BARE, "pytorch_model.bin": archived(HARMLESS)})
    assert (found.verdict, [hazard.code for hazard in found.hazards]) == ("ready", ["pickled-weights"])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("ages-scaler", lambda c: {**c, "outputs": c["outputs"][:1]}),
        ("ages-scaler", lambda c: {**c, "mean_std_map": {}}),
        ("ages-scaler", lambda c: {**c, "mean_std_map": None}),
        ("ages-scaler", lambda c: {**c, "inputs": [{"name": "age", "type": "string"}, c["inputs"][1]]}),
        ("price-interval", lambda c: {**c, "residuals_std": {"price": "1"}}),
        ("price-interval", lambda c: {**c, "residuals_std": None}),
        ("price-interval", lambda c: {**c, "outputs": [{"name": "other", "type": "double"}]}),
        ("dates", lambda c: {**c, "inputs": []}),
        ("dates", lambda c: {**c, "outputs": [{"name": "a", "type": "long", "shape": [-1], "format": "CENTURY"}]}),
        ("dates", lambda c: {**c, "outputs": [{"name": "a", "type": "boolean", "shape": [-1], "format": "YEAR"}]}),
        ("dates", lambda c: {**c, "outputs": [{"name": "a", "type": "long", "shape": [-1]}]}),
        ("progression-flow", lambda c: {**c, "evaluator_manifests": []}),
        ("progression-flow", lambda c: {**c, "evaluator_manifests": [1]}),
        ("progression-flow", lambda c: {**c, "outputs": [{"name": "nothing"}]}),
    ],
)
def test_processor_and_flow_refusals(tmp_path: Path, name: str, change: Change) -> None:
    found = look(tmp_path, changed(name, "manifest.json", change))
    assert (found.verdict, found.reason) == ("unreadable", "invalid-manifest")


def test_a_flow_answers_what_its_last_step_does_where_it_names_nothing(tmp_path: Path) -> None:
    found = look(tmp_path, changed("progression-flow", "manifest.json", lambda c: {**c, "outputs": None}))
    assert found.verdict == "ready"
    assert content_of(found.settings)["outputs"] == content_of(found.settings)["flow"]["steps"][-1]["outputs"]  # type: ignore[index]
    onnx = {"type": "onnx", "binary": "", "inputs": [], "outputs": []}
    found = look(tmp_path, changed("progression-flow", "manifest.json", lambda c: {**c, "evaluator_manifests": [onnx]}))
    assert (found.verdict, found.reason) == ("unsupported", "unsupported-flow")

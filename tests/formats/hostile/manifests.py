"""Manifests: JSON that names files elsewhere, that is not valid, or that does not fit its model."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from migrate.formats import inspect
from migrate.formats.manifest.structure import read_type
from tests.formats.hostile.base import Content, HostileCase, Limit, changed, example, lowered
from tests.formats.hostile.opcodes import NOWHERE
from tests.formats.models import identity, weights

_MODEL = identity().SerializeToString()
_SCALER = example("ages-scaler")["manifest.json"]


def _uri(word: str, refuses: str, uri: str | Callable[[Path], str]) -> HostileCase:
    """A manifest that names its module in this way; the module lies beside it."""

    def manifest(folder: Path) -> bytes:
        path = uri if isinstance(uri, str) else uri(folder)
        return json.dumps({**json.loads(files["manifest.json"]), "saved_model_uri": path}).encode()

    files = example("species-torchscript")
    made: dict[str, Content] = {"species.ts": files["species.ts"], "manifest.json": manifest}
    return HostileCase(f"manifest-{word}", refuses, made, "unreadable", "model-outside-folder")


def _case(
    word: str,
    refuses: str,
    content: Any,
    reason: str = "invalid-manifest",
    says: str = "",
    verdict: str = "unreadable",
    limits: tuple[Limit, ...] = (),
) -> HostileCase:
    """A manifest and nothing else."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return HostileCase(f"manifest-{word}", refuses, {"manifest.json": data}, verdict, reason, says, limits=limits)


def _field(name: object = "x", **keys: object) -> dict[str, object]:
    return {"name": name, "type": "float", "shape": [-1, 2], **keys}


def _onnx(*, inputs: object = ..., outputs: object = ..., **keys: object) -> dict[str, object]:
    found = {"type": "onnx", "onnx_model_uri": "sub/m.onnx", **keys}
    found["inputs"] = [_field()] if inputs is ... else inputs
    found["outputs"] = [_field("y")] if outputs is ... else outputs
    return found


def _invalid(word: str, refuses: str, says: str, *fields: object, **keys: object) -> HostileCase:
    """A manifest of an ONNX model with these inputs, or with other keys."""
    return _case(word, refuses, _onnx(inputs=list(fields), **keys) if fields else _onnx(**keys), says=says)


def _contradicts(word: str, refuses: str, says: str, **keys: object) -> HostileCase:
    files = {"manifest.json": json.dumps(_onnx(**keys)).encode(), "sub/m.onnx": _MODEL}
    return HostileCase(f"manifest-{word}", refuses, files, "unreadable", "manifest-contradicts-model", says)


def _embedded(content: bytes) -> dict[str, object]:
    return {"type": "onnx", "binary": base64.b64encode(content).decode(), "inputs": [], "outputs": []}


def _large(**limits: int) -> tuple[Limit, ...]:
    return lowered(inspect, **limits)


_PATHS = (
    _uri("parent", "a model above the folder", "../m/species.ts"),
    _uri("absolute", "a model at an absolute path", lambda folder: str(folder / "species.ts")),
    _uri("old-folder", "a model above the old runtime's folder", "/deployments/models/../species.ts"),
    _uri("url", "a model at an URL", "http://nowhere.invalid/species.ts"),
    _uri("backslash", "a path with a backslash", "sub\\species.ts"),
    _uri("zero-byte", "a path with a zero byte", "species.ts\0"),
    _uri("line-break", "a path with a line break", "species.ts\nx"),
    _case(
        "step-outside",
        "a step of a flow outside the folder",
        {"type": "flow", "evaluator_manifests": [{"type": "torch_script", "saved_model_uri": "../m/x.ts"}]},
        "model-outside-folder",
    ),
    _case("missing", "a model that is not there", _onnx(), "model-missing"),
    _invalid("no-uri", "a manifest that names no model", "neither onnx_model_uri nor binary", onnx_model_uri=None),
    _invalid("uri-number", "a path that is a number", "it has no onnx_model_uri", onnx_model_uri=7),
)
_JSON = (
    _case("cut", "a manifest that is cut", b'{"type": "flow", "evaluator_manifests": ['),
    _case("number", "a number of more digits than any", _SCALER.replace(b"{", b'{"x": 1e999, ', 1)),
    _case("nan", "a number that is none", _SCALER.replace(b'"mean":', b'"mean": NaN, "m":', 1)),
    _case("surrogate", "half a character", _SCALER.replace(b'"type"', b'"\\ud800": 1, "type"', 1)),
    _case("utf16", "a manifest in UTF-16", _SCALER.decode().encode("utf-16"), "no-model"),
    _case("list", "a list instead of an object", b'[{"type": "onnx"}]', "no-model"),
    _case("unknown-type", "a type that the old runtime did not have", {"type": NOWHERE}, "no-model"),
    _case(
        "unknown-key", "a key that the old runtime did not have", {**json.loads(_SCALER), NOWHERE: 1}, says="has a key"
    ),
    _case("binary", "a model in the manifest that is none", _embedded(b"plain words"), "corrupt"),
    _case(
        "binary-external",
        "a model in the manifest with weights elsewhere",
        _embedded(weights(external={"location": "w.bin"}).SerializeToString()),
        "external-data-missing",
        "has no files",
    ),
    _case(
        "binary-words",
        "a model in the manifest that is no base64",
        {**_embedded(b""), "binary": "words!"},
        says="is not base64",
    ),
    _case(
        "binary-number",
        "a model in the manifest that is a number",
        {**_embedded(b""), "binary": 7},
        says="is not base64",
    ),
    _case("size", "a manifest longer than any", _onnx(), says="more than the 99", limits=_large(MAXIMUM_SIZE=99)),
    _case(
        "structure",
        "a manifest of more fields than any",
        _onnx(),
        says="its fields have",
        limits=lowered(read_type, MAXIMUM_STRUCTURE=9),
    ),
    HostileCase(
        "manifest-two-keys",
        "a key that is there twice",
        {"manifest.json": _SCALER.replace(b"{", b'{"type": "words", ', 1)},
        "ready",
        "",
        harmless="one reader reads it, once; the server gets its settings and never the manifest",
    ),
)
_FIELDS = (
    _invalid("batch", "a window of no rows", "batch_size", batch_size=0),
    _invalid("inputs", "inputs that are no list", "is not a list of fields", inputs=7),
    _invalid("two-names", "two inputs of one name", "have the same name", _field(), _field()),
    _invalid("no-name", "an input without a name", "has no name", _field(7)),
    _invalid("type", "an input of an unknown type", "the type of", _field(type="complex")),
    _invalid("shape", "a shape that is no list", "is not a list of numbers", _field(shape=None)),
    _invalid("shape-size", "a size of 0", "is not a list of sizes", _field(shape=[0])),
    _invalid("columns", "columns that are no list", "is not a list of columns", _field(fields="a")),
    _invalid("column-name", "a column without a name", "a column of", _field(fields=[{}])),
    _invalid(
        "column-index",
        "a column before the first",
        "the index of the column",
        _field(fields=[{"name": "a", "index": -1}]),
    ),
    _invalid("domain", "bounds that are no list", "a list of bounds", _field(continuous_domain={})),
    _invalid(
        "bound", "a bound that is a text", "a lower_bound is not", _field(continuous_domain=[{"lower_bound": "1"}])
    ),
    _invalid("image", "a layout of images that is none", "the image_transformer", _field(image_transformer=7)),
)
_AGREEMENT = (
    _contradicts("no-output", "an output that the model does not have", "no output", outputs=[_field("z")]),
    _contradicts("output-type", "an output of another type", "the output", outputs=[_field("y", type="string")]),
    _contradicts("no-input", "an input that the model does not have", "no input", inputs=[_field(), _field("z")]),
    _contradicts("input-type", "an input of another type", "has the type float", inputs=[_field(type="double")]),
    _contradicts("input-shape", "an input of another shape", "has the shape", inputs=[_field(shape=[-1, 3])]),
    _contradicts("left-out", "an input that the manifest leaves out", "it leaves out", inputs=[]),
)


def _changed(
    word: str,
    refuses: str,
    says: str,
    name: str,
    change: Callable[[Any], Any],
    reason: str = "invalid-manifest",
    verdict: str = "unreadable",
) -> HostileCase:
    """A good manifest of a processor or a flow, changed."""
    files = {"manifest.json": changed(name, "manifest.json", change)["manifest.json"]}
    return HostileCase(f"{name.rpartition('-')[2]}-{word}", refuses, files, verdict, reason, says)


def _format(word: str, refuses: str, says: str, **keys: object) -> HostileCase:
    """A date that is written in another way."""
    output = {"name": "a", "type": "long", "shape": [-1], **keys}
    return _changed(word, refuses, says, "dates", lambda c: {**c, "outputs": [output]})


_PROCESSORS = (
    _changed(
        "outputs",
        "a scaler of fewer outputs than inputs",
        "scales one to one",
        "ages-scaler",
        lambda c: {**c, "outputs": c["outputs"][:1]},
    ),
    _changed(
        "no-map", "a scaler without its scales", "no mean_std_map", "ages-scaler", lambda c: {**c, "mean_std_map": None}
    ),
    _changed(
        "no-scale",
        "a scaler without the scale of an input",
        "has nothing for",
        "ages-scaler",
        lambda c: {**c, "mean_std_map": {}},
    ),
    _changed(
        "words",
        "a scaler of texts",
        "needs a number's",
        "ages-scaler",
        lambda c: {**c, "inputs": [{"name": "age", "type": "string"}, c["inputs"][1]]},
    ),
    _changed(
        "no-inputs", "a scaler that takes nothing", "it has no inputs", "ages-scaler", lambda c: {**c, "inputs": []}
    ),
    _changed(
        "no-residuals",
        "an interval without its width",
        "no residuals_std",
        "price-interval",
        lambda c: {**c, "residuals_std": None},
    ),
    _changed(
        "residual",
        "a width that is a text",
        "is not a number",
        "price-interval",
        lambda c: {**c, "residuals_std": {"price": "1"}},
    ),
    _changed(
        "output",
        "an interval's output that is not computed",
        "is not computed",
        "price-interval",
        lambda c: {**c, "outputs": [{"name": "other", "type": "double"}]},
    ),
    _changed("no-input", "a date that is nowhere", "needs one input", "dates", lambda c: {**c, "inputs": []}),
    _changed(
        "pattern",
        "a date's pattern that is none",
        "is no pattern",
        "dates",
        lambda c: {**c, "inputs": [{**c["inputs"][0], "format": "{"}]},
    ),
    _format("no-format", "a date without a format", "has no format"),
    _format("format", "a date's number of an unknown kind", "is none of", format="CENTURY"),
    _format("boolean", "a date that is true or false", "a date is a text or a number", type="boolean", format="YEAR"),
    _changed(
        "no-steps",
        "a flow without steps",
        "a list of 1 to",
        "progression-flow",
        lambda c: {**c, "evaluator_manifests": []},
    ),
    _changed(
        "step",
        "a step that is no manifest",
        "step 0 is no manifest",
        "progression-flow",
        lambda c: {**c, "evaluator_manifests": [1]},
    ),
    _changed(
        "step-type",
        "a step of an unknown type",
        "its type is none of",
        "progression-flow",
        lambda c: {**c, "evaluator_manifests": [{"type": NOWHERE}]},
    ),
    _changed(
        "step-flow",
        "a flow in a flow",
        "is a flow itself",
        "progression-flow",
        lambda c: {**c, "evaluator_manifests": [{"type": "flow"}]},
        "unsupported-flow",
        "unsupported",
    ),
    _changed(
        "step-binary",
        "a model in a step",
        "holds its model as text",
        "progression-flow",
        lambda c: {**c, "evaluator_manifests": [_embedded(b"")]},
        "unsupported-flow",
        "unsupported",
    ),
    _changed(
        "no-output",
        "an output that no step has",
        "no step has",
        "progression-flow",
        lambda c: {**c, "evaluator_manifests": c["evaluator_manifests"][2:], "outputs": [{"name": "other"}]},
    ),
    _changed(
        "steps",
        "more steps than any flow",
        "a list of 1 to",
        "progression-flow",
        lambda c: {**c, "evaluator_manifests": [{"type": "pi"}] * 65},
    ),
)
_CLASSES = (
    _case(
        "pipeline-class",
        "a pipeline's class that is no name",
        {"type": "huggingface_pipeline", "pipeline_class": "a.b"},
        says="is not the name of a class",
    ),
    _case(
        "pipeline-none", "a pipeline without a class", {"type": "huggingface_pipeline"}, says="has no pipeline_class"
    ),
    _case(
        "pipeline-missing",
        "a pipeline that is not there",
        {"type": "huggingface_pipeline", "pipeline_class": "A"},
        "model-missing",
    ),
    _case(
        "tokenizer-words",
        "an option of a tokenizer that is a text",
        {"type": "huggingface_tokenizer", "add_special_tokens": "yes"},
        says="neither true nor false",
    ),
)

CASES = (*_PATHS, *_JSON, *_FIELDS, *_AGREEMENT, *_PROCESSORS, *_CLASSES)

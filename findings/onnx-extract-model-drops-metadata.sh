#!/usr/bin/env bash
# Question: onnx.utils.extract_model cuts a model out of a model. What is left of what the file says about itself?
# Guess:    All that is not in the graph: metadata (class labels, say), producer and description.
# Truth:    None of it: metadata_props and the description are gone, and the producer is "onnx.utils.extract_model",
#           even where the whole model is taken. onnxruntime, which hands the metadata to its callers, then has none.
#           add_prefix and infer_shapes of the same package keep all of it.
# Versions: onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, CPython 3.11.
# Seen:
#    original: metadata {'labels': 'cat,dog'}, description 'two animals', producer 'trainer'
#    extract_model: metadata {}, description '', producer 'onnx.utils.extract_model'
#    add_prefix: metadata {'labels': 'cat,dog'}, description 'two animals', producer 'trainer'
#    infer_shapes: metadata {'labels': 'cat,dog'}, description 'two animals', producer 'trainer'
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
untried() {
  echo "not tried: $*" >&2
  exit 77
}

PATH="$PATH:$(cd "$(dirname "$0")/.." && pwd)/.venv/bin" # the uv of the checkout
command -v uv >/dev/null || untried "this needs uv on PATH"
uv venv --quiet --python 3.11 "$work/env" || untried "this needs Python 3.11"
uv pip install --quiet --python "$work/env" --only-binary :all: \
  onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import sys
from pathlib import Path

import onnx
import onnxruntime
from onnx import TensorProto, compose, helper, shape_inference, utils

folder = Path(sys.argv[1])
graph = helper.make_graph(
    [helper.make_node("Neg", ["x"], ["y"])],
    "graph",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])],
)
sets = [helper.make_opsetid("", 18)]
original = helper.make_model(graph, opset_imports=sets, ir_version=9, producer_name="trainer", doc_string="two animals")
helper.set_model_props(original, {"labels": "cat,dog"})
onnx.save(original, folder / "original.onnx")
utils.extract_model(str(folder / "original.onnx"), str(folder / "extracted.onnx"), ["x"], ["y"])
models = {
    "original": original,
    "extract_model": onnx.load(folder / "extracted.onnx"),
    "add_prefix": compose.add_prefix(original, "part/"),
    "infer_shapes": shape_inference.infer_shapes(original),
}
seen = {}
for name, model in models.items():
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found = session.get_modelmeta()
    seen[name] = (found.custom_metadata_map, found.description, found.producer_name)
    print(f"{name}: metadata {seen[name][0]}, description {seen[name][1]!r}, producer {seen[name][2]!r}")

extracted = seen.pop("extract_model")
if extracted != ({}, "", "onnx.utils.extract_model") or any(each != seen["original"] for each in seen.values()):
    sys.exit("changed: extract_model keeps something else")
PYTHON

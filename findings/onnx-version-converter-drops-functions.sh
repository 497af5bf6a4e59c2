#!/usr/bin/env bash
# Question: What does `onnx.version_converter` leave of a model's local functions and of the metadata of nodes and
#           graphs?
# Guess:    It changes the operator set and what depends on it, and keeps the rest, or refuses what it cannot convert.
# Truth:    It drops the local functions and leaves the nodes that call them, without an error. The checker passes the
#           result even with `full_check=True`; onnxruntime refuses it. The `metadata_props` of nodes and graph are
#           gone, too; those of the model stay.
# Versions: onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, CPython 3.11.
# Seen:
#    before, operator set 13: 1 functions, calls ['Twice']
#      metadata of model, graph, node: [1, 1, 1]; the checker: passed
#      onnxruntime: loaded
#    after, operator set 21: 0 functions, calls ['Twice']
#      metadata of model, graph, node: [1, 0, 0]; the checker: passed
#      onnxruntime: local:Twice(-1) is not a registered function/op
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

import onnxruntime
from onnx import TensorProto, checker, helper, version_converter

twice = helper.make_function(
    "local", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 13)]
)
sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
graph = helper.make_graph([helper.make_node("Twice", ["x"], ["y"], domain="local")], "g", sides[:1], sides[1:])
opsets = [helper.make_opsetid("", 13), helper.make_opsetid("local", 1)]
model = helper.make_model(graph, opset_imports=opsets, functions=[twice], ir_version=10)
for place in (model, model.graph, model.graph.node[0]):
    place.metadata_props.add(key="author", value="somebody")


def look(label, what):
    checker.check_model(what, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(what.SerializeToString(), options, providers=["CPUExecutionProvider"])
        loads = "loaded"
    except onnxruntime.capi.onnxruntime_pybind11_state.Fail as error:
        loads = str(error).split("Fatal error: ")[-1]
    kept = [len(place.metadata_props) for place in (what, what.graph, what.graph.node[0])]
    print(f"{label}: {len(what.functions)} functions, calls {[node.op_type for node in what.graph.node]}")
    print(f"  metadata of model, graph, node: {kept}; the checker: passed")
    print(f"  onnxruntime: {loads}")
    return len(what.functions), kept, loads == "loaded"


before = look("before, operator set 13", model)
after = look("after, operator set 21", version_converter.convert_version(model, 21))
if before != (1, [1, 1, 1], True) or after != (0, [1, 0, 0], False):
    sys.exit("changed: the converter keeps more, or refuses the model")
PYTHON

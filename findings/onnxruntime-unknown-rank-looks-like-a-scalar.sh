#!/usr/bin/env bash
# Question: How does a session's `get_inputs()` tell an input of unknown rank from a scalar?
# Guess:    The shape of an unknown rank is None (or the attribute is missing), that of a scalar is [].
# Truth:    Both are []. And a tensor of rank 2 is accepted for both, so a caller can learn the difference only from
#           the file: `tensor_type.HasField("shape")`.
# Versions: onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, CPython 3.11.
# Seen:
#    the file has a shape: {'any_rank': False, 'scalar': True}
#    get_inputs() has:     {'any_rank': [], 'scalar': []}
#    given [2, 2] for both, the outputs have: [(2, 2), (2, 2)]
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
  onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

sides = [
    helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    for name, shape in (("any_rank", None), ("scalar", []), ("any_rank_too", None), ("scalar_too", []))
]
nodes = [helper.make_node("Identity", [name], [f"{name}_too"]) for name in ("any_rank", "scalar")]
graph = helper.make_graph(nodes, "ranks", sides[:2], sides[2:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
options = onnxruntime.SessionOptions()
options.log_severity_level = 4
session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

in_file = {each.name: each.type.tensor_type.HasField("shape") for each in model.graph.input}
in_session = {each.name: each.shape for each in session.get_inputs()}
square = np.zeros((2, 2), np.float32)
taken = [each.shape for each in session.run(None, {"any_rank": square, "scalar": square})]
print("the file has a shape:", in_file)
print("get_inputs() has:    ", in_session)
print("given [2, 2] for both, the outputs have:", taken)

expected = ({"any_rank": False, "scalar": True}, {"any_rank": [], "scalar": []}, [(2, 2)] * 2)
if (in_file, in_session, taken) != expected:
    sys.exit("changed: an unknown rank and a scalar can be told apart")
PYTHON

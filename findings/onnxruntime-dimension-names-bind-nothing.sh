#!/usr/bin/env bash
# Question: Two inputs of an ONNX model are declared with the same dimension name, "batch". Must their sizes agree?
# Guess:    Yes: a shared name says that it is one size, so 2 rows of one and 3 of the other are refused.
# Truth:    No. onnxruntime compares a declared size with what it is given only where the size is a number; names are
#           never compared with one another, for inputs or outputs. What depends on equal sizes must check them
#           itself.
# Versions: onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, CPython 3.11.
# Seen:
#    declared: [('a', ['batch']), ('b', ['batch']), ('c', ['batch']), ('d', ['batch'])]
#    given 2 and 3 where both are 'batch': [2, 3]
#    given 2 and 3 where both are 2: refused
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
from onnx import TensorProto, checker, helper


def session(size):
    tensors = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [size]) for name in "abcd"}
    nodes = [helper.make_node("Identity", ["a"], ["c"]), helper.make_node("Identity", ["b"], ["d"])]
    graph = helper.make_graph(nodes, "pair", [tensors["a"], tensors["b"]], [tensors["c"], tensors["d"]])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


two, three = np.zeros(2, np.float32), np.zeros(3, np.float32)
named = session("batch")
print("declared:", [(each.name, each.shape) for each in (*named.get_inputs(), *named.get_outputs())])
sizes = [len(each) for each in named.run(None, {"a": two, "b": three})]
print("given 2 and 3 where both are 'batch':", sizes)
try:
    session(2).run(None, {"a": two, "b": three})
    fixed = "accepted"
except onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument:
    fixed = "refused"
print("given 2 and 3 where both are 2:", fixed)

if sizes != [2, 3] or fixed != "refused":
    sys.exit("changed: names of dimensions are now compared")
PYTHON

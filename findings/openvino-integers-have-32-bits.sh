#!/usr/bin/env bash
# Question: An ONNX model adds and multiplies int64 tensors. Does OpenVINO compute them as int64?
# Guess:    Yes: it takes int64 inputs and its output is declared int64.
# Truth:    The CPU plugin converts int64 to int32 before it computes and back afterwards. Beyond 31 bits the results
#           wrap around, and large inputs with them: milliseconds since 1970, ids, hashes. There is no warning, and
#           onnxruntime computes the same files exactly.
# Versions: openvino 2026.4.1, onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, CPython 3.11.
# Seen:
#    Add: onnxruntime [1795824000001, 3], OpenVINO [527670273, 3], declared int64
#    Mul: onnxruntime [1795824000000, 2], OpenVINO [527670272, 2], declared int64
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
  openvino==2026.4.1 onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import sys

import numpy as np
import onnxruntime
import openvino
from onnx import TensorProto, helper

given = np.array([1_795_824_000_000, 2], np.int64)  # a day of 2026 in milliseconds
one = helper.make_tensor("one", TensorProto.INT64, [1], [1])


def model(operator):
    graph = helper.make_graph(
        [helper.make_node(operator, ["x", "one"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.INT64, [2])],
        [helper.make_tensor_value_info("y", TensorProto.INT64, [2])],
        [one],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()


core = openvino.Core()
changed = False
for label in ("Add", "Mul"):
    data = model(label)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (right,) = session.run(None, {"x": given})
    compiled = core.compile_model(core.read_model(data), "CPU")
    got = compiled([given])[0]
    print(f"{label}: onnxruntime {right.tolist()}, OpenVINO {got.tolist()}, declared {got.dtype}")
    wrapped = right.astype(np.int32)
    changed |= got.dtype != right.dtype or got.tolist() == right.tolist() or got.tolist() != wrapped.tolist()

if changed:
    sys.exit("changed: OpenVINO computes with other integers")
PYTHON

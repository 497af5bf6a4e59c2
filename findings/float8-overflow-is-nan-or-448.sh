#!/usr/bin/env bash
# Question: What becomes of 1000 as a float8_e4m3fn, whose largest value is 448?
# Guess:    The same everywhere: the type has one definition.
# Truth:    ml_dtypes gives NaN; ONNX (the Cast of onnxruntime and `onnx.helper.make_tensor`) gives 448. A weight that
#           was quantised by numpy and one that was quantised inside the graph differ, and one NaN spoils a whole
#           output. The NaN begins above 464, halfway to the next step. float8_e5m2 differs likewise: infinity against
#           57344.
# Versions: ml_dtypes 0.6.0, onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, CPython 3.11.
# Seen:
#    float8_e4m3fn of [448.0, 464.0, 465.0, 1000.0, -1000.0, 1000000.0]
#      ml_dtypes   [448.0, 448.0, nan, nan, nan, nan]
#      onnx.helper [448.0, 448.0, 448.0, 448.0, -448.0, 448.0]
#      onnxruntime [448.0, 448.0, 448.0, 448.0, -448.0, 448.0]
#    float8_e5m2 of [448.0, 464.0, 465.0, 1000.0, -1000.0, 1000000.0]
#      ml_dtypes   [448.0, 448.0, 448.0, 1024.0, -1024.0, inf]
#      onnx.helper [448.0, 448.0, 448.0, 1024.0, -1024.0, 57344.0]
#      onnxruntime [448.0, 448.0, 448.0, 1024.0, -1024.0, 57344.0]
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
  ml_dtypes==0.6.0 onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import sys

import ml_dtypes
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

values = np.array([448, 464, 465, 1000, -1000, 1e6], np.float32)


def through_onnxruntime(kind):
    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None]) for name in "xz"]
    casts = (("x", "y", kind), ("y", "z", TensorProto.FLOAT))
    nodes = [helper.make_node("Cast", [source], [target], to=to) for source, target, to in casts]
    graph = helper.make_graph(nodes, "there-and-back", sides[:1], sides[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": values})[0].tolist()


seen = {}
for name in ("float8_e4m3fn", "float8_e5m2"):
    kind = getattr(TensorProto, name.upper().replace("_", ""))
    by_numpy = values.astype(getattr(ml_dtypes, name)).astype(np.float32).tolist()
    by_helper = numpy_helper.to_array(helper.make_tensor("t", kind, values.shape, values)).astype(np.float32).tolist()
    seen[name] = (by_numpy, by_helper, through_onnxruntime(kind))
    print(name, "of", values.tolist())
    for label, answers in zip(("ml_dtypes", "onnx.helper", "onnxruntime"), seen[name], strict=True):
        print(f"  {label:<12}{answers}")

nan, inf = np.nan, np.inf
largest = [448, 448, 448, 448, -448, 448]
fits = [448, 448, 448, 1024, -1024]
if not (
    np.array_equal(seen["float8_e4m3fn"][0], [448, 448, nan, nan, nan, nan], equal_nan=True)
    and seen["float8_e4m3fn"][1:] == (largest, largest)
    and seen["float8_e5m2"] == ([*fits, inf], [*fits, 57344], [*fits, 57344])
):
    sys.exit("changed: the three agree, or differ in another way")
PYTHON

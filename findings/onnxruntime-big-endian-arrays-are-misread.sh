#!/usr/bin/env bash
# Question: What does onnxruntime make of a numpy array in big-endian byte order, such as one read from a FITS, IDX or
#           HDF5 file?
# Guess:    It converts the values, as numpy and safetensors do, or refuses the type.
# Truth:    It takes the array for a native one and reads its bytes the wrong way round. There is no error, only other
#           numbers; `run` and `OrtValue.ortvalue_from_numpy` are alike. Call
#           `array.astype(array.dtype.newbyteorder("="))` first.
# Versions: onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, CPython 3.11, on a little-endian machine.
# Seen:
#    equal to numpy: True
#    native: [1, 2, 3] -> [1, 2, 3]
#    big-endian: [1, 2, 3] -> [72057594037927936, 144115188075855872, 216172782113783808]
#    OrtValue: [72057594037927936, 144115188075855872, 216172782113783808]
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

if sys.byteorder != "little":
    print("not tried: this needs a little-endian machine", file=sys.stderr)
    sys.exit(77)

signature = [helper.make_tensor_value_info(name, TensorProto.INT64, [None]) for name in "xy"]
graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "copy", signature[:1], signature[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

native = np.array([1, 2, 3], "<i8")
big = native.astype(">i8")
print("equal to numpy:", bool((native == big).all()))
answers = {}
for label, array in (("native", native), ("big-endian", big)):
    (answers[label],) = session.run(None, {"x": array})
    print(f"{label}: {array.tolist()} -> {answers[label].tolist()}")
direct = onnxruntime.OrtValue.ortvalue_from_numpy(big).numpy()
print("OrtValue:", direct.tolist())

misread = native.byteswap()
if answers["native"].tolist() != [1, 2, 3] or any((seen != misread).any() for seen in (answers["big-endian"], direct)):
    sys.exit("changed: big-endian arrays are no longer read as if they were native")
PYTHON

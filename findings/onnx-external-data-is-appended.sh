#!/usr/bin/env bash
# Question: A model is saved three times to one path with `onnx.save(..., save_as_external_data=True,
#           location="weights.bin")`. How large is weights.bin?
# Guess:    As large as the weights: saving replaces what was there.
# Truth:    Three times as large. The model file is replaced, the data file is only ever appended to, and the new
#           model points behind the old data. Everything works, so a nightly export grows until somebody looks. Delete
#           the data file first.
# Versions: onnx 1.23.2, numpy 2.4.6, CPython 3.11.
# Seen:
#    saved 1: weights.bin has 4000 bytes, offset 0, values right: True
#    saved 2: weights.bin has 8000 bytes, offset 4000, values right: True
#    saved 3: weights.bin has 12000 bytes, offset 8000, values right: True
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
  onnx==1.23.2 numpy==2.4.6 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

folder = pathlib.Path(sys.argv[1])
sizes = []
for value in range(3):
    weights = numpy_helper.from_array(np.full(1000, value, np.float32), "weights")
    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1000]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Add", ["x", "weights"], ["y"])], "g", sides[:1], sides[1:], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.save(model, folder / "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    sizes.append((folder / "weights.bin").stat().st_size)
    (stored,) = onnx.load(folder / "model.onnx", load_external_data=False).graph.initializer
    place = {entry.key: entry.value for entry in stored.external_data}
    (read,) = onnx.load(folder / "model.onnx").graph.initializer
    right = bool((numpy_helper.to_array(read) == value).all())
    print(f"saved {value + 1}: weights.bin has {sizes[-1]} bytes, offset {place['offset']}, values right: {right}")

if sizes != [4000, 8000, 12000]:
    sys.exit("changed: the data file is replaced")
PYTHON

#!/usr/bin/env bash
# Question: A float32 model is converted with `openvino.convert_model` and written with `openvino.save_model`. Are the
#           weights those of the original?
# Guess:    Yes: saving does not change a model; who wants 16 bits asks for them.
# Truth:    No: save_model writes float16 unless it is told `compress_to_fp16=False`, although the model in memory
#           answers as the original does. A check before saving therefore proves nothing. What is read back has lost
#           13 of the 24 bits of each weight. `openvino.serialize` writes what there is.
# Versions: openvino 2026.4.1, onnx 1.23.2, numpy 2.4.6, CPython 3.11, on a CPU computing in float32.
# Seen:
#    in memory: 6.400, weights in 16384 bytes
#    saved: 6.398, weights in 8192 bytes
#    full: 6.400, weights in 16384 bytes
#    serialized: 6.400, weights in 16384 bytes
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
  openvino==2026.4.1 onnx==1.23.2 numpy==2.4.6 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import pathlib
import sys

import numpy as np
import onnx
import openvino
from onnx import TensorProto, helper, numpy_helper

folder = pathlib.Path(sys.argv[1])
weights = numpy_helper.from_array(np.full((64, 64), 0.1, np.float32), "weights")
sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 64]) for name in "xy"]
graph = helper.make_graph([helper.make_node("MatMul", ["x", "weights"], ["y"])], "g", sides[:1], sides[1:], [weights])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "model.onnx")

core = openvino.Core()
model = openvino.convert_model(folder / "model.onnx")
openvino.save_model(model, folder / "saved.xml")
openvino.save_model(model, folder / "full.xml", compress_to_fp16=False)
openvino.serialize(model, folder / "serialized.xml")


def answer(source):
    compiled = core.compile_model(source, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return float(compiled(np.ones((1, 64), np.float32))[0][0, 0])


answers = {"in memory": answer(model)}
sizes = {}
for name in ("saved", "full", "serialized"):
    answers[name] = answer(folder / f"{name}.xml")
    sizes[name] = (folder / f"{name}.bin").stat().st_size
for name, value in answers.items():
    print(f"{name}: {value:.3f}, weights in {sizes.get(name, 64 * 64 * 4)} bytes")

exact = [name for name, value in answers.items() if abs(value - 6.4) < 1e-4]
if exact != ["in memory", "full", "serialized"] or sizes != {"saved": 8192, "full": 16384, "serialized": 16384}:
    sys.exit("changed: save_model keeps the precision, or something else does not")
PYTHON

#!/usr/bin/env bash
# Question: What does ONNX's Cast make of a number that becomes text, and of that text when it becomes a number again?
# Guess:    The shortest text that gives the number back, as everywhere else (and as in the `onnx` package's own
#           evaluator); text that is no whole number is refused as an integer.
# Truth:    onnxruntime writes eight significant digits, of doubles too: an id of fifteen digits loses seven on its
#           way through text. 1.0 is "1" and true is "1". Backwards it reads an integer only as far as it can: "1e3"
#           is 1 and "3.7" is 3.
# Versions: onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, CPython 3.11.
# Seen:
#    doubles:             [1.0, 0.3333333333333333, 123456789012345.0]
#    their texts:         ['1', '0.33333333', '1.2345679e+14']
#    doubles again:       [1.0, 0.33333333, 123456790000000.0]
#    texts by onnx:       ['1.0', '0.3333333333333333', '123456789012345.0']
#    true and false:      ['1', '0']
#    '1e3', '3.7' as int: [1, 3]
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
from onnx.reference import ReferenceEvaluator


def cast(array, source, target):
    sides = [helper.make_tensor_value_info("x", source, [None]), helper.make_tensor_value_info("y", target, [None])]
    graph = helper.make_graph([helper.make_node("Cast", ["x"], ["y"], to=target)], "cast", sides[:1], sides[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {"x": array})
    return model, answer.tolist()


numbers = np.array([1, 1 / 3, 123456789012345])
model, texts = cast(numbers, TensorProto.DOUBLE, TensorProto.STRING)
_, back = cast(np.array(texts, object), TensorProto.STRING, TensorProto.DOUBLE)
(other,) = ReferenceEvaluator(model).run(None, {"x": numbers})
_, flags = cast(np.array([True, False]), TensorProto.BOOL, TensorProto.STRING)
_, integers = cast(np.array(["1e3", "3.7"], object), TensorProto.STRING, TensorProto.INT64)
print("doubles:            ", numbers.tolist())
print("their texts:        ", texts)
print("doubles again:      ", back)
print("texts by onnx:      ", other.tolist())
print("true and false:     ", flags)
print("'1e3', '3.7' as int:", integers)

expected = (["1", "0.33333333", "1.2345679e+14"], [1.0, 0.33333333, 123456790000000.0], ["1", "0"], [1, 3])
if (texts, back, flags, integers) != expected:
    sys.exit("changed: numbers and their texts are converted in another way")
PYTHON

#!/usr/bin/env bash
# Question: Normalizer(norm="max") of scikit-learn divides each row by its largest absolute value. Does its ONNX model?
# Guess:    Yes: ONNX has an operator of the same name with the same three norms, MAX, L1 and L2.
# Truth:    The operator's MAX is the largest value with its sign. A row whose largest value by size is negative gets
#           results beyond 1, and a row of negative values only gets its sign turned. L1 and L2 agree, and so do rows
#           without negative values. Nothing is said at converting.
# Versions: skl2onnx 1.20.0, scikit-learn 1.9.1, onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, CPython 3.11.
# Seen:
#    rows: [[4.0, 2.0], [-4.0, 2.0], [-4.0, -2.0]]
#    max: scikit-learn [[1.0, 0.5], [-1.0, 0.5], [-1.0, -0.5]]
#         ONNX         [[1.0, 0.5], [-2.0, 1.0], [2.0, 1.0]]
#    l1: equal: True
#    l2: equal: True
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
  skl2onnx==1.20.0 scikit-learn==1.9.1 onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import sys

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.preprocessing import Normalizer

rows = np.array([[4, 2], [-4, 2], [-4, -2]], np.float32)
results = {}
for norm in ("max", "l1", "l2"):
    model = Normalizer(norm=norm).fit(rows)
    converted = to_onnx(model, rows[:1], target_opset={"": 15, "ai.onnx.ml": 3})
    session = onnxruntime.InferenceSession(converted.SerializeToString(), providers=["CPUExecutionProvider"])
    results[norm] = (model.transform(rows), session.run(None, {"X": rows})[0])

right, got = results["max"]
print("rows:", rows.tolist())
print("max: scikit-learn", right.tolist())
print("     ONNX        ", got.tolist())
others = {norm: bool(np.allclose(*results[norm])) for norm in ("l1", "l2")}
for norm, equal in others.items():
    print(f"{norm}: equal: {equal}")

signed = rows / rows.max(axis=1, keepdims=True)
if not all(others.values()) or not np.allclose(got, signed) or np.allclose(got, right):
    sys.exit("changed: the largest value is taken in another way")
PYTHON

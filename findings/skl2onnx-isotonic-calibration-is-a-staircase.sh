#!/usr/bin/env bash
# Question: Probabilities that are calibrated with method="isotonic": are those of the ONNX model the same?
# Guess:    Yes: the calibration is a short table of points, and method="sigmoid" agrees to six digits.
# Truth:    scikit-learn goes in straight lines from point to point, the ONNX model takes the value of one point: its
#           probabilities are those of the table and none between. They are off by an eighth in this small model. The
#           conversion says nothing.
# Versions: skl2onnx 1.20.0, scikit-learn 1.9.1, onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, CPython 3.11.
# Seen:
#    scikit-learn: [0.4, 0.4, 0.542, 0.667, 0.684, 0.762]
#    ONNX:         [0.4, 0.4, 0.667, 0.667, 0.667, 0.667]
#    the table:    [0.0, 0.4, 0.667, 1.0]
#    sigmoid: equal: True
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

"$work/env/bin/python" - <<'PYTHON'
import sys
import warnings

warnings.filterwarnings("ignore")
import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression

known = np.arange(12, dtype=np.float32)[:, None]
classes = [0, 0, 0, 1, 0, 0, 1, 0, 1, 1, 1, 1]
rows = np.array([[1.25], [5.25], [7.25], [8.25], [10.25], [11.25]], np.float32)
found = {}
for method in ("isotonic", "sigmoid"):
    model = CalibratedClassifierCV(LogisticRegression(), method=method, ensemble=False, cv=3).fit(known, classes)
    content = to_onnx(model, rows[:1], options={"zipmap": False}, target_opset={"": 15, "ai.onnx.ml": 3})
    session = onnxruntime.InferenceSession(content.SerializeToString(), providers=["CPUExecutionProvider"])
    found[method] = (model.predict_proba(rows)[:, 1], session.run(None, {"X": rows})[1][:, 1])
    if method == "isotonic":
        table = np.unique(model.calibrated_classifiers_[0].calibrators[0].y_thresholds_)

right, got = found["isotonic"]
print("scikit-learn:", right.round(3).tolist())
print("ONNX:        ", got.astype(float).round(3).tolist())
print("the table:   ", table.astype(float).round(3).tolist())
same = bool(np.allclose(*found["sigmoid"], atol=1e-6))
print(f"sigmoid: equal: {same}")
from_table = all(np.isclose(table, value, atol=1e-6).any() for value in got)
if not same or not from_table or np.abs(right - got).max() < 0.1:
    sys.exit("changed: the values between the points are made in another way")
PYTHON

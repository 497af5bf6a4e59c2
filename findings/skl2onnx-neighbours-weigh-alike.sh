#!/usr/bin/env bash
# Question: Nearest neighbours with weights="distance" give the closer ones more say. Do they in the ONNX model?
# Guess:    Yes, or the conversion is refused: a model without them is another model.
# Truth:    The conversion takes such a model and says nothing, and the ONNX model is that of weights="uniform": every
#           neighbour counts alike, in regression and in classification, even where the row is one of the training's.
# Versions: skl2onnx 1.20.0, scikit-learn 1.9.1, onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, CPython 3.11.
# Seen:
#    rows: [1.0, 1.2, 1.5, 9.0]
#    scikit-learn, distance: [10.0, 12.0, 15.0, 90.0]
#    ONNX, distance:         [5.0, 15.0, 15.0, 60.0]
#    scikit-learn, uniform:  [5.0, 15.0, 15.0, 60.0]
#    classes of 3 neighbours at 2.1: scikit-learn 1, ONNX 0
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
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor


def converted(model, rows):
    content = to_onnx(model, rows[:1], target_opset={"": 15, "ai.onnx.ml": 3}).SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {"X": rows})[0].ravel()


known = np.array([[0], [1], [2], [10]], np.float32)
values = np.array([0, 10, 20, 100], np.float32)
rows = np.array([[1], [1.2], [1.5], [9]], np.float32)
near = KNeighborsRegressor(2, weights="distance").fit(known, values)
alike = KNeighborsRegressor(2, weights="uniform").fit(known, values)
weighed, got, plain = near.predict(rows), converted(near, rows), alike.predict(rows)
print("rows:", [round(float(row), 1) for row in rows.ravel()])
print("scikit-learn, distance:", weighed.round(3).tolist())
print("ONNX, distance:        ", got.round(3).tolist())
print("scikit-learn, uniform: ", plain.round(3).tolist())

classes = KNeighborsClassifier(3, weights="distance").fit(known, [0, 0, 1, 1])
row = np.array([[2.1]], np.float32)
right, given = int(classes.predict(row)[0]), int(converted(classes, row)[0])
print(f"classes of 3 neighbours at 2.1: scikit-learn {right}, ONNX {given}")
if not np.allclose(got, plain) or np.allclose(got, weighed) or (right, given) != (1, 0):
    sys.exit("changed: the weights are no longer left out")
PYTHON

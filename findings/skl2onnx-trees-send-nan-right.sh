#!/usr/bin/env bash
# Question: A decision tree or random forest of scikit-learn was trained with NaN in a column. How does its ONNX model
#           answer NaN?
# Guess:    As scikit-learn: a tree has a direction for missing values at each split, and ONNX an attribute for it.
# Truth:    NaN always goes to the right, though the file has the attribute: it is false at every split. Where training
#           sent NaN to the left the answer is that of large values; where it sent NaN to the right all is equal, so
#           a trial may pass by luck. Nothing is said at converting. Rows without NaN are equal.
# Versions: skl2onnx 1.20.0, scikit-learn 1.9.1, onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, CPython 3.11.
# Seen:
#    asked: [0.0, 1.0, 2.0, 3.0, nan]
#    DecisionTreeClassifier, NaN as small values: scikit-learn [0, 0, 1, 1, 0], ONNX [0, 0, 1, 1, 1]
#    DecisionTreeClassifier, NaN as large values: scikit-learn [0, 0, 1, 1, 1], ONNX [0, 0, 1, 1, 1]
#    RandomForestClassifier, NaN as small values: scikit-learn [0, 0, 1, 1, 0], ONNX [0, 0, 1, 1, 1]
#    RandomForestClassifier, NaN as large values: scikit-learn [0, 0, 1, 1, 1], ONNX [0, 0, 1, 1, 1]
#    values of nodes_missing_value_tracks_true: [0]
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
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

rows = np.array([[0], [1], [2], [3], [np.nan]] * 20, np.float32)
asked = rows[:5]
labels = {"small": [0, 0, 1, 1, 0], "large": [0, 0, 1, 1, 1]}
print("asked:", asked.ravel().tolist())
tracks, seen = set(), []
for kind in (DecisionTreeClassifier, RandomForestClassifier):
    for like, right in labels.items():
        model = kind(random_state=0).fit(rows, right * 20)
        converted = to_onnx(model, rows[:1], target_opset={"": 15, "ai.onnx.ml": 3})
        session = onnxruntime.InferenceSession(converted.SerializeToString(), providers=["CPUExecutionProvider"])
        answers = session.run(None, {"X": asked})[0].tolist()
        seen.append((model.predict(asked).tolist() == right, answers))
        print(f"{kind.__name__}, NaN as {like} values: scikit-learn {model.predict(asked).tolist()}, ONNX {answers}")
        for node in converted.graph.node:
            for attribute in node.attribute:
                if attribute.name == "nodes_missing_value_tracks_true":
                    tracks |= set(attribute.ints)
print("values of nodes_missing_value_tracks_true:", sorted(tracks))

if seen != [(True, labels["large"])] * 4:
    sys.exit("changed: NaN goes another way")
PYTHON

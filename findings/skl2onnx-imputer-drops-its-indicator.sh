#!/usr/bin/env bash
# Question: SimpleImputer(add_indicator=True) adds a column for each column that had gaps. What does its ONNX model do?
# Guess:    The same, or skl2onnx refuses.
# Truth:    It fills the gaps and leaves the added column out; converting says nothing. What comes behind reads a column
#           that is not there: a linear model goes without it and answers wrongly where there was a gap. The imputer
#           alone has a column less than scikit-learn's.
# Versions: skl2onnx 1.20.0, scikit-learn 1.9.1, onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, CPython 3.11.
# Seen:
#    imputer: scikit-learn 3 columns, ONNX 2 columns; those equal: True
#    imputer and LinearRegression: scikit-learn [0.0, 1.0, 0.0, 0.0], ONNX [0.0, 0.0, 0.0, 0.0]
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
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

rows = np.array([[1, 2], [np.nan, 3], [4, 5], [2, 1]] * 10, np.float32)
had_a_gap = np.isnan(rows[:, 0]).astype(np.float32)
asked = rows[:4]
quiet = onnxruntime.SessionOptions()
quiet.log_severity_level = 3


def through_onnx(model):
    converted = to_onnx(model, rows[:1], target_opset={"": 15, "ai.onnx.ml": 3})
    session = onnxruntime.InferenceSession(converted.SerializeToString(), quiet, providers=["CPUExecutionProvider"])
    return session.run(None, {"X": asked})[0]


imputer = SimpleImputer(add_indicator=True).fit(rows)
right, got = imputer.transform(asked), through_onnx(imputer)
same = bool(np.allclose(right[:, : got.shape[1]], got))
print(f"imputer: scikit-learn {right.shape[1]} columns, ONNX {got.shape[1]} columns; those equal: {same}")

model = make_pipeline(SimpleImputer(add_indicator=True), LinearRegression()).fit(rows, had_a_gap)
both = (model.predict(asked), through_onnx(model))
labels = [(answers.ravel().astype(float).round(3) + 0.0).tolist() for answers in both]
print(f"imputer and LinearRegression: scikit-learn {labels[0]}, ONNX {labels[1]}")

if (right.shape[1], got.shape[1]) != (3, 2) or not same or labels != [[0, 1, 0, 0], [0, 0, 0, 0]]:
    sys.exit("changed: the indicator is converted in another way")
PYTHON

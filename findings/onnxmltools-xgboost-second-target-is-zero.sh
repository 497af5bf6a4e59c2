#!/usr/bin/env bash
# Question: An XGBoost regressor was trained for two targets. What does the ONNX model of onnxmltools answer?
# Guess:    Two columns with XGBoost's numbers; or the converter refuses.
# Truth:    Two columns, of which the second is 0 in every row, as the trees of both targets are added to the first.
#           The output is declared with one column, which onnxruntime only warns of. One target is converted rightly.
# Versions: xgboost-cpu 3.2.0, onnxmltools 1.16.0, onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, CPython 3.11.
# Seen:
#    1 target: shape (400,), largest difference below 0.001: True
#    2 targets: shape (400, 2), declared [None, 1], second column only 0: True, XGBoost's: False
#    2 targets: first column = sum of XGBoost's columns without the second's base score: True
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
  xgboost-cpu==3.2.0 scikit-learn==1.9.1 onnxmltools==1.16.0 onnxruntime==1.32.0 onnx==1.23.2 \
  skl2onnx==1.20.0 numpy==2.4.6 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import json
import sys

import numpy as np
import onnxruntime
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from xgboost import XGBRegressor

random = np.random.default_rng(0)
rows = random.normal(size=(400, 3)).astype(np.float32)
targets = np.stack([rows[:, 0] + 2, rows[:, 1] + 5], axis=1)
quiet = onnxruntime.SessionOptions()
quiet.log_severity_level = 3  # the warning about the declared shape


def answers(target):
    model = XGBRegressor(n_estimators=10, n_jobs=1).fit(rows, target)
    converted = convert_xgboost(model, initial_types=[("x", FloatTensorType([None, 3]))], target_opset=15)
    session = onnxruntime.InferenceSession(converted.SerializeToString(), quiet, providers=["CPUExecutionProvider"])
    return model, model.predict(rows), session.run(None, {"x": rows})[0], session.get_outputs()[0].shape


_, right, got, _ = answers(targets[:, 0])
one_right = bool(np.abs(got.ravel() - right).max() < 1e-3)
print(f"1 target: shape {right.shape}, largest difference below 0.001: {one_right}")

model, right, got, declared = answers(targets)
zero, same = bool((got[:, 1] == 0).all()), bool(np.allclose(got[:, 1], right[:, 1], atol=1e-3))
print(f"2 targets: shape {got.shape}, declared {declared}, second column only 0: {zero}, XGBoost's: {same}")
config = json.loads(model.get_booster().save_config())
starts = json.loads(config["learner"]["learner_model_param"]["base_score"])
summed = bool(np.allclose(got[:, 0] + starts[1], right.sum(axis=1), atol=1e-3))
print("2 targets: first column = sum of XGBoost's columns without the second's base score:", summed)

if not one_right or not zero or same or not summed or got.shape != (400, 2):
    sys.exit("changed: the second target is converted in another way")
PYTHON

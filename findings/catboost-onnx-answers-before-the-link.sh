#!/usr/bin/env bash
# Question: CatBoost saves a model as ONNX. Does the ONNX model answer what predict() does?
# Guess:    Yes, or save_model refuses what ONNX cannot say.
# Truth:    Not where the loss has a link of its own. For Poisson and Tweedie the ONNX model gives the logarithm of what
#           predict() gives, so it has negative counts; for MultiClassOneVsAll it gives the softmax in place of one
#           sigmoid for each class. RMSE, Logloss and MultiClass agree. Nothing is said at saving, nothing in the file.
# Versions: catboost 1.2.10, onnxruntime 1.32.0, numpy 2.4.6, CPython 3.11.
# Seen:
#    RMSE: equal to predict(): True
#    Poisson: equal to predict(): False; to its logarithm: True
#    Tweedie:variance_power=1.5: equal to predict(): False; to its logarithm: True
#    Logloss: equal to predict_proba(): True
#    MultiClass: equal to predict_proba(): True
#    MultiClassOneVsAll: equal to predict_proba(): False; to the softmax of the raw values: True
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
  catboost==1.2.10 onnxruntime==1.32.0 numpy==2.4.6 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from catboost import CatBoostClassifier, CatBoostRegressor

random = np.random.default_rng(0)
rows = random.normal(size=(400, 3)).astype(np.float32)
counts = np.floor(np.exp(rows[:, 0])).astype(int)
classes = (rows[:, 0] > 0).astype(int) + (rows[:, 1] > 0.5)
path = Path(sys.argv[1], "model.onnx")
settings = {"iterations": 20, "depth": 3, "thread_count": 1, "verbose": 0, "allow_writing_files": False}


def through_onnx(model):
    model.save_model(path, format="onnx")
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 3  # the declared shape is [-1], the answer's [-1, 1]
    session = onnxruntime.InferenceSession(path, quiet, providers=["CPUExecutionProvider"])
    return session.run(None, {"features": rows})


def close(one, other):
    return bool(np.allclose(one, other, rtol=1e-4, atol=1e-5))


seen = {}
for loss in ("RMSE", "Poisson", "Tweedie:variance_power=1.5"):
    model = CatBoostRegressor(loss_function=loss, **settings).fit(rows, counts)
    answers, right = through_onnx(model)[0].ravel(), model.predict(rows)
    seen[loss] = close(answers, right)
    print(f"{loss}: equal to predict(): {seen[loss]}", end="" if not seen[loss] else "\n")
    if not seen[loss]:
        seen[loss] = "logarithm" if close(answers, np.log(right)) else "another"
        print(f"; to its logarithm: {seen[loss] == 'logarithm'}")

for loss in ("Logloss", "MultiClass", "MultiClassOneVsAll"):
    target = classes > 0 if loss == "Logloss" else classes
    model = CatBoostClassifier(loss_function=loss, **settings).fit(rows, target.astype(int))
    answers = through_onnx(model)[1]
    answers = np.array([[row[key] for key in sorted(row)] for row in answers])
    seen[loss] = close(answers, model.predict_proba(rows))
    print(f"{loss}: equal to predict_proba(): {seen[loss]}", end="" if not seen[loss] else "\n")
    if not seen[loss]:
        raw = np.exp(model.predict(rows, prediction_type="RawFormulaVal"))
        seen[loss] = "softmax" if close(answers, raw / raw.sum(axis=1, keepdims=True)) else "another"
        print(f"; to the softmax of the raw values: {seen[loss] == 'softmax'}")

if list(seen.values()) != [True, "logarithm", "logarithm", True, True, "softmax"]:
    sys.exit("changed: the ONNX models answer something else")
PYTHON

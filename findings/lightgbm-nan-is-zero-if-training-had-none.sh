#!/usr/bin/env bash
# Question: A LightGBM model was trained on rows without missing values. How does it answer a row with NaN?
# Guess:    As one with a missing value: by a default direction that each split has, as XGBoost's and scikit-learn's
#           trees do.
# Truth:    As one with 0. A column that had no NaN in training has "missing type: none", and for those LightGBM takes
#           NaN for 0.0, however far from every value it has seen. It says nothing. The ONNX model that onnxmltools
#           makes of it does the same. Trained with one NaN in the column, the answer is another.
# Versions: lightgbm 4.7.0, onnxmltools 1.16.0, onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, CPython 3.11.
# Seen:
#    trained without NaN: {'NaN': 1.0, '0': 1.0, '-8': 0.0}
#    the same as ONNX: {'NaN': 1.0, '0': 1.0, '-8': 0.0}
#    trained with NaN among the low: {'NaN': 0.0, '0': 1.0, '-8': 0.0}
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
  lightgbm==4.7.0 onnxmltools==1.16.0 onnxruntime==1.32.0 onnx==1.23.2 skl2onnx==1.20.0 numpy==2.4.6 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import sys

import lightgbm
import numpy as np
import onnxruntime
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

low, high = np.linspace(-9, -6, 200), np.linspace(-4, -1, 200)
column = np.concatenate([low, high])
target = np.concatenate([np.zeros(200), np.ones(200)])
asked = np.array([[np.nan], [0.0], [-8.0]])


def train(values):
    data = lightgbm.Dataset(values.reshape(-1, 1), target)
    settings = {"objective": "regression", "verbose": -1, "num_threads": 1, "deterministic": True}
    return lightgbm.train(settings, data, num_boost_round=50)


def shown(answers):
    return dict(zip(("NaN", "0", "-8"), (round(float(each), 2) + 0.0 for each in answers), strict=True))


without = train(column)
converted = convert_lightgbm(without, initial_types=[("x", FloatTensorType([None, 1]))], target_opset=15)
session = onnxruntime.InferenceSession(converted.SerializeToString(), providers=["CPUExecutionProvider"])
gaps = column.copy()
gaps[:20] = np.nan
answers = {
    "trained without NaN": shown(without.predict(asked)),
    "the same as ONNX": shown(session.run(None, {"x": asked.astype(np.float32)})[0].ravel()),
    "trained with NaN among the low": shown(train(gaps).predict(asked)),
}
for label, answer in answers.items():
    print(f"{label}: {answer}")

plain, onnx, with_nan = answers.values()
taken_for_zero = plain == onnx and plain["NaN"] == plain["0"] > 0.9 > 0.1 > plain["-8"]
if not taken_for_zero or not with_nan["NaN"] < 0.1 < with_nan["0"]:
    sys.exit("changed: NaN is no longer taken for 0")
PYTHON

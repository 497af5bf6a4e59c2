#!/usr/bin/env bash
# Question: A LightGBM model splits a column by category. How does it answer a value between two of them, such as 1.7?
# Guess:    As one with a category that it has never seen; and the ONNX model answers the same.
# Truth:    LightGBM cuts the value to an integer and takes it for category 1, without a word. The ONNX model that
#           onnxmltools makes compares with the category itself: there 1.7 is unknown and gets another answer. Whole
#           numbers agree, whether training had them or not.
# Versions: lightgbm 4.7.0, onnxmltools 1.16.0, onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, CPython 3.11.
# Seen:
#    asked:       [0.0, 1.0, 1.7, 2.0, 3.0, 9.0]
#    lightgbm:    [0.1, 0.9, 0.9, 0.1, 0.9, 0.1]
#    onnxruntime: [0.1, 0.9, 0.1, 0.1, 0.9, 0.1]
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

categories = np.tile(np.arange(5.0), 100).reshape(-1, 1)
target = np.isin(categories[:, 0], [1, 3]).astype(float)
asked = np.array([0, 1, 1.7, 2, 3, 9]).reshape(-1, 1)
settings = {"objective": "regression", "verbose": -1, "num_threads": 1, "deterministic": True, "cat_smooth": 0}
data = lightgbm.Dataset(categories, target, categorical_feature=[0])
model = lightgbm.train(settings, data, num_boost_round=20)
converted = convert_lightgbm(model, initial_types=[("x", FloatTensorType([None, 1]))], target_opset=15)
session = onnxruntime.InferenceSession(converted.SerializeToString(), providers=["CPUExecutionProvider"])

by_lightgbm = model.predict(asked).round(1).tolist()
by_onnx = session.run(None, {"x": asked.astype(np.float32)})[0].ravel().astype(float).round(1).tolist()
print("asked:      ", asked.ravel().tolist())
print("lightgbm:   ", by_lightgbm)
print("onnxruntime:", by_onnx)

cut = by_lightgbm[2] == by_lightgbm[1] != by_lightgbm[5]
unknown = by_onnx[2] == by_onnx[5] != by_onnx[1]
if not cut or not unknown or [*by_lightgbm[:2], *by_lightgbm[3:]] != [*by_onnx[:2], *by_onnx[3:]]:
    sys.exit("changed: a fraction is taken for another category")
PYTHON

#!/usr/bin/env bash
# Question: Some settings of LightGBM change what its trees compute: linear leaves (linear_tree), zeros as missing
#           values (zero_as_missing), a random forest (boosting=rf). Does onnxmltools convert that, or refuse?
# Guess:    One of the two. All three are in the model that it reads.
# Truth:    Neither. It writes the trees as if the settings were not there and says nothing: linear leaves become
#           constants, zeros are compared as numbers, and the trees of a forest are summed and not averaged, so the
#           answer of a Booster is as many times too large as there are trees. Plain boosting and dart agree.
# Versions: lightgbm 4.7.0, onnxmltools 1.16.0, onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, CPython 3.11.
# Seen:
#    {}: equal: True
#    {'boosting': 'dart'}: equal: True
#    {'linear_tree': True}: equal: False
#    {'zero_as_missing': True}: equal: False
#    {'boosting': 'rf', 'bagging_freq': 1, 'bagging_fraction': 0.5}: equal: False; 20 times as large: True
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

random = np.random.default_rng(0)
rows = random.normal(size=(400, 3)).astype(np.float32)
rows[random.random(rows.shape) < 0.3] = 0
target = 3.0 * (rows[:, 0] + rows[:, 1] > 0)
common = {"objective": "regression", "verbose": -1, "num_threads": 1, "deterministic": True, "seed": 1}
cases = (
    {},
    {"boosting": "dart"},
    {"linear_tree": True},
    {"zero_as_missing": True},
    {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
)
seen = []
for settings in cases:
    data = lightgbm.Dataset(rows.astype(float), target)
    model = lightgbm.train({**common, **settings}, data, num_boost_round=20)
    converted = convert_lightgbm(model, initial_types=[("x", FloatTensorType([None, 3]))], target_opset=15)
    session = onnxruntime.InferenceSession(converted.SerializeToString(), providers=["CPUExecutionProvider"])
    right, got = model.predict(rows), session.run(None, {"x": rows})[0].ravel()
    seen.append(bool(np.allclose(got, right, atol=1e-4)))
    times = ""
    if settings.get("boosting") == "rf":
        seen.append(bool(np.allclose(got, 20 * right, atol=1e-3)))
        times = f"; 20 times as large: {seen[-1]}"
    print(f"{settings}: equal: {seen[4] if times else seen[-1]}{times}")

if seen != [True, True, False, False, False, True]:
    sys.exit("changed: the settings are converted in another way")
PYTHON

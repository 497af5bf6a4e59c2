#!/usr/bin/env bash
# Question: MaxAbsScaler(clip=True) keeps what it gives between -1 and 1. Does its ONNX model, as that of
#           MinMaxScaler(clip=True) does?
# Guess:    Yes: the converter of the one scaler reads the option, so that of the other will.
# Truth:    The model of MaxAbsScaler divides and leaves the rest out: rows beyond those of the training give values
#           beyond 1. That of MinMaxScaler clips. Nothing is said at converting.
# Versions: skl2onnx 1.20.0, scikit-learn 1.9.1, onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, CPython 3.11.
# Seen:
#    rows: [[-3.0], [1.0], [4.0]], trained up to 2
#    MaxAbsScaler: scikit-learn [-1.0, 0.5, 1.0], ONNX [-1.5, 0.5, 2.0]
#    MinMaxScaler: scikit-learn [0.0, 0.5, 1.0], ONNX [0.0, 0.5, 1.0]
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
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler

known = np.array([[0], [1], [2]], np.float32)
rows = np.array([[-3], [1], [4]], np.float32)
print(f"rows: {rows.tolist()}, trained up to 2")
differs = {}
for kind in (MaxAbsScaler, MinMaxScaler):
    model = kind(clip=True).fit(known)
    content = to_onnx(model, rows[:1], target_opset={"": 15, "ai.onnx.ml": 3}).SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    right, got = model.transform(rows).ravel(), session.run(None, {"X": rows})[0].ravel()
    print(f"{kind.__name__}: scikit-learn {right.tolist()}, ONNX {got.tolist()}")
    differs[kind.__name__] = not np.allclose(right, got)
if differs != {"MaxAbsScaler": True, "MinMaxScaler": False}:
    sys.exit("changed: the scalers clip in another way")
PYTHON

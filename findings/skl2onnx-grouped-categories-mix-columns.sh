#!/usr/bin/env bash
# Question: OrdinalEncoder(min_frequency=...) gives the rare categories of a column one number together. Does its ONNX
#           model, for a table of two columns?
# Guess:    Yes, or the conversion is refused, as it is for OneHotEncoder with the same option.
# Truth:    A table of one column is right. Of two, the second gets numbers of the first: it answers other numbers, or,
#           where the first has more categories, no session opens the file, which ONNX's checker calls good. Nothing is
#           said at converting.
# Versions: skl2onnx 1.20.0, scikit-learn 1.9.1, onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, CPython 3.11.
# Seen:
#    OneHotEncoder: refused with NotImplementedError
#    one column: equal: True
#    two columns: scikit-learn [[0.0, 2.0], [1.0, 0.0], [0.0, 0.0]]
#                 ONNX         [[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
#    the columns in the other order: refused by onnxruntime: Fail
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
import onnx
import onnxruntime
from skl2onnx import to_onnx
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

onnxruntime.set_default_logger_severity(4)
two = np.tile([1, 2], 13)
three = np.repeat([1, 2, 3], [1, 20, 5])  # the first of them is rare
OPSET = {"": 15, "ai.onnx.ml": 3}


def encoded(*columns):
    rows = np.stack(columns, 1).astype(np.float32)
    model = OrdinalEncoder(min_frequency=3).fit(rows)
    content = to_onnx(model, rows[:1], target_opset=OPSET)
    onnx.checker.check_model(content, full_check=True)
    session = onnxruntime.InferenceSession(content.SerializeToString(), providers=["CPUExecutionProvider"])
    return model.transform(rows), session.run(None, {"X": rows})[0]


rows = np.stack([two, three], 1).astype(np.float32)
try:
    to_onnx(OneHotEncoder(min_frequency=3, sparse_output=False).fit(rows), rows[:1], target_opset=OPSET)
    one_hot = "converted"
except NotImplementedError as error:
    one_hot = f"refused with {type(error).__name__}"
print("OneHotEncoder:", one_hot)
one = bool(np.array_equal(*encoded(three)))
print(f"one column: equal: {one}")
right, got = encoded(two, three)
print("two columns: scikit-learn", right[:3].tolist())
print("             ONNX        ", got[:3].tolist())
try:
    encoded(three, two)
    opened = "opened by onnxruntime"
except Exception as error:
    opened = f"refused by onnxruntime: {type(error).__name__}"
print("the columns in the other order:", opened)
if one_hot == "converted" or not one or np.array_equal(right, got) or not opened.startswith("refused"):
    sys.exit("changed: grouped categories are converted in another way")
PYTHON

#!/usr/bin/env bash
# Question: scikit-learn's encoders refuse a category that they were not trained on. Does the ONNX model that skl2onnx
#           makes of them?
# Guess:    Yes, or no conversion without a warning: `handle_unknown="error"` is what the user chose, by default.
# Truth:    It depends on the encoder. OneHotEncoder refuses it in onnxruntime as well; OrdinalEncoder and
#           LabelEncoder answer -1, without a word at conversion or later, and a model behind them goes on with it.
# Versions: skl2onnx 1.20.0, scikit-learn 1.9.1, onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, CPython 3.11.
# Seen:
#    OneHotEncoder of 'b' and the unknown 'z': scikit-learn refused, ONNX refused
#    OrdinalEncoder of 'b' and the unknown 'z': scikit-learn refused, ONNX [[1.0], [-1.0]]
#    LabelEncoder of 'b' and the unknown 'z': scikit-learn refused, ONNX [1, -1]
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
import warnings

import numpy as np
import onnxruntime
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import StringTensorType
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, OrdinalEncoder

warnings.simplefilter("error", UserWarning)
options = onnxruntime.SessionOptions()
options.log_severity_level = 4


def answer(ask, *refusals):
    try:
        return ask().tolist()
    except refusals:
        return "refused"


seen = {}
for encoder, shape in ((OneHotEncoder(), (-1, 1)), (OrdinalEncoder(), (-1, 1)), (LabelEncoder(), (-1,))):
    encoder.fit(np.array(["a", "b", "c"], object).reshape(shape))
    unknown = np.array(["b", "z"], object).reshape(shape)
    model = convert_sklearn(encoder, initial_types=[("x", StringTensorType([None, *shape[1:]]))])
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    name = type(encoder).__name__
    by_sklearn = answer(lambda e=encoder, u=unknown: e.transform(u), ValueError)
    refusal = onnxruntime.capi.onnxruntime_pybind11_state.Fail
    by_onnx = answer(lambda s=session, u=unknown: s.run(None, {"x": u})[0], refusal)
    seen[name] = (by_sklearn, by_onnx)
    print(f"{name} of 'b' and the unknown 'z': scikit-learn {by_sklearn}, ONNX {by_onnx}")

expected = {"OneHotEncoder": "refused", "OrdinalEncoder": [[1.0], [-1.0]], "LabelEncoder": [1, -1]}
if seen != {name: ("refused", by_onnx) for name, by_onnx in expected.items()}:
    sys.exit("changed: unknown categories are answered in another way")
PYTHON

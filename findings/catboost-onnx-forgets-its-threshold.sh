#!/usr/bin/env bash
# Question: A binary CatBoost model has another threshold than 0.5 (set_probability_threshold). Which of its files keep
#           it?
# Guess:    All: the label that predict() gives is part of the model.
# Truth:    Its own format and JSON keep it. ONNX does not: its label is that of the larger probability, so rows between
#           0.5 and the threshold get the other class. Nothing is said at saving. The probabilities are equal.
# Versions: catboost 1.2.10, onnxruntime 1.32.0, numpy 2.4.6, CPython 3.11.
# Seen:
#    cbm: threshold 0.9; other labels: False
#    json: threshold 0.9; other labels: False
#    onnx: other labels: True; all of them between 0.5 and 0.9: True; other probabilities: False
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
from catboost import CatBoostClassifier

random = np.random.default_rng(0)
rows = random.normal(size=(400, 3)).astype(np.float32)
target = (rows[:, 0] + random.normal(size=400) > 0).astype(int)
settings = {"iterations": 20, "depth": 3, "thread_count": 1, "verbose": 0, "allow_writing_files": False}
model = CatBoostClassifier(**settings).fit(rows, target)
model.set_probability_threshold(0.9)
labels, probabilities = model.predict(rows), model.predict_proba(rows)[:, 1]

kept = {}
for form in ("cbm", "json"):
    path = Path(sys.argv[1], f"model.{form}")
    model.save_model(path, format=form)
    loaded = CatBoostClassifier().load_model(path, format=form)
    kept[form] = (loaded.get_probability_threshold(), bool((loaded.predict(rows) != labels).any()))
    print(f"{form}: threshold {kept[form][0]}; other labels: {kept[form][1]}")

path = Path(sys.argv[1], "model.onnx")
model.save_model(path, format="onnx")
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
onnx_labels, maps = session.run(None, {"features": rows})
other = onnx_labels != labels
between = bool(((probabilities[other] > 0.49999) & (probabilities[other] < 0.90001)).all())
differ = not np.allclose([row[1] for row in maps], probabilities, atol=1e-5)
print(
    f"onnx: other labels: {bool(other.any())}; all of them between 0.5 and 0.9: {between}; "
    f"other probabilities: {differ}"
)

if set(kept.values()) != {(0.9, False)} or not other.any() or not between or differ:
    sys.exit("changed: the threshold is kept in other files")
PYTHON

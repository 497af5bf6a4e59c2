#!/usr/bin/env bash
# Question: XGBClassifier(missing=0) takes zeros for missing values. Does the model that save_model wrote do so, too?
# Guess:    Yes: it decides which way a row goes at a split, so it belongs to the model as the trees do.
# Truth:    No. "missing" belongs to the wrapper, and no form of the file has it (JSON, UBJSON). The loaded model takes
#           NaN for missing again and zeros for numbers, and says nothing. A pickle keeps it. onnxmltools refuses a
#           model with missing=0, but converts the loaded one.
# Versions: xgboost-cpu 3.2.0, scikit-learn 1.9.1, numpy 2.4.6, CPython 3.11.
# Seen:
#    pickle: missing = 0; rows with another probability: False
#    json: missing = nan; rows with another probability: True
#    ubj: missing = nan; rows with another probability: True
#    json, missing set by hand: rows with another probability: False
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
  xgboost-cpu==3.2.0 scikit-learn==1.9.1 numpy==2.4.6 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import pickle
import sys
from pathlib import Path

import numpy as np
from xgboost import XGBClassifier

random = np.random.default_rng(0)
rows = random.normal(size=(400, 3)).astype(np.float32)
rows[random.random(rows.shape) < 0.3] = 0
target = (rows[:, 0] + rows[:, 1] > 0).astype(int)
trained = XGBClassifier(missing=0, n_estimators=5, n_jobs=1).fit(rows, target)
right = trained.predict_proba(rows)


def differs(model):
    return bool((model.predict_proba(rows) != right).any())


models = {"pickle": pickle.loads(pickle.dumps(trained))}
for form in ("json", "ubj"):
    path = Path(sys.argv[1], f"model.{form}")
    trained.save_model(path)
    models[form] = XGBClassifier()
    models[form].load_model(path)

seen = {}
for form, model in models.items():
    seen[form] = (str(model.missing), differs(model))
    print(f"{form}: missing = {seen[form][0]}; rows with another probability: {seen[form][1]}")
models["json"].set_params(missing=0)
by_hand = differs(models["json"])
print("json, missing set by hand: rows with another probability:", by_hand)

if by_hand or seen != {"pickle": ("0", False), "json": ("nan", True), "ubj": ("nan", True)}:
    sys.exit("changed: the file tells what is missing")
PYTHON

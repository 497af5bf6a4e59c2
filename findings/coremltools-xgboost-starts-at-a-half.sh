#!/usr/bin/env bash
# Question: coremltools converts an XGBoost regressor. Does the Core ML model answer what XGBoost does?
# Guess:    Yes, to rounding: both sum the leaves of the same trees.
# Truth:    The trees are right and the start is not. The converter always writes 0.5, XGBoost's default of old. Since
#           2.0 XGBoost takes the start from the target (here its mean, about 100), so every answer is off by that.
#           There is no warning. With base_score=0.5 at training the sums agree.
# Versions: coremltools 9.0, xgboost-cpu 3.2.0, scikit-learn 1.9.1, numpy 2.4.6, CPython 3.11.
# Seen (the models are summed by hand from the specification, as Core ML itself runs on macOS only):
#    base_score left to XGBoost: it starts at 100.0, the Core ML model at 0.5; the answers are off by 99.5
#    base_score=0.5: it starts at 0.5, the Core ML model at 0.5; the answers are off by 0.0
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
  coremltools==9.0 xgboost-cpu==3.2.0 scikit-learn==1.9.1 numpy==2.4.6 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import json
import sys

import coremltools
import numpy as np
from xgboost import XGBRegressor

rows = np.linspace(-1, 1, 201).reshape(-1, 1).astype(np.float32)
target = 100 + 10 * rows[:, 0]


def core_ml_sum(spec, value):
    """Walk the trees of the specification for one row of one value."""
    ensemble = spec.treeEnsembleRegressor.treeEnsemble
    nodes = {(node.treeId, node.nodeId): node for node in ensemble.nodes}
    total = ensemble.basePredictionValue[0]
    for tree in {node.treeId for node in ensemble.nodes}:
        node = nodes[tree, 0]
        while node.nodeBehavior != node.LeafNode:
            assert node.nodeBehavior == node.BranchOnValueLessThan
            left = value < node.branchFeatureValue
            node = nodes[tree, node.trueChildNodeId if left else node.falseChildNodeId]
        total += node.evaluationInfo[0].evaluationValue
    return total


seen = {}
for label, settings in (("base_score left to XGBoost", {}), ("base_score=0.5", {"base_score": 0.5})):
    model = XGBRegressor(n_estimators=3, n_jobs=1, **settings).fit(rows, target)
    config = json.loads(model.get_booster().save_config())["learner"]["learner_model_param"]
    start = float(config["base_score"].strip("[]"))
    spec = coremltools.converters.xgboost.convert(model, feature_names=["x"], target="y").get_spec()
    written = spec.treeEnsembleRegressor.treeEnsemble.basePredictionValue[0]
    sums = np.array([core_ml_sum(spec, float(row)) for row in rows[:, 0]])
    off = np.abs(sums - model.predict(rows)).max()
    seen[label] = (round(start, 1), written, round(float(off), 1))
    print(f"{label}: it starts at {start:.1f}, the Core ML model at {written}; the answers are off by {off:.1f}")

if list(seen.values()) != [(100.0, 0.5, 99.5), (0.5, 0.5, 0.0)]:
    sys.exit("changed: the Core ML model has another start")
PYTHON

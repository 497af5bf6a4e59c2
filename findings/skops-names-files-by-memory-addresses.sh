#!/usr/bin/env bash
# Question: Does `skops.io.dumps` give the same bytes for the same model, as pickle does?
# Guess:    Yes: it is the careful alternative to pickle, a ZIP archive of JSON and arrays.
# Truth:    No. Arrays are named by where they lay in memory, objects carry such addresses as "__id__" in schema.json.
#           Every run of a training script writes another file, with names that no two runs share; a digest tells
#           nothing about whether the model changed.
# Versions: skops 0.16.0, scikit-learn 1.9.1, numpy 2.4.6, CPython 3.11.
# Seen:
#    two equal models: equal pickles: True
#    skops: arrays in each: [4, 4] with numbers for names: True
#    skops: names of arrays that both files have: 0
#    skops: the schema holds the model's own address: True
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
  skops==0.16.0 scikit-learn==1.9.1 numpy==2.4.6 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import io
import json
import pickle
import sys
import zipfile

import numpy as np
import skops.io
from sklearn.linear_model import LogisticRegression

samples, labels = np.arange(10.0).reshape(-1, 1), np.arange(10) > 4


def ids(node):
    if isinstance(node, dict):
        own = [node["__id__"]] if "__id__" in node else []
        return own + [each for value in node.values() for each in ids(value)]
    return [each for value in node for each in ids(value)] if isinstance(node, list) else []


models = [LogisticRegression().fit(samples, labels) for _ in range(2)]
same_pickle = pickle.dumps(models[0]) == pickle.dumps(models[1])
archives = [zipfile.ZipFile(io.BytesIO(skops.io.dumps(model))) for model in models]
arrays = [{name for name in archive.namelist() if name.endswith(".npy")} for archive in archives]
numbered = all(name.removesuffix(".npy").isdecimal() for names in arrays for name in names)
own = id(models[0]) in ids(json.loads(archives[0].read("schema.json")))
shared = arrays[0] & arrays[1]
print("two equal models: equal pickles:", same_pickle)
print("skops: arrays in each:", [len(names) for names in arrays], "with numbers for names:", numbered)
print("skops: names of arrays that both files have:", len(shared))
print("skops: the schema holds the model's own address:", own)

if not same_pickle or not numbered or not own or len(shared) == len(arrays[0]):
    sys.exit("changed: skops names arrays and objects in another way")
PYTHON

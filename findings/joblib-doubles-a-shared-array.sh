#!/usr/bin/env bash
# Question: One numpy array is held in two places of an object (two estimators with the same training data, say). What
#           does joblib keep of that?
# Guess:    What pickle keeps, on which it is built: the array is written once, and after loading it is one array
#           again.
# Truth:    Each place gets an array of its own. The file holds it twice, memory does after loading, and a change
#           through one place is no longer seen through the other. Lists and other objects stay shared: only arrays
#           are written past pickle's memory of what it has seen.
# Versions: joblib 1.6.0, numpy 2.4.6, CPython 3.11.
# Seen:
#    pickle: 1 times the array's size; one array: True; one list: True
#    joblib: 2 times the array's size; one array: False; one list: True
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
  joblib==1.6.0 numpy==2.4.6 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import io
import pickle
import sys

import joblib
import numpy as np


def through_pickle(value):
    data = pickle.dumps(value)
    return len(data), pickle.loads(data)


def through_joblib(value):
    file = io.BytesIO()
    joblib.dump(value, file)
    size = file.tell()
    file.seek(0)
    return size, joblib.load(file)


array, names = np.zeros(100_000), ["a", "b"]
seen = {}
for label, there_and_back in (("pickle", through_pickle), ("joblib", through_joblib)):
    size, loaded = there_and_back({"first": [array, names], "second": [array, names]})
    one_array, one_list = (loaded["first"][place] is loaded["second"][place] for place in (0, 1))
    seen[label] = (round(size / array.nbytes), one_array, one_list)
    print(f"{label}: {seen[label][0]} times the array's size; one array: {one_array}; one list: {one_list}")

if seen != {"pickle": (1, True, True), "joblib": (2, False, True)}:
    sys.exit("changed: arrays are shared in another way")
PYTHON

#!/usr/bin/env bash
# Question: Does a bfloat16, float8 or int4 array of ml_dtypes survive `numpy.save` and `numpy.load`?
# Guess:    Yes, or numpy.save refuses a type that it does not have itself.
# Truth:    numpy.save always writes it without a word. bfloat16, float8_e4m3fn and int4 (a whole byte each) come back
#           as raw bytes of type void: `.view(...)` restores them for whoever knows what they were. A float8_e5m2 file
#           cannot be loaded at all, as its header says "<f1", which is no type of numpy's.
# Versions: ml_dtypes 0.6.0, numpy 2.4.6, CPython 3.11.
# Seen:
#    bfloat16: loaded as |V2; right after view(): True
#    float8_e4m3fn: loaded as |V1; right after view(): True
#    int4: loaded as |V1; right after view(): True
#    float8_e5m2: saved, and not loaded: descr is not a valid dtype descriptor: '<f1'
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
  ml_dtypes==0.6.0 numpy==2.4.6 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import io
import sys

import ml_dtypes
import numpy as np

found = {}
for kind in (ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.int4, ml_dtypes.float8_e5m2):
    array = np.array([1, 2, 3], kind)
    file = io.BytesIO()
    np.save(file, array)
    file.seek(0)
    try:
        loaded = np.load(file)
    except ValueError as error:
        found[array.dtype.name] = "refused"
        print(f"{array.dtype.name}: saved, and not loaded: {error}")
        continue
    found[array.dtype.name] = loaded.dtype.str
    again = bool((loaded.view(kind) == array).all())
    print(f"{array.dtype.name}: loaded as {loaded.dtype.str}; right after view(): {again}")
    if not again:
        sys.exit("changed: the bytes are no longer those of the values")

if found != {"bfloat16": "|V2", "float8_e4m3fn": "|V1", "int4": "|V1", "float8_e5m2": "refused"}:
    sys.exit("changed: numpy saves or loads these types in another way")
PYTHON

#!/usr/bin/env bash
# Question: Can safetensors' numpy interface read what it has just written?
# Guess:    Of course: a type that `load` does not know is one that `save` refuses.
# Truth:    `save` takes bfloat16 and the 8-bit floats of ml_dtypes and writes valid files; `load` of the same module
#           ends with a bare KeyError such as 'BF16'. A file of float32 with one bfloat16 tensor is as unreadable. The
#           header and the bytes are right, so PyTorch's interface, or a few lines of one's own, can read them.
# Versions: safetensors 0.8.0, ml_dtypes 0.6.0, numpy 2.4.6, CPython 3.11.
# Seen:
#    float16: written as F16, bytes right: True; load: loaded
#    bfloat16: written as BF16, bytes right: True; load: KeyError: 'BF16'
#    float8_e4m3fn: written as F8_E4M3, bytes right: True; load: KeyError: 'F8_E4M3'
#    float8_e5m2: written as F8_E5M2, bytes right: True; load: KeyError: 'F8_E5M2'
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
  safetensors==0.8.0 ml_dtypes==0.6.0 numpy==2.4.6 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import json
import sys

import ml_dtypes
import numpy as np
from safetensors.numpy import load, save

outcomes = {}
for kind in (np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2):
    array = np.array([1, 2, 3], kind)
    file = save({"x": array})
    length = int.from_bytes(file[:8], "little")
    header = json.loads(file[8 : 8 + length])
    right = file[8 + length :] == array.tobytes()
    try:
        outcome = "loaded" if (load(file)["x"] == array).all() else "other values"
    except KeyError as error:
        outcome = f"KeyError: {error}"
    outcomes[array.dtype.name] = outcome.partition(":")[0]
    print(f"{array.dtype.name}: written as {header['x']['dtype']}, bytes right: {right}; load: {outcome}")

lost = dict.fromkeys(("bfloat16", "float8_e4m3fn", "float8_e5m2"), "KeyError")
if outcomes != {"float16": "loaded", **lost}:
    sys.exit("changed: load knows other types now")
PYTHON

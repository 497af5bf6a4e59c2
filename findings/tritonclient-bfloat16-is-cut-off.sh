#!/usr/bin/env bash
# Question: How does tritonclient turn the float32 array that it takes for a BF16 input into bfloat16?
# Guess:    It rounds to the nearest, as every other library does.
# Truth:    It drops the lower half of the bits, which rounds towards zero: up to twice the error, and always to the
#           same side, so sums drift. 1.0077 becomes 1.0 where the nearest bfloat16 is 1.0078125. Round first
#           (`.astype(ml_dtypes.bfloat16).astype(numpy.float32)`), and nothing is left to cut off.
# Versions: tritonclient 2.69.0, ml_dtypes 0.6.0, numpy 2.4.6, CPython 3.11.
# Seen:
#    values:       [1.0, 1.007699966430664, -1.007699966430664, 0.10000000149011612, 0.20000000298023224]
#    tritonclient: [1.0, 1.0, -1.0, 0.099609375, 0.19921875]
#    nearest:      [1.0, 1.0078125, -1.0078125, 0.10009765625, 0.2001953125]
#    rounded, then tritonclient: equal to the nearest: True
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
  tritonclient==2.69.0 ml_dtypes==0.6.0 numpy==2.4.6 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import sys

import ml_dtypes
import numpy as np
from tritonclient.utils import deserialize_bf16_tensor, serialize_bf16_tensor

values = np.array([1.0, 1.0077, -1.0077, 0.1, 0.2], np.float32)


def through_client(array):
    return deserialize_bf16_tensor(serialize_bf16_tensor(array).item()).ravel().tolist()


nearest = values.astype(ml_dtypes.bfloat16).astype(np.float32)
cut = (values.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
sent = through_client(values)
print("values:      ", values.tolist())
print("tritonclient:", sent)
print("nearest:     ", nearest.tolist())
print("rounded, then tritonclient: equal to the nearest:", through_client(nearest) == nearest.tolist())

if sent != cut.tolist() or sent == nearest.tolist() or through_client(nearest) != nearest.tolist():
    sys.exit("changed: the client no longer cuts the bits off")
PYTHON

#!/usr/bin/env bash
# Question: Does safetensors write the same file for the same tensors and the same metadata?
# Guess:    Yes: the tensors are sorted, nothing in the format tells the time, and so a digest names the content.
# Truth:    Not with two or more keys of metadata: they are written in the order of a hash map with a random seed, so
#           nearly every process writes other bytes. Layers, caches and deduplication by digest see a new file each
#           time. With one key or none the bytes stay equal.
# Versions: safetensors 0.8.0, numpy 2.4.6, CPython 3.11.
# Seen:
#    0 keys of metadata: more than one digest of 20 files: False; equal when parsed: True
#    1 keys of metadata: more than one digest of 20 files: False; equal when parsed: True
#    8 keys of metadata: more than one digest of 20 files: True; equal when parsed: True
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
  safetensors==0.8.0 numpy==2.4.6 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import hashlib
import json
import sys

import numpy as np
from safetensors.numpy import save

tensors = {"weight": np.ones((2, 2), np.float32), "bias": np.zeros(2, np.float32)}
metadata = {f"key{number}": str(number) for number in range(8)}


def written(keys):
    return [save(tensors, metadata={key: metadata[key] for key in keys}) for _ in range(20)]


counts = {}
for keys in (0, 1, 8):
    files = written(list(metadata)[:keys])
    counts[keys] = len({hashlib.sha256(file).digest() for file in files})
    headers = [json.loads(file[8 : 8 + int.from_bytes(file[:8], "little")]) for file in files]
    same = all(header == headers[0] for header in headers)
    print(f"{keys} keys of metadata: more than one digest of 20 files: {counts[keys] > 1}; equal when parsed: {same}")

if counts[0] != 1 or counts[1] != 1 or counts[8] == 1:
    sys.exit("changed: the order of the metadata no longer varies")
PYTHON

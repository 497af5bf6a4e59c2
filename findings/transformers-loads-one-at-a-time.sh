#!/usr/bin/env bash
# Question: Two threads load models with from_pretrained at the same time. Does each get its own, whole?
# Guess:    Yes: nothing is shared but files that are read; at worst one waits for the other.
# Truth:    No. While it builds a network the library changes settings of the whole process, and threads take them back
#           in another order. Nothing is raised and nothing logged: a model comes back whose parameters lie on the device
#           "meta", without any values. Its first use fails with "Tensor.item() cannot be called on meta tensors" or the
#           like. One lock around every load mends it.
# Versions: transformers 4.57.6, torch 2.13.0, CPython 3.11.
# Seen:
#    one after the other: 0 of 40 without values
#    six at a time: some of 240 without values: True
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
  transformers==4.57.6 torch==2.13.0 numpy==2.4.6 ||
  untried "the packages cannot be installed; is a package index within reach?"

HF_HUB_OFFLINE=1 "$work/env/bin/python" - "$work/model" <<'PYTHON'
import sys
from concurrent.futures import ThreadPoolExecutor

from transformers import BertConfig, BertModel, logging

folder = sys.argv[1]
logging.set_verbosity_error()
sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
BertModel(BertConfig(vocab_size=50, **sizes)).save_pretrained(folder)


def without_values(_turn):
    network = BertModel.from_pretrained(folder)
    return any(parameter.device.type == "meta" for parameter in network.parameters())


with ThreadPoolExecutor(1) as pool:
    alone = sum(pool.map(without_values, range(40)))
with ThreadPoolExecutor(6) as pool:
    together = sum(pool.map(without_values, range(240)))
print(f"one after the other: {alone} of 40 without values")
print(f"six at a time: some of 240 without values: {together > 0}")
if alone or not together:
    sys.exit("changed: models that are loaded at the same time are whole")
PYTHON

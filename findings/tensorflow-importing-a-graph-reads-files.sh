#!/usr/bin/env bash
# Question: Does TensorFlow compute anything when a graph is only imported, before a session runs?
# Guess:    No. Importing makes nodes; operators run when a session fetches something that needs them.
# Truth:    What a shape depends on is computed at once as far as it is made of constants, and ReadFile counts as that:
#           it has no state. So an imported graph has read the file, though nothing asked for a tensor, and it knows a
#           shape that only the file tells.
# Versions: tensorflow-cpu 2.21.0, CPython 3.11.
# Seen:
#    the graph holds no shape, and the file says:  [3, 4]
#    after the import the tensor has the shape:    (3, 4)
#    with another file:                            (2, 6)
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
uv pip install --quiet --python "$work/env" --only-binary :all: tensorflow-cpu==2.21.0 ||
  untried "the packages cannot be installed; is a package index within reach?"

TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=-1 "$work/env/bin/python" - "$work" <<'PYTHON'
import struct
import sys
from pathlib import Path

import tensorflow as tf

file = Path(sys.argv[1], "shape")


def imported(*shape: int) -> tuple[int, ...]:
    file.write_bytes(struct.pack("<2i", *shape))
    with tf.Graph().as_default():
        tf.import_graph_def(described, name="")
        return tuple(tf.compat.v1.get_default_graph().get_tensor_by_name("y:0").shape)


file.write_bytes(struct.pack("<2i", 1, 12))
with tf.Graph().as_default() as graph:
    x = tf.compat.v1.placeholder(tf.float32, [None], name="x")
    tf.reshape(x, tf.ensure_shape(tf.io.decode_raw(tf.io.read_file(str(file)), tf.int32), [2]), name="y")
described = graph.as_graph_def()
seen = [imported(3, 4), imported(2, 6)]
print("the graph holds no shape, and the file says:  [3, 4]")
print("after the import the tensor has the shape:   ", seen[0])
print("with another file:                           ", seen[1])
if seen != [(3, 4), (2, 6)]:
    sys.exit("changed: importing a graph reads no file")
PYTHON

#!/usr/bin/env bash
# Question: A text model of scikit-learn lower-cases its input, which skl2onnx writes as StringNormalizer. Does it load
#           in onnxruntime wherever texts are UTF-8, as with LANG=C.UTF-8?
# Guess:    Yes: nothing in the model names a language, and the session does not look at LANG.
# Truth:    No. The operator asks the C library for the locale "en_US.UTF-8" by name, and the session does not load where
#           that is not compiled, as in Debian's and the official Python images. C.UTF-8 has the same letters: a link of
#           the other name to it, in a folder that LOCPATH names, is enough.
# Versions: onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, CPython 3.11, glibc 2.36.
# Seen:
#    without the locale: Failed to construct locale with name:en_US.UTF-8
#    with C.UTF-8 under its name: ['été']
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
untried() {
  echo "not tried: $*" >&2
  exit 77
}

PATH="$PATH:$(cd "$(dirname "$0")/.." && pwd)/.venv/bin" # the uv of the checkout
command -v uv >/dev/null || untried "this needs uv on PATH"
[ -d /usr/lib/locale/C.utf8 ] || untried "this needs glibc's C.UTF-8 as a folder, as Debian has it"
! locale -a 2>/dev/null | grep -qi '^en_US\.utf' || untried "this machine has en_US.UTF-8"
uv venv --quiet --python 3.11 "$work/env" || untried "this needs Python 3.11"
uv pip install --quiet --python "$work/env" --only-binary :all: onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6 ||
  untried "the packages cannot be installed; is a package index within reach?"

cat >"$work/lower.py" <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper

node = helper.make_node("StringNormalizer", ["x"], ["y"], case_change_action="LOWER")
ends = [helper.make_tensor_value_info(name, TensorProto.STRING, [None]) for name in "xy"]
graph = helper.make_graph([node], "g", ends[:1], ends[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7)
options = onnxruntime.SessionOptions()
options.log_severity_level = 4
try:
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
except Exception as error:
    text = "Failed to construct locale with name:en_US.UTF-8"
    print(text if text in str(error) else error)
else:
    print(session.run(None, {"x": np.array(["ÉTÉ"], object)})[0].tolist())
PYTHON

unset LOCPATH
without=$("$work/env/bin/python" "$work/lower.py")
echo "without the locale: $without"
mkdir "$work/locales"
ln -s /usr/lib/locale/C.utf8 "$work/locales/en_US.utf8"
with=$(LOCPATH="$work/locales" "$work/env/bin/python" "$work/lower.py")
echo "with C.UTF-8 under its name: $with"

[ "$without" = "Failed to construct locale with name:en_US.UTF-8" ] && [ "$with" = "['été']" ] || {
  echo "changed: StringNormalizer asks for another locale, or none" >&2
  exit 1
}

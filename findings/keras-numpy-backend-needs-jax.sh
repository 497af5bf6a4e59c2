#!/usr/bin/env bash
# Question: What must be installed beside Keras 3 for `KERAS_BACKEND=numpy`, its backend for inference without a
#           framework?
# Guess:    numpy.
# Truth:    numpy, SciPy and JAX: the numpy backend takes its Fourier transforms from the JAX backend's modules, and
#           importing Keras ends with "No module named 'jax'". Keras declares neither as a requirement, so an image
#           that was meant to be small fails at its first import.
# Versions: keras 3.15.1, numpy 2.4.6, scipy 1.17.1, CPython 3.11.
# Seen:
#    keras and numpy: ModuleNotFoundError: No module named 'scipy'
#    and SciPy: ModuleNotFoundError: No module named 'jax'
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
  keras==3.15.1 numpy==2.4.6 ||
  untried "the packages cannot be installed; is a package index within reach?"

export KERAS_BACKEND=numpy KERAS_HOME="$work/keras"
imported() { "$work/env/bin/python" -c 'import keras; print("imported")' 2>&1 | tail -n 1 || true; }

plain=$(imported)
echo "keras and numpy: $plain"
uv pip install --quiet --python "$work/env" --only-binary :all: scipy==1.17.1 || untried "SciPy cannot be installed"
with_scipy=$(imported)
echo "and SciPy: $with_scipy"

if [[ $plain != *"No module named 'scipy'" || $with_scipy != *"No module named 'jax'" ]]; then
  echo "changed: the numpy backend needs other packages" >&2
  exit 1
fi

#!/usr/bin/env bash
# Question: A folder that is no git repository holds a package, its model.onnx and a .gitignore with "*.onnx". Is the
#           model in the wheel?
# Guess:    Yes: the file lies inside the package, and without a repository nothing is "ignored". That is how the
#           other backends that take all files do it.
# Truth:    Not with hatchling. It reads .gitignore as a list of what to leave out, git or no git, for wheels and
#           sources alike, and prints nothing. Weights, which nearly every .gitignore names, silently stay behind, and
#           the package fails where it is installed. `artifacts = ["*.onnx"]` brings them back. flit, poetry, pdm and
#           uv_build take the file.
# Versions: hatchling 1.27.0, flit_core 3.12.0, poetry-core 2.2.1, pdm-backend 2.4.6, uv_build 0.9.13, CPython 3.11.
# Seen:
#    hatchling: without the model
#    flit_core: with the model
#    poetry: with the model
#    pdm: with the model
#    uv_build: with the model
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
  hatchling==1.27.0 flit_core==3.12.0 poetry-core==2.2.1 pdm-backend==2.4.6 uv_build==0.9.13 ||
  untried "the packages cannot be installed; is a package index within reach?"

project="$work/project"
mkdir -p "$project/src/demo"
echo '"""A demo."""' >"$project/src/demo/__init__.py"
echo "weights" >"$project/src/demo/model.onnx"
echo "*.onnx" >"$project/.gitignore"

seen=""
for backend in hatchling.build flit_core.buildapi poetry.core.masonry.api pdm.backend uv_build; do
  cat >"$project/pyproject.toml" <<PROJECT
[build-system]
requires = []
build-backend = "$backend"
[project]
name = "demo"
version = "1"
description = "A demo."
PROJECT
  uv build --quiet --wheel --no-build-isolation --python "$work/env" --out-dir "$work/$backend" "$project"
  files=$("$work/env/bin/python" -m zipfile --list "$work/$backend"/*.whl)
  [[ $files == *demo/__init__.py* ]] || untried "$backend leaves the package itself out"
  [[ $files == *demo/model.onnx* ]] && has="with the model" || has="without the model"
  echo "${backend%%.*}: $has"
  seen+="${has%% *} "
done

if [[ $seen != "without with with with with " ]]; then
  echo "changed: other backends leave the file out" >&2
  exit 1
fi

#!/usr/bin/env bash
# Question: A wheel is built, a module is deleted from the sources, the next wheel is built. Is the module gone?
# Guess:    Yes: a wheel is made from the sources.
# Truth:    Not with setuptools. It copies the sources to build/lib and packs that folder, and nothing empties it, so
#           a deleted or renamed module is in every later wheel until somebody removes build/. `uv build --wheel`
#           builds in place; only going through a source archive first avoids it. hatchling packs the sources
#           themselves.
# Versions: setuptools 80.9.0, hatchling 1.27.0, CPython 3.11.
# Seen:
#    setuptools: first wheel: __init__ kept removed; second: __init__ kept removed
#    hatchling: first wheel: __init__ kept removed; second: __init__ kept
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
  setuptools==80.9.0 hatchling==1.27.0 ||
  untried "the packages cannot be installed; is a package index within reach?"

modules() {
  "$work/env/bin/python" -m zipfile --list "$1"/*.whl | sed -nE 's#^demo/([a-z_]+)\.py.*#\1#p' | sort | paste -sd ' '
}

seen=()
for backend in setuptools.build_meta hatchling.build; do
  project="$work/$backend"
  mkdir -p "$project/demo"
  touch "$project/demo/__init__.py" "$project/demo/kept.py" "$project/demo/removed.py"
  cat >"$project/pyproject.toml" <<PROJECT
[build-system]
requires = []
build-backend = "$backend"
[project]
name = "demo"
version = "1"
PROJECT
  uv build --quiet --wheel --no-build-isolation --python "$work/env" --out-dir "$project-first" "$project"
  rm "$project/demo/removed.py"
  uv build --quiet --wheel --no-build-isolation --python "$work/env" --out-dir "$project-second" "$project"
  seen+=("$(modules "$project-second")")
  echo "${backend%%.*}: first wheel: $(modules "$project-first"); second: ${seen[-1]}"
done

if [[ ${seen[0]} != "__init__ kept removed" || ${seen[1]} != "__init__ kept" ]]; then
  echo "changed: the removed module is gone, or others keep it" >&2
  exit 1
fi

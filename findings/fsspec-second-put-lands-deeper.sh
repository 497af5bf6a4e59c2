#!/usr/bin/env bash
# Question: A folder is uploaded twice with `fs.put("export", "/bucket/model", recursive=True)`. What is there after
#           the second time?
# Guess:    The same files, replaced: an object store has no folders that could be "already there", and the call is
#           the same.
# Truth:    A second copy one level deeper. fsspec follows `cp -r`: where the target exists, the folder goes into it,
#           under its own name. The old files stay as they were, so a repeated deployment serves the first one for
#           ever. `get` does the same. Written "export/", with a slash at the end of the source, every call replaces
#           the files.
# Versions: fsspec 2026.9.0, CPython 3.11.
# Seen:
#    put(export, /bucket/model), twice:
#      {'/bucket/model/model.txt': 'first'}
#      {'/bucket/model/export/model.txt': 'second', '/bucket/model/model.txt': 'first'}
#    put(export/, /bucket/slash), twice:
#      {'/bucket/slash/model.txt': 'first'}
#      {'/bucket/slash/model.txt': 'second'}
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
  fsspec==2026.9.0 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import pathlib
import sys

import fsspec

source = pathlib.Path(sys.argv[1]) / "export"
source.mkdir()
store = fsspec.filesystem("memory")


def uploads(spelling, target):
    states = []
    for version in ("first", "second"):
        (source / "model.txt").write_text(version)
        store.put(spelling, target, recursive=True)
        states.append({path: store.cat(path).decode() for path in sorted(store.find(target))})
        print(f"  {states[-1]}")
    return states


print("put(export, /bucket/model), twice:")
plain = uploads(str(source), "/bucket/model")
print("put(export/, /bucket/slash), twice:")
slash = uploads(f"{source}/", "/bucket/slash")

top, below = "/bucket/model/model.txt", "/bucket/model/export/model.txt"
if plain != [{top: "first"}, {top: "first", below: "second"}]:
    sys.exit("changed: the second upload no longer lands one level deeper")
if slash != [{"/bucket/slash/model.txt": "first"}, {"/bucket/slash/model.txt": "second"}]:
    sys.exit("changed: a slash at the end of the source no longer replaces the files")
PYTHON

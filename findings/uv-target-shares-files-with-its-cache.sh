#!/usr/bin/env bash
# Question: A file in a folder that `uv pip install --target` made is edited or stripped. Who sees the change?
# Guess:    Nobody else: the folder is a copy, to be packed into an image and changed at will.
# Truth:    Every folder and environment with that wheel on this disk, and each that is installed later: uv's files
#           are hard links into its cache, so a change in place is a change of the cache. uv does not notice, hashes
#           in a lock or not. `--link-mode copy` gives files of one's own.
# Versions: uv 0.13.9, idna 3.11, CPython 3.11, on Linux (ext4).
# Seen:
#    the change is seen in a folder installed before: yes after: yes copied: no
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
  idna==3.11 ||
  untried "the packages cannot be installed; is a package index within reach?"

export UV_CACHE_DIR="$work/cache" # on the same disk as the folders, and nobody's real cache
unset UV_LINK_MODE
install() {
  uv pip install --quiet --python "$work/env" --target "$work/$1" "${@:2}" idna==3.11 ||
    untried "uv cannot install idna"
}
has_change() { grep -q '^# edited$' "$work/$1/idna/core.py" && echo yes || echo no; }

install edited
install before
install copied --link-mode copy
[[ $(stat -c %h "$work/edited/idna/core.py") != 1 ]] || untried "the file system clones files, or has no hard links"
echo "# edited" >>"$work/edited/idna/core.py"
install after
seen=()
for folder in before after copied; do
  seen+=("$folder: $(has_change "$folder")")
done
echo "the change is seen in a folder installed ${seen[*]}"

if [[ ${seen[*]} != "before: yes after: yes copied: no" ]]; then
  echo "changed: folders no longer share their files" >&2
  exit 1
fi

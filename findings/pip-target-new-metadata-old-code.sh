#!/usr/bin/env bash
# Question: `pip install --target FOLDER idna==3.11` where FOLDER holds idna 3.10. What is there afterwards?
# Guess:    Version 3.11; or an error and version 3.10.
# Truth:    A mixture, and exit status 0 with "Successfully installed idna-3.11". The folder idna/ exists, so the old
#           code stays, with a warning; idna-3.11.dist-info is new, so it is put beside idna-3.10.dist-info. What runs
#           is 3.10, what a scanner or a lock check reads may be either. An image layer built twice into one folder
#           ends so. --upgrade replaces the code; uv replaces code and metadata.
# Versions: pip 26.2, uv 0.13.9, idna 3.10 and 3.11, CPython 3.11.
# Seen:
#    pip says: Successfully installed idna-3.11
#    pip leaves: idna-3.10.dist-info idna-3.11.dist-info, code 3.10
#    uv leaves: idna-3.11.dist-info, code 3.11
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
  pip==26.2 ||
  untried "the packages cannot be installed; is a package index within reach?"

look() {
  (cd "$work/$1" && printf '%s\n' *.dist-info | paste -sd ' ')
  PYTHONPATH="$work/$1" "$work/env/bin/python" -c 'import idna; print("code", idna.__version__)'
}

for version in 3.10 3.11; do
  "$work/env/bin/python" -m pip install --target "$work/by-pip" "idna==$version" >"$work/out" 2>"$work/log" ||
    untried "pip cannot install idna $version: $(tail -n 1 "$work/log")"
done
said=$(tail -n 1 "$work/out")
echo "pip says: $said"
by_pip=$(look by-pip)
echo "pip leaves: ${by_pip//$'\n'/, }"

for version in 3.10 3.11; do
  uv pip install --quiet --python "$work/env" --target "$work/by-uv" "idna==$version" ||
    untried "uv cannot install idna $version"
done
by_uv=$(look by-uv)
echo "uv leaves: ${by_uv//$'\n'/, }"

if [[ $said != "Successfully installed idna-3.11" ||
  $by_pip != $'idna-3.10.dist-info idna-3.11.dist-info\ncode 3.10' ||
  $by_uv != $'idna-3.11.dist-info\ncode 3.11' ]]; then
  echo "changed: a folder with an older version ends in another state" >&2
  exit 1
fi

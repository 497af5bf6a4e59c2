#!/usr/bin/env bash
# Question: `pip download --platform win_amd64 click` collects a Windows image's wheels on Linux. Is colorama among
#           them, which click needs on Windows?
# Guess:    Yes: the target's platform decides what is taken, so it decides what is needed.
# Truth:    No. --platform chooses wheels by their tags only; environment markers ("platform_system == 'Windows'") are
#           still answered by the interpreter that runs pip. The folder installs nowhere without an index, and nothing
#           says so. uv's --python-platform answers the markers for the target as well.
# Versions: pip 26.2, uv 0.13.9, click 8.3.1, CPython 3.11 on Linux.
# Seen:
#    pip download --platform win_amd64:        click
#    uv pip install --python-platform windows: click colorama
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

[[ $(uname -s) != *NT* ]] || untried "this needs a machine that does not run Windows"

"$work/env/bin/python" -m pip download --quiet --only-binary :all: --platform win_amd64 --dest "$work/pip" \
  click==8.3.1 2>"$work/log" || untried "pip cannot download click: $(tail -n 1 "$work/log")"
uv pip install --quiet --python "$work/env" --python-platform windows --only-binary :all: --target "$work/uv" \
  click==8.3.1 || untried "uv cannot install click"

listed() { (cd "$1" && printf '%s\n' * | sed -nE 's/^([a-z]+)-[0-9].*/\1/p' | sort | paste -sd ' '); }
by_pip=$(listed "$work/pip")
by_uv=$(listed "$work/uv")
echo "pip download --platform win_amd64:        $by_pip"
echo "uv pip install --python-platform windows: $by_uv"

if [[ $by_pip != "click" || $by_uv != "click colorama" ]]; then
  echo "changed: pip answers markers for the target, or uv does not" >&2
  exit 1
fi

#!/usr/bin/env bash
# Question: May threads load .npy files at the same time, each a file of its own in memory?
# Guess:    Yes: numpy.load shares nothing, and the worst would be that threads wait for each other.
# Truth:    Not on CPython 3.11, in a program whose garbage has finalizers. numpy reads a header with ast.literal_eval,
#           which counts its depth in one place for all threads there. Where the collector comes in the middle of it, a
#           finalizer lets another thread in, and one of the two ends in SystemError, about once in some thousand loads of
#           a table of 30 columns. packaging reads the markers of requirements the same way. With a lock around it, and
#           on 3.12, which collects elsewhere, every file is read.
# Versions: numpy 2.4.6, CPython 3.11.7 (and 3.12.1 where it is there).
# Seen:
#    3.11: SystemError: AST constructor recursion depth mismatch
#    3.11, under a lock: every file is read
#    3.12: every file is read
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
untried() {
  echo "not tried: $*" >&2
  exit 77
}

PATH="$PATH:$(cd "$(dirname "$0")/.." && pwd)/.venv/bin" # the uv of the checkout
command -v uv >/dev/null || untried "this needs uv on PATH"

cat >"$work/threads.py" <<'PYTHON'
import contextlib
import io
import sys
import threading
import time

import numpy as np


class Resource:
    """Garbage as sessions and locks make it: a circle that closes something when it is collected."""

    def __init__(self):
        self.itself = self

    def __del__(self):
        time.sleep(0.0002)  # whatever lets other threads run, such as closing a file


file = io.BytesIO()
np.save(file, np.zeros(3, dtype=[(f"column{number}", "<f8") for number in range(30)]))
failed = set()
guard = threading.Lock() if sys.argv[2] == "locked" else contextlib.nullcontext()


def load(depth):
    if depth:
        load(depth - 1)
        return
    for _ in range(600):
        Resource()
        try:
            with guard:
                np.load(io.BytesIO(file.getvalue()))
        except SystemError as error:
            failed.add(f"SystemError: {error}".partition(" (")[0])


for _ in range(int(sys.argv[1])):
    threads = [threading.Thread(target=load, args=(number * 5,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        break
print("; ".join(sorted(failed)) or "every file is read")
PYTHON

for version in 3.11 3.12; do
  uv venv --quiet --python "$version" "$work/$version" 2>/dev/null || {
    [ "$version" != 3.11 ] || untried "this needs Python 3.11"
    continue
  }
  uv pip install --quiet --python "$work/$version" --only-binary :all: numpy==2.4.6 ||
    untried "the packages cannot be installed; is a package index within reach?"
done
free=$("$work/3.11/bin/python" "$work/threads.py" 20 free)
locked=$("$work/3.11/bin/python" "$work/threads.py" 2 locked)
echo "3.11: $free"
echo "3.11, under a lock: $locked"
later="every file is read"
if [ -d "$work/3.12" ]; then
  later=$("$work/3.12/bin/python" "$work/threads.py" 2 free)
  echo "3.12: $later"
fi
if [ "$free" != "SystemError: AST constructor recursion depth mismatch" ] ||
  [ "$locked$later" != "every file is readevery file is read" ]; then
  echo "changed: threads load files side by side, or fail in another way" >&2
  exit 1
fi

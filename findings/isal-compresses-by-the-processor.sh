#!/usr/bin/env bash
# Question: The same wheel compresses the same bytes at the same level on two processors. Are the outputs equal?
# Guess:    Yes: the code paths for newer instructions are quicker ways to the same result.
# Truth:    Not with isal (ISA-L), whose output depends on whether there is SSE 4.2 or AVX. libdeflate and zlib-ng find the
#           same matches on every path.
# Versions: isal 1.9.1, zlib-ng 1.1.0, deflate 0.9.0 (libdeflate), qemu-user 7.2, CPython 3.11.
# Seen:
#    isal, level 1: 2 outputs on qemu64, Nehalem, Haswell
#    isal, level 3: 2 outputs on qemu64, Nehalem, Haswell
#    zlib-ng, level 2: 1 output on qemu64, Nehalem, Haswell
#    zlib-ng, level 6: 1 output on qemu64, Nehalem, Haswell
#    deflate, level 1: 1 output on qemu64, Nehalem, Haswell
#    deflate, level 6: 1 output on qemu64, Nehalem, Haswell
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
untried() {
  echo "not tried: $*" >&2
  exit 77
}

PATH="$PATH:$(cd "$(dirname "$0")/.." && pwd)/.venv/bin" # the uv of the checkout
command -v uv >/dev/null || untried "this needs uv on PATH"
command -v qemu-x86_64 >/dev/null || untried "this needs Debian's qemu-user"
[ "$(uname -m)" = x86_64 ] || untried "this needs an x86-64 machine"
uv venv --quiet --python 3.11 "$work/env" || untried "this needs Python 3.11"
uv pip install --quiet --python "$work/env" --only-binary :all: \
  isal==1.9.1 zlib-ng==1.1.0 deflate==0.9.0 ||
  untried "the packages cannot be installed; is a package index within reach?"

cat >"$work/outputs.py" <<'PYTHON'
import hashlib

import deflate
from isal import isal_zlib
from zlib_ng import zlib_ng

noise = hashlib.shake_256(b"noise").digest(200_000)
text = b" ".join(b"layer_%d/kernel:%d" % (number, number * 7919 % 65536) for number in range(20_000))
data = text + noise + bytes(200_000)
for name, library, levels in (("isal", isal_zlib, (1, 3)), ("zlib-ng", zlib_ng, (2, 6))):
    for level in levels:
        packer = library.compressobj(level, library.DEFLATED, 31)
        print(f"{name}, level {level}:", hashlib.sha256(packer.compress(data) + packer.flush()).hexdigest())
for level in (1, 6):
    print(f"deflate, level {level}:", hashlib.sha256(deflate.gzip_compress(data, level)).hexdigest())
PYTHON

for cpu in qemu64 Nehalem Haswell; do
  qemu-x86_64 -cpu "$cpu" "$work/env/bin/python" "$work/outputs.py" >"$work/$cpu" 2>/dev/null ||
    untried "qemu-x86_64 does not run this Python"
done

"$work/env/bin/python" - "$work" <<'PYTHON'
import sys
from collections import defaultdict
from pathlib import Path

found = defaultdict(set)
for cpu in ("qemu64", "Nehalem", "Haswell"):
    for line in Path(sys.argv[1], cpu).read_text().splitlines():
        name, digest = line.rsplit(" ", 1)
        found[name].add(digest)
for name, digests in found.items():
    print(f"{name} {len(digests)} output{'s'[:len(digests) > 1]} on qemu64, Nehalem, Haswell")
assert all((len(digests) > 1) == name.startswith("isal") for name, digests in found.items())
PYTHON

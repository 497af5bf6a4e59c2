#!/usr/bin/env bash
# Question: What does python-zstandard make of two zstd frames one behind the other, as `cat`, pzstd and the
#           zstd:chunked layers of images make them?
# Guess:    The content of both: that is what the format says, what the `zstd` program does and what gzip's readers
#           do.
# Truth:    It depends on the call. `ZstdDecompressor.decompress` and `read_to_iter` return the first frame and drop
#           the rest without an error; `stream_reader`, `copy_stream` and `zstandard.open` return both. An image layer
#           unpacked by the wrong one is short and no exception says so.
# Versions: zstandard 0.25.0, CPython 3.11.
# Seen:
#    decompress: first,
#    read_to_iter: first,
#    stream_reader: first,second
#    copy_stream: first,second
#    zstandard.open: first,second
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
  zstandard==0.25.0 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import io
import sys

import zstandard

compress, tool = zstandard.ZstdCompressor().compress, zstandard.ZstdDecompressor
frames = compress(b"first,") + compress(b"second")


def copied():
    target = io.BytesIO()
    tool().copy_stream(io.BytesIO(frames), target)
    return target.getvalue()


seen = {
    "decompress": tool().decompress(frames),
    "read_to_iter": b"".join(tool().read_to_iter(io.BytesIO(frames))),
    "stream_reader": tool().stream_reader(io.BytesIO(frames)).read(),
    "copy_stream": copied(),
    "zstandard.open": zstandard.open(io.BytesIO(frames)).read(),
}
for name, content in seen.items():
    print(f"{name}: {content.decode()}")

one, both = b"first,", b"first,second"
if list(seen.values()) != [one, one, both, both, both]:
    sys.exit("changed: other calls read all frames, or fewer do")
PYTHON

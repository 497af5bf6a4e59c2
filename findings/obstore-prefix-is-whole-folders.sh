#!/usr/bin/env bash
# Question: Which objects does obstore list under the prefix "mod"?
# Guess:    All whose names begin so, "model.onnx" and "models/a.bin", as S3, Swift and Google Cloud Storage define a
#           prefix.
# Truth:    None. The prefix is taken as a path of whole segments: it matches what is in a folder "mod". Code ported
#           from boto3 that lists by "2026-11" or "model-v" finds nothing, and no error tells why. It is alike for
#           memory and local disk, and for `list_with_delimiter`. A slash at the end of a name is dropped when
#           writing, too, so the marker "dir/" becomes an object "dir".
# Versions: obstore 0.12.1, CPython 3.11.
# Seen:
#    MemoryStore
#      prefix '': ['dir', 'model.onnx', 'models/a.bin']
#      prefix 'mod': []
#      prefix 'models': ['models/a.bin']
#      prefix 'models/': ['models/a.bin']
#      list_with_delimiter('mod'): 0 entries
#    LocalStore
#      prefix '': ['dir', 'model.onnx', 'models/a.bin']
#      prefix 'mod': []
#      prefix 'models': ['models/a.bin']
#      prefix 'models/': ['models/a.bin']
#      list_with_delimiter('mod'): 0 entries
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
  obstore==0.12.1 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import sys

import obstore
from obstore.store import LocalStore, MemoryStore


def listed(store, prefix):
    return sorted(item["path"] for chunk in obstore.list(store, prefix=prefix) for item in chunk)


seen = []
for store in (MemoryStore(), LocalStore(sys.argv[1] + "/objects", mkdir=True)):
    for name in ("model.onnx", "models/a.bin", "dir/"):
        obstore.put(store, name, b"content")
    delimited = obstore.list_with_delimiter(store, "mod")
    found = {prefix: listed(store, prefix) for prefix in ("", "mod", "models", "models/")}
    seen.append((found, len(delimited["objects"]) + len(delimited["common_prefixes"])))
    print(type(store).__name__)
    for prefix, names in found.items():
        print(f"  prefix {prefix!r}: {names}")
    print(f"  list_with_delimiter('mod'): {seen[-1][1]} entries")

inside = ["models/a.bin"]
expected = ({"": ["dir", "model.onnx", *inside], "mod": [], "models": inside, "models/": inside}, 0)
if seen != [expected, expected]:
    sys.exit("changed: a prefix matches other names")
PYTHON

#!/usr/bin/env bash
# Question: What does orjson make of an integer beyond 64 bits, such as a hash or an id?
# Guess:    A Python int, as json does; or an error, since its dumps refuses such integers.
# Truth:    A float, silently, with what is left of the digits: two ids become one. json, msgspec, pydantic and ujson
#           give the exact int. It happens from 2**64 on and below -2**63; one less is still exact. So dumps(loads(x))
#           is other JSON, though dumps itself refuses the integer. And 1e400, which json reads as inf, is an error.
# Versions: orjson 3.13.0, msgspec 0.22.0, pydantic_core 2.50.5, ujson 6.1.0, CPython 3.11.
# Seen:
#    orjson: 18446744073709551615 -> int, 18446744073709551616 -> float, -9223372036854775809 -> float
#    json: 18446744073709551615 -> int, 18446744073709551616 -> int, -9223372036854775809 -> int
#    msgspec: 18446744073709551615 -> int, 18446744073709551616 -> int, -9223372036854775809 -> int
#    pydantic_core: 18446744073709551615 -> int, 18446744073709551616 -> int, -9223372036854775809 -> int
#    ujson: 18446744073709551615 -> int, 18446744073709551616 -> int, -9223372036854775809 -> int
#    orjson: back: b'[1.8446744073709552e+19]'; two ids of 30 digits are equal: True; dumps of the int: refused
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
  orjson==3.13.0 msgspec==0.22.0 pydantic_core==2.50.5 ujson==6.1.0 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import json
import sys

import msgspec
import orjson
import pydantic_core
import ujson

readers = {
    "orjson": orjson.loads,
    "json": json.loads,
    "msgspec": msgspec.json.decode,
    "pydantic_core": pydantic_core.from_json,
    "ujson": ujson.loads,
}
texts = (str(2**64 - 1), str(2**64), str(-(2**63) - 1))
seen = {}
for name, read in readers.items():
    seen[name] = [type(read(text)).__name__ for text in texts]
    print(f"{name}: " + ", ".join(f"{text} -> {kind}" for text, kind in zip(texts, seen[name], strict=True)))

back = orjson.dumps(orjson.loads(f"[{2**64}]"))
same = orjson.loads("123456789012345678901234567890") == orjson.loads("123456789012345678901234567891")
try:
    written = orjson.dumps(2**64)
except orjson.JSONEncodeError:
    written = "refused"
print(f"orjson: back: {back}; two ids of 30 digits are equal: {same}; dumps of the int: {written}")

others = all(kinds == ["int"] * 3 for name, kinds in seen.items() if name != "orjson")
if not others or seen["orjson"] != ["int", "float", "float"] or not same or written != "refused":
    sys.exit("changed: large integers are read in another way")
PYTHON

#!/usr/bin/env bash
# Question: What does `import jsonschema` cost with the extra `format-nongpl`, which cyclonedx-python-lib's own checks
#           ask for, when no format is ever checked?
# Guess:    A few milliseconds more than without: an extra adds modules, and they are used when a format is checked.
# Truth:    The import looks for rfc3987-syntax, and that one builds 39 parsers out of grammars while it is imported: most
#           of the time of the import, paid by each process that imports it, checked format or not. The extra `format`
#           takes another package and builds none.
# Versions: jsonschema 4.26.0, rfc3987-syntax 1.1.0, lark 1.3.1, CPython 3.11.
# Seen:
#    without an extra: 0 parsers
#    format: 0 parsers
#    format-nongpl: 39 parsers, over 5 times the CPU time of the import without an extra
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
untried() {
  echo "not tried: $*" >&2
  exit 77
}

PATH="$PATH:$(cd "$(dirname "$0")/.." && pwd)/.venv/bin" # the uv of the checkout
command -v uv >/dev/null || untried "this needs uv on PATH"

cat >"$work/imported.py" <<'PYTHON'
import sys
import time

built = 0
try:
    import lark
except ImportError:
    pass
else:
    make = lark.Lark.__init__

    def counted(*args, **kwargs):
        global built
        built += 1
        make(*args, **kwargs)

    lark.Lark.__init__ = counted
began = time.process_time()
import jsonschema

print(built, time.process_time() - began)
PYTHON

for extra in "" format format-nongpl; do
  env="$work/env-$extra"
  uv venv --quiet --python 3.11 "$env" || untried "this needs Python 3.11"
  uv pip install --quiet --python "$env" --only-binary :all: "jsonschema${extra:+[$extra]}==4.26.0" \
    ${extra:+$([ "$extra" = format ] || echo rfc3987-syntax==1.1.0 lark==1.3.1)} ||
    untried "the packages cannot be installed; is a package index within reach?"
  "$env/bin/python" "$work/imported.py" >/dev/null # byte-code
  "$env/bin/python" "$work/imported.py" >"$work/seen-$extra"
done

python3 - "$work" <<'PYTHON'
import sys
from pathlib import Path

seen = {extra: Path(sys.argv[1], f"seen-{extra}").read_text().split() for extra in ("", "format", "format-nongpl")}
built = {extra: int(count) for extra, (count, _) in seen.items()}
plain, full = (float(seen[extra][1]) for extra in ("", "format-nongpl"))
for extra, count in built.items():
    more = ", over 5 times the CPU time of the import without an extra" if full > 5 * plain and count else ""
    print(f"   {extra or 'without an extra'}: {count} parsers{more}")
print(f"{plain:.2f} s and {full:.2f} s of CPU time here", file=sys.stderr)
sys.exit(built != {"": 0, "format": 0, "format-nongpl": 39} or full <= 5 * plain)
PYTHON

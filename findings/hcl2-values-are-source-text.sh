#!/usr/bin/env bash
# Question: What does python-hcl2 give for `name = "app"` in a Terraform file, and for numbers and heredocs?
# Guess:    The values, as a JSON parser would: 'app', 1000.0 for 1e3, and the lines of the heredoc.
# Truth:    Texts keep their quotes, block labels too, a heredoc keeps its markers, and 1e3 is the text '${1e3}', while
#           1.50 and 7 are numbers. Comparing a field with the value it was written with fails.
# Versions: python-hcl2 8.1.4, CPython 3.11.
# Seen:
#    name = "app"     -> '"app"'
#    replicas = 7     -> 7
#    share = 1.50     -> 1.5
#    rate = 1e3       -> '${1e3}'
#    note = <<EOT ... -> '"<<EOT\nline\nEOT"'
#    resource "a" "b" -> ['"a"']
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
uv pip install --quiet --python "$work/env" --only-binary :all: python-hcl2==8.1.4 lark==1.3.1 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - <<'PYTHON'
import sys

import hcl2

TEXT = """resource "a" "b" {
  name = "app"
  replicas = 7
  share = 1.50
  rate = 1e3
  note = <<EOT
line
EOT
}
"""
(block,) = hcl2.loads(TEXT)["resource"]
((label, inner),) = block.items()
((_, fields),) = inner.items()
print(f"""name = "app"     -> {fields['name']!r}
replicas = 7     -> {fields['replicas']!r}
share = 1.50     -> {fields['share']!r}
rate = 1e3       -> {fields['rate']!r}
note = <<EOT ... -> {fields['note']!r}
resource "a" "b" -> {list(block)!r}""")
seen = (fields["name"], fields["replicas"], fields["share"], fields["rate"], fields["note"], label)
if seen != ('"app"', 7, 1.5, "${1e3}", '"<<EOT\nline\nEOT"', '"a"'):
    sys.exit("changed: values have another form")
PYTHON

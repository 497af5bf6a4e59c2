#!/usr/bin/env bash
# Question: What does gguf's writer do with an empty list or an empty text?
# Guess:    It writes an array of length 0 and a text of length 0; both exist in the format.
# Truth:    It leaves the key out, without a word: `add_array` and `add_string` return early. A reader cannot tell "no
#           merges" from "nobody said", and a reader that demands the key fails at a file that its writer took for
#           complete. `add_key_value` writes the empty text; it refuses the empty list when the file is written.
# Versions: gguf 0.19.0, numpy 2.4.6, CPython 3.11.
# Seen:
#    add_array, add_string: ['test.merges', 'test.template']
#    add_key_value of '': ['test.text']
#    add_key_value of []: refused: Invalid GGUF metadata array. Empty array
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
  gguf==0.19.0 numpy==2.4.6 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import pathlib
import sys

from gguf import GGUFReader, GGUFValueType, GGUFWriter

folder = pathlib.Path(sys.argv[1])


def keys(name, fill):
    writer = GGUFWriter(folder / name, "llama")
    fill(writer)
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
    except ValueError as error:
        return f"refused: {error}"
    writer.write_tensors_to_file()
    writer.close()
    return [key for key in GGUFReader(folder / name).fields if key.startswith("test.")]


def by_methods(writer):
    writer.add_array("test.merges", ["a b"])
    writer.add_array("test.no_merges", [])
    writer.add_string("test.template", "x")
    writer.add_string("test.no_template", "")


seen = {
    "add_array, add_string": keys("methods", by_methods),
    "add_key_value of ''": keys("text", lambda writer: writer.add_key_value("test.text", "", GGUFValueType.STRING)),
    "add_key_value of []": keys("list", lambda writer: writer.add_key_value("test.list", [], GGUFValueType.ARRAY)),
}
for label, found in seen.items():
    print(f"{label}: {found}")

methods, text, empty_list = seen.values()
if methods != ["test.merges", "test.template"] or text != ["test.text"] or "refused" not in empty_list:
    sys.exit("changed: empty values are written in another way")
PYTHON

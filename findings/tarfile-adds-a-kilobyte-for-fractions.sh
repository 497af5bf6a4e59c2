#!/usr/bin/env bash
# Question: How many bytes of a tar archive does Python's `tarfile.add` need for a file of one byte, with a date in
#           whole seconds?
# Guess:    1024: one block of header, one of content.
# Truth:    2048. The date comes from os.stat as a float, and for a float the default format (PAX) writes an extended
#           header of two blocks, although ".0" says no more than the ordinary one. A layer of 40,000 small files
#           grows by 40 MB. A filter with `entry.mtime = int(entry.mtime)` gives what one expects.
# Versions: CPython 3.11 (3.9, 3.12 and 3.13 alike); no package is needed.
# Seen:
#    default: 2048 bytes, extended header {'mtime': '1700000000.0'}
#    mtime as an integer: 1024 bytes, extended header {}
#    GNU format: 1024 bytes, extended header {}
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
untried() {
  echo "not tried: $*" >&2
  exit 77
}

command -v python3 >/dev/null || untried "this needs python3"
python3 - "$work" <<'PYTHON'
import io
import os
import pathlib
import sys
import tarfile

file = pathlib.Path(sys.argv[1]) / "file"
file.write_bytes(b"x")
os.utime(file, (1_700_000_000, 1_700_000_000))


def whole(entry):
    entry.mtime = int(entry.mtime)
    return entry


def added(**how):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=how.pop("format", tarfile.DEFAULT_FORMAT)) as archive:
        archive.add(file, "file", **how)
        size = archive.offset
    target.seek(0)
    with tarfile.open(fileobj=target) as archive:
        return size, archive.getmember("file").pax_headers


seen = {
    "default": added(),
    "mtime as an integer": added(filter=whole),
    "GNU format": added(format=tarfile.GNU_FORMAT),
}
for label, (size, extended) in seen.items():
    print(f"{label}: {size} bytes, extended header {extended}")

if [size for size, _ in seen.values()] != [2048, 1024, 1024]:
    sys.exit("changed: the archive has another size")
PYTHON

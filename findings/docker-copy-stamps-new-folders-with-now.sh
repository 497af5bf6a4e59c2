#!/usr/bin/env bash
# Question: A build context has every date set to 0, and its Dockerfile says `COPY file /new/folder/`. Do two builds
#           give the same layer?
# Guess:    Yes: the layer holds what is copied, with the dates of the context.
# Truth:    The file has the context's date; /new and /new/folder, which COPY makes, have the time of the build, so
#           every build has another digest. Copying a tree that already has the folders (`COPY tree/ /`) keeps the
#           dates of all, and two builds are equal.
# Versions: docker-py 7.2.0, Docker Engine 20.10.24 (the classic builder, which the API uses), CPython 3.11.
# Seen:
#    COPY file /new/folder/: two builds equal: False
#      with the context's date: ['new/folder/file']
#    COPY tree/ /: two builds equal: True
#      with the context's date: ['new', 'new/folder', 'new/folder/file']
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
  docker==7.2.0 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import io
import sys
import tarfile
import time

import docker

try:
    client = docker.from_env()
    client.ping()
except docker.errors.DockerException as error:
    print(f"not tried: this needs a Docker engine: {error}", file=sys.stderr)
    sys.exit(77)


def context(files):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.mtime = 0
            entry.mode = 0o644 if content else 0o755
            entry.type = tarfile.REGTYPE if content else tarfile.DIRTYPE
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    target.seek(0)
    return target


def build(files):
    """The digest of the layer, and its entries that have the date 0."""
    image, _ = client.images.build(fileobj=context(files), custom_context=True, nocache=True, rm=True)
    container = client.containers.create(image, ["none"])
    try:
        exported = io.BytesIO(b"".join(container.export()))
    finally:
        container.remove()
        client.images.remove(image.id, force=True)
    with tarfile.open(fileobj=exported) as archive:
        ours = [entry for entry in archive if entry.name.split("/")[0] == "new"]
        dated = [entry.name for entry in ours if entry.mtime == 0]
    return image.attrs["RootFS"]["Layers"][-1], dated


contexts = {
    "COPY file /new/folder/": {"Dockerfile": b"FROM scratch\nCOPY file /new/folder/\n", "file": b"x"},
    "COPY tree/ /": {
        "Dockerfile": b"FROM scratch\nCOPY tree/ /\n",
        **dict.fromkeys(("tree", "tree/new", "tree/new/folder"), b""),
        "tree/new/folder/file": b"x",
    },
}
seen = []
for line, files in contexts.items():
    first, dated = build(files)
    time.sleep(1.1)  # dates in layers are whole seconds
    second, _ = build(files)
    seen.append((first == second, dated))
    print(f"{line}: two builds equal: {first == second}")
    print(f"  with the context's date: {dated}")

file, folders = "new/folder/file", ["new", "new/folder"]
if seen != [(False, [file]), (True, [*folders, file])]:
    sys.exit("changed: folders that COPY makes have another date")
PYTHON

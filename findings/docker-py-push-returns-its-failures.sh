#!/usr/bin/env bash
# Question: What does docker-py do when `images.push` cannot reach the registry?
# Guess:    It raises an APIError, as `images.pull` does.
# Truth:    It returns. The engine answers 200 and then streams its progress, and the failure is the last line of that
#           stream: a text of JSON lines with "errorDetail". A script that does not read the returned text reports
#           success. With `stream=True, decode=True` look for the key "error" in each line.
# Versions: docker-py 7.2.0, Docker Engine 20.10.24, CPython 3.11.
# Seen:
#    push: returned str
#    its last line has the keys: ['error', 'errorDetail']
#    pull: raised APIError
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
import json
import sys
import tarfile

import docker

try:
    client = docker.from_env()
    client.ping()
except docker.errors.DockerException as error:
    print(f"not tried: this needs a Docker engine: {error}", file=sys.stderr)
    sys.exit(77)

context, recipe = io.BytesIO(), b"FROM scratch\nLABEL demo=push\n"
with tarfile.open(fileobj=context, mode="w") as archive:
    entry = tarfile.TarInfo("Dockerfile")
    entry.size = len(recipe)
    archive.addfile(entry, io.BytesIO(recipe))
context.seek(0)
client.images.build(fileobj=context, custom_context=True, rm=True, tag="127.0.0.1:1/demo:1")  # nobody is there


def outcome(call):
    try:
        return f"returned {type(call()).__name__}"
    except docker.errors.APIError as error:
        return f"raised {type(error).__name__}"


try:
    pushed = outcome(lambda: client.images.push("127.0.0.1:1/demo", "1"))
    said = [json.loads(line) for line in client.images.push("127.0.0.1:1/demo", "1").splitlines() if line.strip()]
    pulled = outcome(lambda: client.images.pull("127.0.0.1:1/other", "1"))
finally:
    client.images.remove("127.0.0.1:1/demo:1", force=True)
print("push:", pushed)
print("its last line has the keys:", sorted(said[-1]))
print("pull:", pulled)

if pushed != "returned str" or sorted(said[-1]) != ["error", "errorDetail"] or not pulled.startswith("raised"):
    sys.exit("changed: a push that fails is told in another way")
PYTHON

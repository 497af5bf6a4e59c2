#!/usr/bin/env bash
# Question: A bucket holds "a.bin" and "x//y". What does obstore list?
# Guess:    Both names, or at least "a.bin": S3 takes any text as a key.
# Truth:    Nothing. Every key of an answer is made into a path of non-empty parts before any is given out, so one key
#           with an empty part (or with the part "." or "..") raises InvalidPathError for the whole page of up to 1,000.
#           `list_with_delimiter` raises only where such a part is on its own level, so the folders can be walked one
#           by one. And the marker "dir/" is listed as "dir", for which HEAD answers 404.
# Versions: obstore 0.12.1, moto 5.2.5 as the S3 server, boto3 1.44.8, CPython 3.11.
# Seen:
#      list: InvalidPathError
#      list_with_delimiter: ['a.bin'] and ['dir', 'x']
#      list("dir"): ['dir'], head("dir"): FileNotFoundError
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
  obstore==0.12.1 'moto[s3]==5.2.5' boto3==1.44.8 flask==3.1.3 flask-cors==6.0.5 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" 2>"$work/log" - <<'PYTHON'
import sys

import boto3
import obstore
from moto.server import ThreadedMotoServer
from obstore.exceptions import BaseError
from obstore.store import S3Store

server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
host, port = server.get_host_and_port()
url = f"http://{host}:{port}"
keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys)
client.create_bucket(Bucket="bucket")
for name in ("a.bin", "dir/", "x//y"):
    client.put_object(Bucket="bucket", Key=name, Body=b"")
store = S3Store("bucket", endpoint=url, region="us-east-1", client_options={"allow_http": True}, config=keys)


def told(call):
    try:
        return call()
    except (BaseError, OSError) as error:
        return type(error).__name__


def listed(prefix):
    return [item["path"] for chunk in obstore.list(store, prefix=prefix) for item in chunk]


level = obstore.list_with_delimiter(store)
seen = (
    told(lambda: listed(None)),
    [item["path"] for item in level["objects"]],
    level["common_prefixes"],
    told(lambda: listed("dir")),
    told(lambda: obstore.head(store, "dir")),
)
server.stop()
print(f"  list: {seen[0]}")
print(f"  list_with_delimiter: {seen[1]} and {seen[2]}")
print(f'  list("dir"): {seen[3]}, head("dir"): {seen[4]}')
if seen != ("InvalidPathError", ["a.bin"], ["dir", "x"], ["dir"], "FileNotFoundError"):
    sys.exit("changed: other names are listed")
PYTHON

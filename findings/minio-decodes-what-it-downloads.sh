#!/usr/bin/env bash
# Question: An object was put with Content-Encoding: gzip. Which bytes do the S3 clients of Python download?
# Guess:    The stored ones, as S3 hands them out: size and checksum belong to those.
# Truth:    boto3 and obstore give the stored bytes. minio decodes them, also in fget_object: the file that it writes
#           has another size than stat_object says, and another MD5 than the ETag.
# Versions: minio 7.2.20, boto3 1.44.8, obstore 0.12.1, urllib3 2.8.0, moto 5.2.5 as the server, CPython 3.11.
# Seen:
#    stored: 29 bytes
#    boto3: get_object 29
#    obstore: get 29
#    minio: stat_object 29, get_object 1000, fget_object 1000; MD5 is the ETag: False
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
  minio==7.2.20 boto3==1.44.8 obstore==0.12.1 urllib3==2.8.0 "moto[server,s3]==5.2.5" ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import gzip
import hashlib
import logging
import os
import sys
from pathlib import Path

import boto3
import minio
import obstore
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
logging.getLogger("werkzeug").disabled = True
place, key, secret, region = ("models", "score.json"), "key", "secret", "us-east-1"
stored = gzip.compress(b"x" * 1000, mtime=0)
file = Path(sys.argv[1], "score.json")

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
address = f"127.0.0.1:{server.get_host_and_port()[1]}"
try:
    amazon = boto3.client(
        "s3",
        endpoint_url=f"http://{address}",
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )
    amazon.create_bucket(Bucket=place[0])
    amazon.put_object(Bucket=place[0], Key=place[1], Body=stored, ContentEncoding="gzip")
    by_boto3 = amazon.get_object(Bucket=place[0], Key=place[1])["Body"].read()

    store = S3Store(
        place[0],
        endpoint=f"http://{address}",
        region=region,
        access_key_id=key,
        secret_access_key=secret,
        client_options={"allow_http": True},
    )
    by_obstore = bytes(obstore.get(store, place[1]).bytes())

    client = minio.Minio(endpoint=address, access_key=key, secret_key=secret, secure=False, region=region)
    stat = client.stat_object(bucket_name=place[0], object_name=place[1])
    by_minio = client.get_object(bucket_name=place[0], object_name=place[1]).read()
    client.fget_object(bucket_name=place[0], object_name=place[1], file_path=str(file))
finally:
    server.stop()

written = file.read_bytes()
is_etag = hashlib.md5(written).hexdigest() == stat.etag.strip('"')
print(f"stored: {len(stored)} bytes")
print("boto3: get_object", len(by_boto3))
print("obstore: get", len(by_obstore))
sizes = f"stat_object {stat.size}, get_object {len(by_minio)}, fget_object {len(written)}"
print(f"minio: {sizes}; MD5 is the ETag: {is_etag}")

plain = gzip.decompress(stored)
if by_boto3 != stored or by_obstore != stored or by_minio != plain or written != plain or stat.size != len(stored):
    sys.exit("changed: the clients decode in another way")
PYTHON

#!/usr/bin/env bash
# Question: Is the manifest of a large object read by its temporary URL with ?multipart-manifest=get?
# Guess:    Yes, as with a token: the parameter is added to the URL, whose signature is of method, time and path only.
# Truth:    No. The signature holds, and every parameter but the signature's own is taken away before the request goes
#           on, without a word. What comes back, with status 200, is the content of the object; of a link, its target's.
# Versions: swift 2.38.3 (its tempurl middleware alone; 2.30.1 as a whole does the same), CPython 3.11.
# Seen:
#    '': 200, goes on with temp_url_sig, temp_url_expires
#    '&multipart-manifest=get': 200, goes on with temp_url_sig, temp_url_expires
#    '&symlink=get': 200, goes on with temp_url_sig, temp_url_expires
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
  swift==2.38.3 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - <<'PYTHON'
import hmac
import sys
import time
from urllib.parse import parse_qs

from swift.common.middleware.tempurl import filter_factory
from swift.common.swob import Request

PATH = "/v1/AUTH_a/models/big.onnx"
KEY = "a key"


def behind(environ, start_response):
    """What lies behind the middleware: it tells which parameters arrive."""
    start_response("200 OK", [("X-Arrived", ", ".join(parse_qs(environ["QUERY_STRING"])))])
    return [b""]


expires = int(time.time()) + 600
signature = hmac.new(KEY.encode(), f"GET\n{expires}\n{PATH}".encode(), "sha256").hexdigest()
known = {
    "account/AUTH_a": {"status": 200, "meta": {"temp-url-key": KEY}, "sysmeta": {}},
    "container/AUTH_a/models": {"status": 200, "meta": {}, "sysmeta": {}},
}
application = filter_factory({}, allowed_digests="sha256")(behind)
arrived = set()
for more in ("", "&multipart-manifest=get", "&symlink=get"):
    url = f"{PATH}?temp_url_sig={signature}&temp_url_expires={expires}{more}"
    answer = Request.blank(url, environ={"swift.infocache": dict(known)}).get_response(application)
    print(f"{more!r}: {answer.status_int}, goes on with {answer.headers.get('X-Arrived')}")
    arrived.add((answer.status_int, answer.headers.get("X-Arrived")))

if arrived != {(200, "temp_url_sig, temp_url_expires")}:
    sys.exit("changed: other parameters arrive, or the URL is refused")
PYTHON

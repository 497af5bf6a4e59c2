#!/usr/bin/env bash
# Question: With "Accept-Encoding: identity", are the bytes that requests gives those of which Content-Length, ETag and
#           Content-Range speak?
# Guess:    Yes: nobody asked for compression.
# Truth:    Not where an object was stored with a Content-Encoding, which object storage sends back whatever is
#           accepted: the body is unpacked, so it is longer than its length and has another MD5, and a range that does
#           not begin at 0 cannot be read at all. `response.raw` with decode_content=False has the bytes.
# Versions: requests 2.34.2, urllib3 2.8.0, CPython 3.11; the other side is a server of the standard library.
# Seen:
#    the whole: 1000 bytes of 29
#    from byte 10: ContentDecodingError
#    the whole, raw: 29 bytes of 29
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
  requests==2.34.2 urllib3==2.8.0 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - <<'PYTHON'
import gzip
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

stored = gzip.compress(bytes(1000), mtime=0)


class Storage(BaseHTTPRequestHandler):
    def do_GET(self):
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        self.send_response(206 if start else 200)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(stored) - start))
        self.end_headers()
        self.wfile.write(stored[start:])

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Storage)
threading.Thread(target=server.serve_forever, daemon=True).start()
url, asked = f"http://127.0.0.1:{server.server_port}/o", {"Accept-Encoding": "identity"}
whole = requests.get(url, headers=asked, timeout=10)
print(f"the whole: {len(whole.content)} bytes of {whole.headers['Content-Length']}")
try:
    requests.get(url, headers=asked | {"Range": "bytes=10-"}, timeout=10)
    part = "read"
except requests.RequestException as error:
    part = type(error).__name__
print(f"from byte 10: {part}")
raw = requests.get(url, headers=asked, timeout=10, stream=True).raw.read(decode_content=False)
print(f"the whole, raw: {len(raw)} bytes of {len(stored)}")

if (len(whole.content), part, raw) != (1000, "ContentDecodingError", stored):
    sys.exit("changed: stored bytes come as they are")
PYTHON

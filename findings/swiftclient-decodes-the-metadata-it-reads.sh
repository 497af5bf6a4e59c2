#!/usr/bin/env bash
# Question: A value of an object's metadata is written and read again with python-swiftclient. Is it the same?
# Guess:    Yes: it is written as it was given, so it is read as it is stored.
# Truth:    Only without a percent sign followed by two hex digits. What is written goes out as it is; every header
#           that is read is URL-decoded. "rate=50%25" comes back as "rate=50%", and writing back what was read changes
#           what is stored. The ETag and all other headers are decoded as well.
# Versions: python-swiftclient 4.11.0, CPython 3.11; the other side is a server of the standard library that keeps
#           headers as they come.
# Seen:
#    given 'plain text': stored 'plain text', read 'plain text'
#    given '50% off': stored '50% off', read '50% off'
#    given 'rate=50%25': stored 'rate=50%25', read 'rate=50%'
#    given 'a%2Fb': stored 'a%2Fb', read 'a/b'
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
  python-swiftclient==4.11.0 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import swiftclient

stored = {}


class Storage(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        stored.update((key, value) for key, value in self.headers.items() if key.lower().startswith("x-object-meta-"))
        self.answer(201, {})

    def do_HEAD(self):
        self.answer(200, stored)

    def answer(self, status, headers):
        self.send_response(status)
        for key, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(key, value)
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Storage)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = swiftclient.Connection(
    preauthurl=f"http://127.0.0.1:{server.server_port}/v1/AUTH_test", preauthtoken="token", retries=0
)
results = {}
for given in ("plain text", "50% off", "rate=50%25", "a%2Fb"):
    client.put_object("models", "iris", contents=b"x", headers={"X-Object-Meta-Note": given})
    (kept,) = stored.values()
    results[given] = (kept, client.head_object("models", "iris")["x-object-meta-note"])
    print(f"given {given!r}: stored {kept!r}, read {results[given][1]!r}")

expected = {"plain text": "plain text", "50% off": "50% off", "rate=50%25": "rate=50%", "a%2Fb": "a/b"}
if results != {given: (given, read) for given, read in expected.items()}:
    sys.exit("changed: values come back in another form")
PYTHON

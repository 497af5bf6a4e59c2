#!/usr/bin/env bash
# Question: A header line ends with blanks: "Content-Type: application/json  ". What does a Python server's parser give?
# Guess:    The value without them: blanks around a value are no part of it (RFC 9112, 5.1), so every parser drops them.
# Truth:    httptools, uvicorn's usual parser, drops those in front and keeps those behind, blanks and tabs, and so does
#           the standard library's http.server: a comparison with "application/json" fails there. h11, uvicorn's other
#           parser, drops both.
# Versions: httptools 0.9.0, h11 0.16.0, CPython 3.11.
# Seen:
#    httptools: b'application/json  \t'
#    h11: b'application/json'
#    http.server: b'application/json  \t'
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
  httptools==0.9.0 h11==0.16.0 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import http.client
import io
import sys

import h11
import httptools

request = b"POST /eval HTTP/1.1\r\nHost: host\r\nContent-Type: \t application/json  \t\r\nContent-Length: 0\r\n\r\n"


class Headers(dict):
    def on_header(self, name, value):
        self[name.lower()] = value


by_httptools = Headers()
httptools.HttpRequestParser(by_httptools).feed_data(request)
connection = h11.Connection(h11.SERVER)
connection.receive_data(request)
by_h11 = dict(connection.next_event().headers)
by_http = http.client.parse_headers(io.BytesIO(request.partition(b"\r\n")[2]))  # as http.server reads them

seen = {
    "httptools": by_httptools[b"content-type"],
    "h11": by_h11[b"content-type"],
    "http.server": by_http["content-type"].encode(),
}
for name, value in seen.items():
    print(f"{name}: {value}")

plain = b"application/json"
if seen != {"httptools": plain + b"  \t", "h11": plain, "http.server": plain + b"  \t"}:
    sys.exit("changed: the parsers give other values")
PYTHON

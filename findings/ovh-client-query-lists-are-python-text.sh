#!/usr/bin/env bash
# Question: What does the `ovh` client send for `client.get(path, x=None)` and for a list?
# Guess:    None is left out; a list becomes one parameter for each value, or JSON: the client turns True into "true",
#           so it minds the difference.
# Truth:    None goes out as the text "null", which an API reads as a value. A list or a dictionary goes out as Python
#           prints it, with single quotes, which is no JSON: ['GRA', 'BHS']. Only booleans are rewritten. Leave out
#           what is None, and encode lists before the call.
# Versions: ovh 1.2.0, CPython 3.11; the other side is a server of the standard library.
# Seen:
#    given True: sent true
#    given None: sent null
#    given ['GRA', 'BHS']: sent ['GRA', 'BHS']
#    given {'region': 'GRA'}: sent {'region': 'GRA'}
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
  ovh==1.2.0 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import ovh
from ovh.client import ENDPOINTS

queries = []


class Api(BaseHTTPRequestHandler):
    def do_GET(self):
        address = urlsplit(self.path)
        body = b"1700000000" if address.path == "/auth/time" else b"[]"
        queries.append(dict(parse_qsl(address.query)))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
threading.Thread(target=server.serve_forever, daemon=True).start()
ENDPOINTS["here"] = f"http://127.0.0.1:{server.server_port}"
client = ovh.Client(endpoint="here", application_key="a", application_secret="b", consumer_key="c")
seen = []
for given in (True, None, ["GRA", "BHS"], {"region": "GRA"}):
    client.get("/cloud/project", x=given)
    seen.append(queries[-1]["x"])
    print(f"given {given!r}: sent {seen[-1]}")

if seen != ["true", "null", "['GRA', 'BHS']", "{'region': 'GRA'}"]:
    sys.exit("changed: values are sent in another form")
PYTHON

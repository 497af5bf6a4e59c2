#!/usr/bin/env bash
# Question: An object's name has a part "..". Is it asked for by its name, plain or with %2E%2E in the URL?
# Guess:    Both are the same name, and a client sends it as it is given.
# Truth:    Two wrongs: a plain ".." (or ".") is taken out of the path together with the part before it, so that another
#           object is asked for; "%2E%2E" is decoded and then sent as a plain "..", which is the name.
# Versions: requests 2.34.2, urllib3 2.8.0, CPython 3.11; the other side is a server of the standard library.
# Seen:
#    /a/../b is sent as /b
#    /a/./b is sent as /a/b
#    /a/%2E%2E/b is sent as /a/../b
#    /a//b is sent as /a//b
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
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

seen = []


class Storage(BaseHTTPRequestHandler):
    def do_GET(self):
        seen.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Storage)
threading.Thread(target=server.serve_forever, daemon=True).start()
expected = {"/a/../b": "/b", "/a/./b": "/a/b", "/a/%2E%2E/b": "/a/../b", "/a//b": "/a//b"}
for path in expected:
    requests.get(f"http://127.0.0.1:{server.server_port}{path}", timeout=10)
    print(f"{path} is sent as {seen[-1]}")

if seen != list(expected.values()):
    sys.exit("changed: other paths are sent")
PYTHON

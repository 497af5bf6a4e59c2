#!/usr/bin/env bash
# Question: An object's name has a part "." or "..", written as %2E in the URL. Which path do Python's clients ask for?
# Guess:    The one in the URL: what is percent-encoded is data, and clients leave it alone.
# Truth:    requests decodes %2E (and %7E, also in the query) before it sends; aiohttp decodes it and then removes the
#           dot segments, so it asks for another object. httpx, urllib3 and urllib send it as it is. Plain dots are
#           removed by all but urllib. A signature over the path, or a proxy that resolves dots, fails accordingly.
# Versions: requests 2.34.2, urllib3 2.8.0, httpx 0.28.1, aiohttp 3.14.5, yarl 1.25.1, CPython 3.11.
# Seen:
#    asked for       /c/a/%2E/m?s=%7E  /c/a/./m?s=~
#    requests        /c/a/./m?s=~      /c/a/m?s=~
#    aiohttp         /c/a/m?s=~        /c/a/m?s=~
#    httpx           /c/a/%2E/m?s=%7E  /c/a/m?s=~
#    urllib3         /c/a/%2E/m?s=%7E  /c/a/m?s=~
#    urllib          /c/a/%2E/m?s=%7E  /c/a/./m?s=~
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
  requests==2.34.2 urllib3==2.8.0 httpx==0.28.1 aiohttp==3.14.5 yarl==1.25.1 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import asyncio
import os
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp
import httpx
import requests
import urllib3

os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
arrived = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        arrived.append(self.path)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *words):
        pass


async def by_aiohttp(url):
    async with aiohttp.ClientSession() as session, session.get(url):
        pass


clients = {
    "requests": requests.get,
    "aiohttp": lambda url: asyncio.run(by_aiohttp(url)),
    "httpx": httpx.get,
    "urllib3": lambda url: urllib3.request("GET", url),
    "urllib": lambda url: urllib.request.urlopen(url).close(),
}
encoded, plain, removed = "/c/a/%2E/m?s=%7E", "/c/a/./m?s=~", "/c/a/m?s=~"
print(f"{'asked for':15} {encoded}  {plain}")
seen = {}
with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, get in clients.items():
        arrived.clear()
        for path in (encoded, plain):
            get(f"http://127.0.0.1:{server.server_port}{path}")
        seen[name] = tuple(arrived)
        print(f"{name:15} {arrived[0]:17} {arrived[1]}")
    server.shutdown()

expected = {
    "requests": (plain, removed),
    "aiohttp": (removed, removed),
    "httpx": (encoded, removed),
    "urllib3": (encoded, removed),
    "urllib": (encoded, plain),
}
if seen != expected:
    sys.exit("changed: the clients ask for other paths")
PYTHON

#!/usr/bin/env bash
# Question: A client asks "GET http://host/eval HTTP/1.1", the form that clients use with a proxy and that every server
#           must take (RFC 9112, 3.2.2). Which path does the ASGI application get?
# Guess:    /eval, whatever the server: uvicorn's two parsers are said to be alike.
# Truth:    uvicorn with httptools and granian give /eval. uvicorn with h11 and hypercorn (which is on h11, too) give
#           "http://host/eval" as the path, so the application answers 404. uvicorn takes h11 where httptools is not
#           installed: the same command answers otherwise with "uvicorn" and "uvicorn[standard]".
# Versions: uvicorn 0.54.0, httptools 0.9.0, h11 0.16.0, hypercorn 0.18.0, granian 2.8.9, CPython 3.11.
# Seen:
#    uvicorn httptools: path /eval, query x=1
#    uvicorn h11: path http://host/eval, query x=1
#    hypercorn: path http://host/eval, query x=1
#    granian: path /eval, query x=1
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
  uvicorn==0.54.0 httptools==0.9.0 h11==0.16.0 hypercorn==0.18.0 granian==2.8.9 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import socket
import subprocess
import sys
import time
from pathlib import Path

Path(sys.argv[1], "application.py").write_text("""
async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": kind + ".complete"})
            if kind == "lifespan.shutdown":
                return
    words = f"path {scope['path']}, query {scope['query_string'].decode()}"
    headers = [(b"content-length", str(len(words)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": words.encode()})
""")
servers = {
    "uvicorn httptools": "uvicorn --http httptools --port {} application:application",
    "uvicorn h11": "uvicorn --http h11 --port {} application:application",
    "hypercorn": "hypercorn --bind 127.0.0.1:{} application:application",
    "granian": "granian --interface asgi --port {} application:application",
}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def asked(port):
    request = b"GET http://host/eval?x=1 HTTP/1.1\r\nHost: host\r\nConnection: close\r\n\r\n"
    for _ in range(300):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(request)
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
                return answer.partition(b"\r\n\r\n")[2].decode()
        except ConnectionRefusedError:
            time.sleep(0.1)
    sys.exit("changed: the server does not start")


seen = {}
for name, words in servers.items():
    port = free_port()
    command = [sys.executable, "-m", *words.format(port).split()]
    process = subprocess.Popen(command, cwd=sys.argv[1], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        seen[name] = asked(port)
    finally:
        process.terminate()
        process.wait()
    print(f"{name}: {seen[name]}")

short, absolute = "path /eval, query x=1", "path http://host/eval, query x=1"
if list(seen.values()) != [short, absolute, absolute, short]:
    sys.exit("changed: the servers give other paths")
PYTHON

#!/usr/bin/env bash
# Question: Docker speaks http to registries on 127.0.0.0/8. How long does a pull take from one that only speaks http?
# Guess:    No longer than the registry needs: loopback addresses are in the list of insecure registries.
# Truth:    "Insecure" means that TLS is tried first and http next. A server that closes on the TLS greeting, or says
#           400 to it as those written in Go do, costs nothing. One that goes on reading for the end of a line, as
#           small proxies do, costs ten seconds at each pull and each push, and nothing but the engine's log tells.
# Versions: Docker 20.10.24, CPython 3.11.
# Seen:
#    a server that closes on the greeting: a TLS greeting first: True; under 5 s: True
#    a server that waits for more: a TLS greeting first: True; 10 s or more: True
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
untried() {
  echo "not tried: $*" >&2
  exit 77
}

command -v python3 >/dev/null || untried "this needs python3"
docker version --format '{{.Server.Version}}' >"$work/version" 2>/dev/null || untried "no Docker engine answers"

python3 - <<'PYTHON'
import socket
import subprocess
import sys
import threading
import time

NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def serve(listening, waits, greetings):
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=answer, args=(connection, waits, greetings), daemon=True).start()


def answer(connection, waits, greetings):
    with connection:
        greetings.append(connection.recv(4096)[:1])
        if greetings[-1] != b"\x16":
            connection.sendall(NOT_FOUND)
        elif waits:
            connection.recv(4096)  # until the other side gives up


def pulled(waits):
    greetings = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening, waits, greetings), daemon=True).start()
        began = time.monotonic()
        name = f"127.0.0.1:{listening.getsockname()[1]}/some/image:1"
        subprocess.run(["docker", "pull", name], capture_output=True, check=False)
        return time.monotonic() - began, greetings[:1] == [b"\x16"]


quick, first = pulled(waits=False)
slow, first_again = pulled(waits=True)
print(f"a server that closes on the greeting: a TLS greeting first: {first}; under 5 s: {quick < 5}")
print(f"a server that waits for more: a TLS greeting first: {first_again}; 10 s or more: {slow >= 10}")
if not (first and first_again and quick < 5 and slow >= 10):
    sys.exit("changed: the engine tries http first, or does not wait")
PYTHON

"""A registry that says no: it takes an image as registries do, and refuses at the one step that a test names.

It does not mount; where it is told so, it lists what names an image as its subject.
"""

import contextlib
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

INDEX = "application/vnd.oci.image.index.v1+json"
Step = Literal["begin", "layer", "manifest", "read"]


class No(Struct, frozen=True):
    """What is answered, and where: when an upload begins, to a layer's bytes, to the manifest, or to who reads it."""

    step: Step
    status: int
    body: bytes = b""
    kind: str = "application/json"


PAGE = (
    b"<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n"
    b"<center><h1>413 Request Entity Too Large</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


def error_of(code: str, message: str) -> bytes:
    """As the distribution specification has it."""
    return f'{{"errors":[{{"code":"{code}","message":"{message}"}}]}}'.encode()


NOS = {
    "read-only": (No("begin", 405, b"Method not allowed\n", "text/plain"), "registry-failed", "is read-only"),
    "a proxy's limit": (No("layer", 413, PAGE, "text/html"), "registry-failed", "413"),
    "no right to push": (
        No("begin", 403, error_of("DENIED", "unauthorized to access repository: team/model, action: push")),
        "registry-denied",
        "push to the project team",
    ),
    "no right to push, by 401": (
        No("begin", 401, error_of("UNAUTHORIZED", "unauthorized to access repository: team/model, action: push")),
        "registry-denied",
        "push to the project team",
    ),
    "a page for 403": (
        No("begin", 403, b"<html><body>no</body></html>", "text/html"),
        "registry-denied",
        "it answers 403 Forbidden",
    ),
    "no such project": (
        No("begin", 401, error_of("UNAUTHORIZED", "project team not found: project team not found")),
        "registry-denied",
        "no project team",
    ),
    "no such repository": (
        No("begin", 404, error_of("NAME_UNKNOWN", "The repository with name 'team/model' does not exist in it")),
        "registry-denied",
        "no project team",
    ),
    "a full quota": (
        No("manifest", 412, error_of("DENIED", "adding 2 GiB will exceed the configured upper limit of 9 GiB")),
        "registry-full",
        "exceed the configured upper limit",
    ),
    "an immutable tag": (
        No("manifest", 412, error_of("PRECONDITION", "Failed to process as 'model:1' is configured as immutable.")),
        "registry-failed",
        "does not let it be replaced",
    ),
    "too many requests": (
        No("begin", 429, error_of("TOOMANYREQUESTS", "slow down")),
        "registry-failed",
        "too many requests",
    ),
}
# These an engine may try again for a minute.
SLOW_NOS = {
    "a full disk": (No("layer", 507, b"", "text/plain"), "registry-full", "no space left"),
    "a failure": (No("layer", 500, error_of("UNKNOWN", "unknown error")), "registry-failed", "fails on its side: "),
}


class RefusingRegistry:
    """A running registry; ``no`` is read anew for each request."""

    def __init__(self) -> None:
        self.address = ""
        self.no: No | None = None
        self.stored: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.lists = False
        self.subjects: dict[str, list[dict[str, object]]] = {}


class _Handler(http.server.BaseHTTPRequestHandler):
    registry: RefusingRegistry
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        if self.rfile.peek(1)[:1] == b"\x16":  # a TLS greeting, which has no line to read: an engine would wait
            self.close_connection = True
            return
        super().handle_one_request()

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.registry.asked.append(f"{self.command} {self.path}")
        key = self.path.rpartition("/")[2]
        if self.command == "GET" and "/manifests/" in self.path and self._refused("read"):
            return
        if self.path == "/v2/":
            self._reply(200, b"{}")
        elif "/referrers/" in self.path and self.registry.lists:
            index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": self.registry.subjects.get(key, [])}
            self._reply(200, json.dumps(index).encode(), INDEX)
        elif key in self.registry.stored:
            kind = "application/vnd.docker.distribution.manifest.v2+json"
            found = self.registry.stored[key]
            digest = f"sha256:{hashlib.sha256(found).hexdigest()}"
            self._reply(200, found, kind if "/manifests/" in self.path else "x", Docker_Content_Digest=digest)
        else:
            self._reply(404, b'{"errors":[{"code":"BLOB_UNKNOWN","message":"not here"}]}')

    def do_POST(self) -> None:
        self._body()
        if not self._refused("begin"):
            self._reply(202, b"", Location=f"{self.path}id", Range="0-0", Docker_Upload_UUID="id")

    def do_PATCH(self) -> None:
        self.registry.stored["upload"] = self._body()
        if not self._refused("layer"):
            taken = f"0-{len(self.registry.stored['upload']) - 1}"
            self._reply(202, b"", Location=self.path, Range=taken, Docker_Upload_UUID="id")

    def do_PUT(self) -> None:
        path, _, query = self.path.partition("?")
        manifest = "/manifests/" in path
        content = self._body()
        if self._refused("manifest" if manifest else "layer"):
            return
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if manifest:
            self.registry.stored |= {path.rpartition("/")[2]: content, digest: content}
            said = json.loads(content)
            if self.registry.lists and "subject" in said:
                subject = said["subject"]["digest"]
                entry = {"mediaType": said["mediaType"], "digest": digest, "size": len(content)}
                self.registry.subjects.setdefault(subject, []).append(entry)
                self._reply(201, b"", Location=path, Docker_Content_Digest=digest, OCI_Subject=subject)
                return
        else:
            digest = query.partition("digest=")[2].replace("%3A", ":")
            self.registry.stored[digest] = content or self.registry.stored["upload"]
        self._reply(201, b"", Location=path, Docker_Content_Digest=digest)

    def _refused(self, step: Step) -> bool:
        no = self.registry.no
        if no is None or no.step != step:
            return False
        self._reply(no.status, no.body, no.kind)
        return True

    def _body(self) -> bytes:
        self.registry.asked.append(f"{self.command} {self.path}")
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _reply(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Docker-Distribution-API-Version", "registry/2.0")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: what was asked is in ``asked``."""


@contextlib.contextmanager
def registry_that_refuses() -> Iterator[RefusingRegistry]:
    """The registry on a loopback port, over http, without a login."""
    registry = RefusingRegistry()
    handler = type("Handler", (_Handler,), {"registry": registry})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.block_on_close = False  # an engine keeps its connections
    registry.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

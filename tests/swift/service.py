"""Real OpenStack Swift for tests, and an API before it: what OVHcloud adds to Swift, as far as sources call it."""

import contextlib
import hashlib
import hmac
import http.client
import json
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import requests

from tests.waiting import wait_until

PYTHON = "/usr/bin/python3"  # Debian's, which has the package
ACCOUNT = "AUTH_test"
USER, KEY = "test:tester", "testing"
REGION = "GRA"
URL_KEY = "a key of temporary URLs"


def missing() -> str:
    """Why Swift cannot run here, or an empty text."""
    look = [PYTHON, "-c", "import swift.common.wsgi"]
    if not Path(PYTHON).exists() or subprocess.run(look, capture_output=True, check=False).returncode:
        return "the Debian package python3-swift is not installed (scripts/setup --tests)"
    with tempfile.NamedTemporaryFile() as file:
        try:
            os.setxattr(file.name, "user.swift", b"1")
        except OSError:
            return "the file system of temporary files keeps no extended attributes, in which Swift keeps its own"
    return ""


class Swift:
    """The servers in a folder, and a session that may do everything."""

    def __init__(self, folder: Path) -> None:
        ports = _free_ports(4)
        script = Path(__file__).with_name("server.py")
        self.url = f"http://127.0.0.1:{ports[0]}"
        self._log = (folder / "servers.log").open("wb")
        self._process = subprocess.Popen(
            [PYTHON, script, folder, *map(str, ports)], stdin=subprocess.PIPE, stdout=self._log, stderr=self._log
        )
        self.http = requests.Session()
        self.http.trust_env = False
        wait_until(self._answers, f"Swift does not start; see {self._log.name}")
        self.clear()

    def _answers(self) -> bool:
        try:
            answer = self.http.get(f"{self.url}/auth/v1.0", headers={"X-Storage-User": USER, "X-Storage-Pass": KEY})
        except requests.ConnectionError:
            return False
        self.token = answer.headers.get("X-Auth-Token", "")
        self.http.headers["X-Auth-Token"] = self.token
        self.account = f"{self.url}/v1/{ACCOUNT}"
        return self.ask("PUT", "/first").ok and self.ask("PUT", "/first/object").ok  # each of the servers answers

    def ask(self, method: str, path: str, **details: Any) -> requests.Response:
        """A request below the account; ``path`` is as it is sent."""
        return self.http.request(method, f"{self.account}{path}", timeout=60, **details)

    def put(self, container: str, name: str = "", data: bytes = b"", query: str = "", **headers: str) -> None:
        """Make a container or an object."""
        path = f"/{quote(container)}" + (f"/{quote(name)}" if name else "")
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.ask("PUT", f"{path}{query}", data=data, headers=sent)
        assert answer.ok, answer.text

    def put_as_it_is(self, container: str, name: str, data: bytes) -> None:
        """Make an object whose name an ordinary client would change on the way."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc)
        path = f"/v1/{ACCOUNT}/{quote(container)}/{quote(name)}"
        connection.request("PUT", path, data, {"X-Auth-Token": self.token})
        assert connection.getresponse().status == 201
        connection.close()

    def put_slo(self, container: str, name: str, segments: list[str]) -> None:
        """Make a static large object of ``container/name`` that are there."""
        manifest = json.dumps([{"path": f"/{segment}"} for segment in segments]).encode()
        self.put(container, name, manifest, "?multipart-manifest=put", Content_Type="application/octet-stream")

    def sign(self, path: str, *, container: str = "") -> str:
        """The query of a temporary URL of ``path`` below the account, with its key or with the container's."""
        kind = "Container" if container else "Account"
        self.ask("POST", container and f"/{quote(container)}", headers={f"X-{kind}-Meta-Temp-URL-Key": URL_KEY})
        expires, whole = int(time.time()) + 600, f"/v1/{ACCOUNT}{unquote(path)}"
        signature = hmac.new(URL_KEY.encode(), f"GET\n{expires}\n{whole}".encode(), hashlib.sha256).hexdigest()
        return f"temp_url_sig={signature}&temp_url_expires={expires}"

    def clear(self) -> None:
        """Remove every container with what lies in it, and every key of temporary URLs."""
        for _ in range(5):  # deleting from a versioned container brings older versions back
            for container in self.ask("GET", "?format=json").json():
                place = f"/{quote(container['name'])}"
                for item in self.ask("GET", f"{place}?format=json").json():
                    self.ask("DELETE", f"{place}/{quote(item['name']).replace('.', '%2E')}")
                self.ask("DELETE", place)
        assert not self.ask("GET", "?format=json").json()
        self.ask("POST", "", headers={"X-Account-Meta-Temp-URL-Key": ""})

    def stop(self) -> None:
        """End the servers and wait."""
        self.http.close()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._log.close()


class Api:
    """The calls of OVHcloud's API that lead to Swift, carried out on a real one.

    With ``container_key`` temporary URLs are signed with the key of the container, else with the account's.
    """

    def __init__(self, swift: Swift) -> None:
        self.swift = swift
        self.container_key = False
        self.calls: list[str] = []
        handler = type("Handler", (_Handler,), {"api": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> "Api":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def environ(self) -> dict[str, str]:
        """The variables that lead the tool here."""
        return {
            "HOME": "/nonexistent",
            "OVH_ENDPOINT": f"http://127.0.0.1:{self._server.server_address[1]}/1.0",
            "OVH_APPLICATION_KEY": "k",
            "OVH_APPLICATION_SECRET": "s",
            "OVH_CONSUMER_KEY": "c",
            "OVH_CLOUD_PROJECT_SERVICE": "f" * 32,
        }

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Any:
        self.calls.append(f"{method} {path.rpartition('/')[2]}")
        parts = path.removeprefix("/1.0/").split("/")
        if parts == ["auth", "time"]:
            return int(time.time())
        match method, parts[3:]:
            case "GET", ["storage"]:
                return [
                    {"id": row["name"].encode().hex(), "name": row["name"], "region": REGION, "archive": False}
                    | {"storedObjects": row["count"], "storedBytes": row["bytes"], "containerType": "private"}
                    for row in self.swift.ask("GET", "?format=json").json()
                ]
            case "GET", ["storage", identity]:
                return {"objects": list(self._objects(_name(identity), query.get("prefix", [""])[0]))}
            case "GET", ["region", _, "storage"]:
                return []
            case "POST", ["storage", "access"]:
                endpoint = {"region": REGION, "url": self.swift.account}
                return {"token": self.swift.token, "endpoints": [endpoint]}
            case "POST", ["storage", identity, "publicUrl"]:
                return {"getURL": self._signed(_name(identity), body["objectName"])}
        return None

    def _objects(self, container: str, prefix: str) -> Iterator[dict[str, object]]:
        for row in self.swift.ask("GET", f"/{quote(container)}?format=json&prefix={quote(prefix)}").json():
            yield {
                "name": row["name"],
                "size": row["bytes"],
                "contentType": row["content_type"],
                "lastModified": f"{row['last_modified'][:19]}Z",
                "retrievalState": "unsealed",
            }

    def _signed(self, container: str, name: str) -> str:
        path = f"/{quote(container)}/{quote(name)}"
        right = self.swift.sign(path, container=container if self.container_key else "")
        return f"{self.swift.account}{path}?{right}"


class _Handler(BaseHTTPRequestHandler):
    api: Api

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null"))

    def _answer(self, body: Any) -> None:
        url = urlsplit(self.path)
        found = json.dumps(self.api.answer(self.command, unquote(url.path), parse_qs(url.query), body)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(found)))
        self.end_headers()
        self.wfile.write(found)

    def log_message(self, *_: object) -> None:
        return


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _name(identity: str) -> str:
    return bytes.fromhex(identity).decode()

"""The old endpoints over HTTP: ``/<model-id>/describe`` and ``/<model-id>/eval``, behind the namespace's token check.

Started with one JSON line on standard input: ``{"port": .., "secret": .., "models": {id: folder}}``. Prints
``{"ready": true}`` when it listens, then a line for each request. It ends when its standard input does.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

from .loading import Evaluator, load
from .models import NotLoadableError
from .tensors import RefusalError
from .texts import compact, write_tensors

PRODUCED = ("application/json", "text/html", "multipart/form-data", "image/png", "image/jpeg")
CONSUMED = ("application/json", "multipart/form-data", "image/png", "image/jpeg")
JSON_TYPE = "application/json"
_reporting = threading.Lock()
PAGE = "<!DOCTYPE html><title>Model</title><p>GET <a href='describe'>describe</a>, POST eval</p>"


class Gateway:
    """The models of the namespaces and the key that their tokens are signed with."""

    def __init__(self, models: dict[str, Path], secret: bytes) -> None:
        self._secret = secret
        self._models: dict[str, Evaluator] = {}
        for model_id, folder in models.items():
            try:
                self._models[model_id] = load(folder)
            except NotLoadableError as error:
                sys.stderr.write(f"{model_id} does not deploy: {error}\n")

    def model(self, model_id: str) -> Evaluator | None:
        """A deployed model."""
        return self._models.get(model_id)

    def opens(self, authorization: str | None, model_id: str) -> bool:
        """Whether a header with a token (Bearer, or Basic with an empty user) opens a model."""
        claims = self._claims(_token(authorization))
        resource = str(claims.get("resource", ""))
        named = resource == model_id or (resource.endswith("*") and model_id.startswith(resource[:-1]))
        return named and "model-evaluation" in claims.get("groups", ())

    def _claims(self, token: str) -> dict[str, Any]:
        head, _, signature = token.rpartition(".")
        expected = hmac.new(self._secret, head.encode(), hashlib.sha256).digest()
        try:
            if not hmac.compare_digest(expected, _unpadded(signature)):
                return {}
            claims = json.loads(_unpadded(head.partition(".")[2]))
        except (ValueError, binascii.Error):
            return {}
        return claims if isinstance(claims, dict) else {}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    gateway: Gateway

    def answer(self) -> None:
        """Answer one request, whatever its method."""
        try:
            body = self._body()
            status, kind, text = self._respond(body)
        except RefusalError as refusal:
            status, kind, text = _error(refusal.status, refusal.message)
        except Exception:  # noqa: BLE001 - as the old runtime's catch-all did; the trace goes to the log
            import traceback  # noqa: PLC0415 - rarely needed

            traceback.print_exc()
            status, kind, text = _error(500, "Internal error")
        content = text.encode("utf-8", "surrogatepass")
        self.send_response_only(status)
        self.send_header("Date", self.date_time_string())
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        line = {"method": self.command, "path": self.path.partition("?")[0], "status": status, "bytes": len(content)}
        _report(line)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Requests are reported on standard output instead."""

    def _respond(self, body: bytes) -> tuple[int, str, str]:
        model_id, _, route = self.path.partition("?")[0].removeprefix("/").partition("/")
        model_id = unquote(model_id)
        if not self.gateway.opens(self.headers["Authorization"], model_id):
            return 401, JSON_TYPE, '{"message":"Unauthorized"}'
        model = self.gateway.model(model_id)
        if model is None:
            return 404, "text/plain; charset=utf-8", "404 page not found\n"
        route = route.removesuffix("/")
        if route not in ("", "describe", "eval"):
            raise RefusalError(
                404,
                f"RESTEASY003210: Could not find resource for full path: http://{self.headers.get('Host', '')}/{route}",
            )
        self._check_method("POST" if route == "eval" else "GET")
        if route == "eval":
            return self._evaluate(model, body)
        produced = JSON_TYPE if route else "text/html"
        self._check_accept((produced,))
        return (200, JSON_TYPE, compact(model.describe())) if route else (200, "text/html;charset=utf-8", PAGE)

    def _evaluate(self, model: Evaluator, body: bytes) -> tuple[int, str, str]:
        kind = (self.headers["Content-Type"] or "").partition(";")[0].strip()
        if kind.lower() not in CONSUMED:
            raise RefusalError(415, "RESTEASY003065: Cannot consume content type")
        self._check_accept(PRODUCED)
        if kind not in CONSUMED:
            raise RefusalError(400, f"Unsupported Content-Type: {kind}")
        if kind != JSON_TYPE:
            raise RefusalError(415, "The sandbox's old endpoints take JSON only")
        step = self.headers["Step"]
        tensors = model.evaluate(body, step)
        accept = self.headers["Accept"] or ""
        first = accept.partition(",")[0].partition(";")[0].strip()
        if first in PRODUCED[1:]:
            raise RefusalError(406, "The sandbox's old endpoints answer JSON only")
        if first not in ("", "*/*", JSON_TYPE):
            raise RefusalError(400, f"Accept header '{accept}' not supported...")
        return 200, "application/json;charset=utf-8", write_tensors(tensors, simplify=step is None)

    def _check_method(self, allowed: str) -> None:
        if self.command == "OPTIONS":
            raise RefusalError(500, "Internal error")
        if self.command not in ((allowed, "HEAD") if allowed == "GET" else (allowed,)):
            raise RefusalError(
                405, f"RESTEASY003650: No resource method found for {self.command}, return 405 with Allow header"
            )

    def _check_accept(self, produced: tuple[str, ...]) -> None:
        accept = self.headers["Accept"] or "*/*"
        for element in accept.split(","):
            kind = element.partition(";")[0].strip().lower()
            if kind == "*/*" or kind in produced:
                return
            if kind.endswith("/*") and any(name.startswith(kind[:-1]) for name in produced):
                return
        raise RefusalError(406, "RESTEASY003635: No match for accept header")

    def _body(self) -> bytes:
        if (self.headers["Transfer-Encoding"] or "").lower() != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"] or 0))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body


def _report(line: dict[str, object]) -> None:
    with _reporting:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def _error(status: int, message: str) -> tuple[int, str, str]:
    return status, JSON_TYPE, compact({"status": status, "message": message})


def _token(authorization: str | None) -> str:
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(value).decode().partition(":")
        except (ValueError, binascii.Error):
            return ""
        return "" if user else password
    return ""


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _end_with(stream: BinaryIO) -> None:
    while stream.read(1024):
        pass
    os._exit(0)


def main() -> None:
    """Serve until standard input ends."""
    settings = json.loads(sys.stdin.buffer.readline())
    models = {model_id: Path(folder) for model_id, folder in settings["models"].items()}
    Handler.gateway = Gateway(models, settings["secret"].encode())
    server = ThreadingHTTPServer(("127.0.0.1", settings["port"]), Handler)
    threading.Thread(target=_end_with, args=(sys.stdin.buffer,), daemon=True).start()
    _report({"ready": True})
    server.serve_forever()

"""Whole requests, each made from the run's seed and its own number alone, so that any can be made again."""

import json
from dataclasses import dataclass
from random import Random
from typing import Final
from urllib.parse import quote

from fuzz_bodies import TEXTS, encoded, image_body, json_body, multipart_body, mutated, takes_images, v2_body
from fuzz_models import Target

_PATHS: Final = (
    *("/", "/describe", "/eval", "/eval/", "/openapi.json", "/openapi.yaml", "/metrics", "/health/live", "/x.js"),
    *("/health/ready", "/v2", "/v2/health/live", "/v2/health/ready", "/v2/models", "/swagger-ui.css", "/%2e%2e/%2e%2e"),
    *("//", "/../../etc/passwd", "/%00", "/%", "/%zz", "/\u00e9", "/%ff%fe", "/?a=b#c", "/" + "a" * 3000, "*", ""),
    *("/v2/models//infer", "/v2/models/types/versions/1", "/v2/models/types/versions/2", "/eval?x=%", "http://x/eval"),
)
_METHODS: Final = (*("GET",) * 6, "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "get", "QQ")
_ACCEPTS: Final = (
    *("*/*", "application/json", "text/html", "image/png", "image/jpeg", "image/*", "multipart/form-data", "text/*"),
    *("application/*", "text/plain", "", "a", ";", "text/html; same=image/png", "multipart/form-data; f_out=image/png"),
    *(
        'text/html; same="image/png; mean="',
        "image/png;q=0, */*",
        "application/json" + ", a/b" * 300,
        "*",
        "/",
        "\u00e9/x",
    ),
    *("text/html; mean=application/json; SAME=image/jpeg", "multipart/form-data; nothing=image/*"),
)
_TYPES: Final = (
    *("application/json", "APPLICATION/JSON", "application/json; charset=utf-8", "application/json; charset=nope", ""),
    *("image/png", "image/jpeg", "image/gif", "multipart/form-data", "text/csv", "application/x-www-form-urlencoded"),
    *("application", "application/json; charset", 'application/json; a="', "application/json;;", "*/*", "\u00e9"),
)
_STEPS: Final = (
    "input:0",
    "output:0",
    "input:1",
    "output:-1",
    "input:x",
    "x",
    "",
    "input:" + "9" * 5000,
    "output:\u0663",
)
_BROKEN: Final = (
    b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/1.0\r\n\r\n",
    b"GET / HTTP/1.1\nHost: a\n\n", b"POST /eval HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST /eval HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    b"POST /eval HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /eval HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
    b"POST /eval HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n",
    b"POST /eval HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"POST /eval HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nabcde",
    b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nA\x00: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n B: folded\r\n\r\n", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 20,
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n",
)  # fmt: skip


@dataclass(frozen=True)
class Generated:
    """A request as bytes.

    Attributes:
        kind: What sort it is of, for the summary.
        method: How its answer is read (HEAD has no body).
        data: What is sent.
        whole: Whether it is one well-framed request, which must get exactly one answer.
        good: Whether the answer must be 200.
        end_early: Whether the client closes without waiting, as one whose network broke.
    """

    kind: str
    method: str
    data: bytes
    whole: bool = True
    good: bool = False
    end_early: bool = False


def generate(seed: int, number: int, targets: list[Target]) -> Generated:
    """The request of this number."""
    random = Random(f"{seed}/{number}")  # noqa: S311 - requests, not secrets
    target = random.choice(targets)
    kind = random.choices(("json", "good", "image", "form", "v2", "path", "broken"), (32, 8, 14, 14, 20, 10, 2))[0]
    if kind in {"form", "image"} and random.random() < 0.6:
        target = random.choice([entry for entry in targets if takes_images(entry)] or targets)
    if kind == "broken":
        return _broken(random, target)
    if kind == "path":
        return _path(random, target)
    headers: dict[str, str] = {}
    path = f"/{quote(target.id, safe='')}/eval"
    if kind == "v2":
        more, body = v2_body(random, target)
        headers |= more
        path = f"/v2/models/{quote(target.id, safe='')}/infer"
    elif kind == "form":
        headers["Content-Type"], body = multipart_body(random, target)
    elif kind == "image":
        headers["Content-Type"] = random.choice(("image/png", "image/jpeg"))
        body = image_body(random)
    elif kind == "good":
        headers["Content-Type"] = "application/json"
        body = json.dumps(random.choice(target.good)).encode()
        return Generated(kind, "POST", _request("POST", path, headers, body), good=True)
    else:
        headers["Content-Type"] = "application/json"
        wild = random.random() < 0.6
        body = json_body(random, target) if wild else json.dumps(random.choice(target.good)).encode()
    _disturb(random, headers)
    if random.random() < 0.05:
        headers["Content-Encoding"], body = encoded(random, body)
    method = "POST" if random.random() < 0.98 else random.choice(_METHODS)
    if random.random() < 0.1:
        return Generated(kind, method, _chunked(random, method, path, headers, body))
    data = _request(method, path, headers, body)
    if random.random() < 0.01:
        return Generated(kind, method, data[: random.randrange(len(data))], whole=False, end_early=True)
    return Generated(kind, method, data, whole=method != "CONNECT")


def _disturb(random: Random, headers: dict[str, str]) -> None:
    """Headers that choose the form of the answer, or only annoy."""
    if random.random() < 0.3:
        headers["Accept"] = random.choice(_ACCEPTS)
    if random.random() < 0.1:
        headers["Step"] = random.choice(_STEPS)
    if random.random() < 0.05:
        headers["Content-Type"] = random.choice(_TYPES)
    if random.random() < 0.05:
        headers["Keep-Dimensions"] = random.choice(("1", "true", "x", ""))
    if random.random() < 0.05:
        headers["X-Request-ID"] = random.choice(("abc", "a" * 5000, "\u00e9", "a b", "", "\t"))
    if random.random() < 0.03:
        headers["Authorization"] = random.choice(("Bearer x", "Basic !!", "Basic Og==", "Bearer", "\u00e9"))
    if random.random() < 0.02:
        headers["Expect"] = random.choice(("100-continue", "x"))
    if random.random() < 0.02:
        headers |= {f"X-{number}": "v" * random.choice((1, 200)) for number in range(random.choice((5, 150)))}
    if random.random() < 0.02:
        headers["Connection"] = random.choice(("close", "keep-alive", "upgrade", ""))


def _path(random: Random, target: Target) -> Generated:
    """A method and a path, known or not."""
    path = random.choice(_PATHS)
    if random.random() < 0.5:
        path = f"/{quote(target.id, safe='')}{path}"
    if random.random() < 0.2:
        path = "/" + quote(random.choice(TEXTS).encode("utf-8", "surrogatepass"), safe="") + path
    if random.random() < 0.05:
        path = mutated(random, path.encode()).decode("latin-1")
    method = random.choice(_METHODS)
    headers: dict[str, str] = {}
    _disturb(random, headers)
    body = random.randbytes(random.choice((0, 0, 0, 10)))
    clean = path.startswith("/") and path.isascii() and path.isprintable() and " " not in path
    return Generated("path", method, _request(method, path, headers, body), whole=clean and method.isupper())


def _broken(random: Random, target: Target) -> Generated:
    """Bytes that are no request, or several, or half of one."""
    if random.random() < 0.5:
        return Generated("broken", "GET", random.choice(_BROKEN), whole=False)
    path = f"/{quote(target.id, safe='')}/eval"
    body = json.dumps(random.choice(target.good)).encode()
    data = _request("POST", path, {"Content-Type": "application/json"}, body)
    if random.random() < 0.02:
        return Generated("broken", "POST", _request("POST", path, {}, bytes(3_000_000)), whole=False)
    if random.random() < 0.3:
        return Generated("broken", "POST", data * random.randint(2, 6), whole=False)
    return Generated("broken", "POST", mutated(random, data), whole=False, end_early=random.random() < 0.3)


def _head(method: str, path: str, headers: dict[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {text}" for name, text in headers.items())]
    return ("\r\n".join(lines) + "\r\n").encode("utf-8", "replace")


def _request(method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    return _head(method, path, headers) + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


def _chunked(random: Random, method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    pieces = []
    place = 0
    while place < len(body):
        size = min(random.choice((1, 7, 1000, 100_000)) if len(pieces) < 50 else len(body), len(body) - place)
        pieces.append(f"{size:x}\r\n".encode() + body[place : place + size] + b"\r\n")
        place += size
    return _head(method, path, headers) + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(pieces) + b"0\r\n\r\n"

"""Each limit, by a request that exceeds it; the process goes on serving afterwards."""

import gzip
import hashlib
import json
import select
import socket
import struct
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
from onnx import TensorProto
from PIL import Image

from migrate.server.access import check_token
from migrate.server.errors import HttpError
from migrate.server.limits import SettingError, Settings, read_settings
from migrate.server.threads import cpu_count
from tests.server import models
from tests.server.process import Server, running
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.programs

TOKENS = ("first token", "zweites-ü")


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with every size small, and all the time that there is."""
    root = tmp_path_factory.mktemp("models")
    models.identity(root / "gray", TensorProto.FLOAT, [-1, -1, -1, 1], more={"image_transformer": models.GRAY})
    limits = {
        "max_body_bytes": "2000",
        "max_header_bytes": "2000",
        "max_json_depth": "5",
        "max_image_pixels": "100",
        "max_in_flight": "2",
        "header_seconds": "3600",
        "body_seconds": "3600",
        "idle_seconds": "3600",
    }
    with running(root, tmp_path_factory.mktemp("log") / "log", **limits) as server:
        yield server


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that gives nobody time."""
    root = tmp_path_factory.mktemp("models")
    models.identity(root / "gray", TensorProto.FLOAT, [-1, -1, -1, 1], more={"image_transformer": models.GRAY})
    limits = {"header_seconds": "0.2", "body_seconds": "0.2", "idle_seconds": "0.5"}
    with running(root, tmp_path_factory.mktemp("log") / "log", **limits) as server:
        yield server


def serves(server: Server) -> bool:
    return server.eval({"x": [[[[1]]]]}, "/gray/eval").json() == {"y": 1.0}


def raw(server: Server, *pieces: bytes) -> bytes:
    """What comes back for bytes sent piece by piece, until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        received = b""
        with suppress(OSError):
            for piece in pieces:
                connection.sendall(piece)
                server.catch_up()
        while chunk := connection.recv(65536):
            received += chunk
        return received


def error_of(received: bytes) -> tuple[int, str]:
    head, _, body = received.partition(b"\r\n\r\n")
    found = json.loads(body)
    assert head.startswith(b"HTTP/1.1 %d " % found["status"])
    assert b"content-type: application/json" in head
    return found["status"], found["message"]


def test_large_bodies(tight: Server) -> None:
    refused = tight.eval({"x": [1] * 2000}, "/gray/eval")
    assert (refused.status, refused.json()["message"]) == (413, "The body is larger than 2000 bytes")
    chunks = [b"%x\r\n%b\r\n" % (1000, b" " * 1000)] * 3
    head = b"POST /gray/eval HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnection: close\r\n"
    head += b"Transfer-Encoding: chunked\r\n\r\n"
    received = raw(tight, head, *chunks, b"0\r\n\r\n")
    assert error_of(received) == (413, "The body is larger than 2000 bytes")
    assert serves(tight)


def test_compressed_bodies_that_grow(tight: Server) -> None:
    packed = gzip.compress(b" " * 3000)
    assert len(packed) < 2000
    assert tight.eval(packed, "/gray/eval", Content_Encoding="gzip").status == 413


def test_large_headers(tight: Server) -> None:
    message = "Request line and headers are larger than 2000 bytes"
    line = b"GET /health/live HTTP/1.1\r\nHost: a\r\nX-Large: "
    assert error_of(raw(tight, line + b"x" * 3000 + b"\r\n\r\n")) == (431, message)
    assert error_of(raw(tight, line, b"x" * 1500, b"x" * 1500)) == (431, message)
    assert error_of(raw(tight, b"GET /" + b"x" * 3000 + b" HTTP/1.1\r\n\r\n")) == (431, message)
    assert serves(tight)


def test_deep_json(tight: Server) -> None:
    for text in ('{"x":[[[[[[1]]]]]]}', '{"x":[[[[1]]]], "y":' + "[" * 500 + "]" * 500 + "}"):
        refused = tight.eval(text.encode(), "/gray/eval")
        assert refused.status == 400
        assert refused.json()["message"].startswith("Unable to parse the given bytes")


def test_large_images(tight: Server) -> None:
    buffer = BytesIO()
    Image.new("L", (11, 10)).save(buffer, "PNG")
    refused = tight.call("POST", "/gray/eval", buffer.getvalue(), {"Content-Type": "image/png"})
    assert (refused.status, refused.json()["message"]) == (413, "The image has 11 x 10 pixels, more than 100")


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"GET / HTTP/1.1\r\nA: b\r\n", "The headers were sent too slowly"),
        (
            b"POST /gray/eval HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n ",
            "The body was sent too slowly",
        ),
    ],
)
def test_slow_senders(hasty: Server, tight: Server, sent: bytes, message: str) -> None:
    with socket.create_connection(("127.0.0.1", tight.port), timeout=PATIENCE) as earlier:
        earlier.sendall(sent)
        tight.catch_up()
        half = len(sent) // 2
        assert error_of(raw(hasty, sent[:half], sent[half:])) == (408, message)
        assert select.select([earlier], [], [], 0)[0] == [], "whoever has the time is left alone"


def test_silent_connections_are_closed(hasty: Server) -> None:
    assert raw(hasty) == b""
    assert raw(hasty, b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n").startswith(b"HTTP/1.1 200")


_OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n"
_BODY = b'{"x": [[[[1]]]]}'
_SIZED = b"Content-Type: application/json\r\nContent-Length: 16\r\n\r\n"
_CHUNKED = b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [_SIZED + _BODY],
        [_SIZED, _BODY],
        [_SIZED[:20], _SIZED[20:] + _BODY[:4], _BODY[4:]],
        [_CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (len(_BODY), _BODY)],
        [_CHUNKED, b"%x\r\n%s\r\n" % (len(_BODY), _BODY), b"0\r\n\r\n"],
    ],
)
def test_an_offered_upgrade_is_passed_over(tight: Server, pieces: list[bytes]) -> None:
    """As Java's HttpClient and ``curl --http2`` offer it with every first request."""
    head = b"POST /gray/eval HTTP/1.1\r\nHost: x\r\n" + _OFFER
    again = b"POST /gray/eval HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + _SIZED + _BODY
    answer = raw(tight, head + pieces[0], *pieces[1:], again)
    assert answer.count(b"HTTP/1.1 200 OK") == 2


def test_what_is_no_http(tight: Server) -> None:
    bad_targets = (b"GET http://[ HTTP/1.1\r\nHost: a\r\n\r\n", b"GET http://a:99999999/ HTTP/1.1\r\nHost: a\r\n\r\n")
    nonsenses = (b"\x16\x03\x01\x02\x00\x01\x00\x01", b"GET / HTTP/9.9\r\n\r\n", b"A" * 500 + b"\r\n\r\n")
    for nonsense in (*nonsenses, *bad_targets):
        assert error_of(raw(tight, nonsense)) == (400, "Invalid HTTP request")
    bad_chunk = b"POST /gray/eval HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    assert error_of(raw(tight, bad_chunk + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"))[0] == 400
    assert serves(tight)


def test_many_requests_of_a_client_that_leaves(tight: Server) -> None:
    body = b'{"image":' + b"[" * 3 + b"1" + b"]" * 3 + b"}"
    head = b"POST /gray/eval HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nAccept: text/html\r\n"
    one = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", tight.port), timeout=PATIENCE) as connection:
            connection.sendall(one * 20)
            # Resets the connection while the first answers are being made.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # What was begun is finished, and counts as in flight until then.
    wait_until(lambda: serves(tight), "it does not serve any more")
    assert "Exception in ASGI application" not in tight.log.read_text()


def test_tokens(tmp_path: Path, log: Path) -> None:
    models.linear(tmp_path / "models" / "linear")
    digests = ",".join(hashlib.sha256(token.encode("latin-1")).hexdigest() for token in TOKENS)
    with running(tmp_path / "models", log, tokens_sha256=digests) as server:
        for token in TOKENS:
            encoded = token.encode("latin-1")
            for value in (f"Bearer {token}", "Basic " + b64encode(b":" + encoded).decode()):
                assert server.call("GET", "/describe", None, {"Authorization": value}).status == 200
        for value in ("", "Bearer wrong", "Bearer ", "Basic !", "Basic " + b64encode(b"user:first token").decode()):
            refused = server.call("GET", "/describe", None, {"Authorization": value})
            assert (refused.status, refused.json()["message"]) == (401, "Unauthorized")
        assert server.eval({"x": [1, 2, 3]}).status == 401
        assert server.call("GET", "/health/ready").status == 200
        assert server.call("GET", "/v2/health/live").status == 200
    assert not any(token in log.read_text() for token in TOKENS)


def test_without_digests_every_caller_passes() -> None:
    check_token(None, frozenset())
    with pytest.raises(HttpError, match="Unauthorized"):
        check_token(None, frozenset({"0" * 64}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MIGRATE_PORT", "x"),
        ("MIGRATE_MAX_BODY_BYTES", "0"),
        ("MIGRATE_MAX_BODY_BYTES", "-1"),
        ("MIGRATE_IDLE_SECONDS", "nan"),
        ("MIGRATE_ACCESS_LOG", "some"),
        ("MIGRATE_PLAIN_GRAY", "maybe"),
        ("MIGRATE_TOKENS_SHA256", "the-token-itself"),
    ],
)
def test_settings_that_cannot_be_used(name: str, value: str) -> None:
    with pytest.raises(SettingError) as caught:
        read_settings({name: value})
    assert name in str(caught.value)
    assert "the-token-itself" not in str(caught.value)


def test_settings() -> None:
    assert read_settings({"MIGRATE_PORT": ""}) == Settings()
    found = read_settings({"MIGRATE_PORT": "9000", "MIGRATE_IDLE_SECONDS": "2.5", "MIGRATE_STRICT_NULLS": "yes"})
    assert (found.port, found.idle_seconds, found.strict_nulls) == (9000, 2.5, True)


def test_addresses_of_services_are_no_ports(tmp_path: Path, log: Path) -> None:
    models.linear(tmp_path / "models" / "linear")
    links = {"port": "tcp://10.0.0.1:8080", "metrics_port": "tcp://10.0.0.1:8081"}
    assert read_settings({f"MIGRATE_{name.upper()}": value for name, value in links.items()}) == Settings()
    with running(tmp_path / "models", log, metrics_port=links["metrics_port"], port="0") as server:
        line = next(line for line in server.lines() if line["message"] == "a setting is ignored")
        assert (line["variable"], line["value"]) == ("MIGRATE_METRICS_PORT", links["metrics_port"])


def test_cpus_are_the_quotas(tmp_path: Path) -> None:
    everything = cpu_count(tmp_path)
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert cpu_count(tmp_path) == everything
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert cpu_count(tmp_path) == 1
    (tmp_path / "cpu.max").write_text(f"{everything * 100000 + 1} 100000\n")
    assert cpu_count(tmp_path) == everything
    (tmp_path / "cpu.max").unlink()
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("100000")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert cpu_count(tmp_path) == 1


def test_switches(tmp_path: Path, log: Path) -> None:
    models.identity(tmp_path / "m" / "rgb", TensorProto.FLOAT, [-1, -1, -1, 3], more={"image_transformer": models.RGB})
    buffer = BytesIO()
    Image.new("L", (1, 1), 128).save(buffer, "PNG")
    with running(tmp_path / "m", log, plain_gray="1", strict_nulls="1") as server:
        found = server.call("POST", "/eval", buffer.getvalue(), {"Content-Type": "image/png"})
        assert found.json() == {"y": [128.0, 128.0, 128.0]}
        assert server.eval({"x": [[[[1, None, 2]]]]}).json()["message"] == "Tensor x holds a null"


def test_slow_readers(tmp_path: Path, log: Path) -> None:
    models.identity(tmp_path / "models" / "flat", TensorProto.FLOAT, [-1])
    with running(tmp_path / "models", log, write_seconds="0.5") as server:
        body = b'{"x":[' + b",".join([b"1234.5"] * 1_500_000) + b"]}"
        before = server.metric("process_open_fds")
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
            head = b"POST /eval HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            connection.sendall(head % len(body) + body)
            assert connection.recv(1 << 10).startswith(b"HTTP/1.1 200 OK\r\n")
            wait_until(lambda: server.metric("process_open_fds") <= before, "the connection is not cut")
            received = 0
            with suppress(ConnectionError):
                while chunk := connection.recv(1 << 20):
                    received += len(chunk)
        assert received < len(body)
        assert server.eval({"x": 1}).json() == {"y": 1.0}


@pytest.mark.parametrize(
    "hosts", [b"", b"Host: a\r\nHost: b\r\n", b"Host: a\r\nhOST: a\r\n"], ids=["none", "two", "same"]
)
def test_a_request_has_one_host(single: Server, hosts: bytes) -> None:
    found = raw(single, b"GET /health/live HTTP/1.1\r\n" + hosts + b"\r\n")
    assert found.startswith(b"HTTP/1.1 400 ")
    assert b"one header Host" in found
    assert raw(single, b"GET /health/live HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 "), "HTTP/1.0 has none"

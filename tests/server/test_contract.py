"""The old contract over HTTP, rule by rule (the golden vectors are held by ``scripts/conformance.py``)."""

import gzip
import http.client
import json
import re
import socket
import zlib
from collections.abc import Callable
from encodings import _cache as known_codecs  # type: ignore[attr-defined]
from pathlib import Path
from typing import Any

import pytest

from migrate.server.compression import opened
from migrate.server.errors import HttpError
from migrate.server.negotiation import content_type_of
from tests.server import models
from tests.server.process import Server, running

JSON = "application/json"
PARSE_FAILURE = "Unable to parse the given bytes into a correct json map of (name -> tensor)"


def answer(server: Server, path: str, request: object, **headers: str) -> Any:
    found = server.eval(request, path, **headers)
    assert found.status == 200, found
    assert found.headers["content-type"] == "application/json;charset=utf-8"
    return found.json()


def test_the_only_model_is_at_the_root_and_under_its_id(single: Server) -> None:
    for prefix in ("", "/linear"):
        assert answer(single, f"{prefix}/eval", {"x": [1, 2, 3]})["scores"] == [2.5, 2.5]
        described = single.call("GET", f"{prefix}/describe/")
        assert described.headers["content-type"] == JSON
        assert described.json()["inputs"] == [{"name": "x", "type": "float", "shape": [-1, 3]}]


def test_bodies_are_compact_in_the_order_of_a_hash_map(single: Server) -> None:
    assert single.eval({"x": [1, 2, 2]}).body == b'{"scores":[2.0,3.0],"label":1}'


def test_every_dimension_of_one_is_dropped_unless_the_caller_keeps_them(packed: Server) -> None:
    assert answer(packed, "/cube/eval", {"x": [[[1], [2]]]}) == {"y": [1, 2]}
    assert answer(packed, "/cube/eval", {"x": [[[1], [2]]]}, Keep_Dimensions="1") == {"y": [[[1], [2]]]}
    assert answer(packed, "/flat/eval", {"x": 3}) == {"y": 3.0}
    assert answer(packed, "/flat/eval", {"x": 3}, Step="anything") == {"y": [3.0]}


def test_steps(packed: Server) -> None:
    columns = {"a": [1, 2], "b": [3, 4], "c": [5, 6]}
    assert answer(packed, "/table/eval", columns) == {"a2": [2.0, 4.0], "b2": [6.0, 8.0], "c2": [10.0, 12.0]}
    assert answer(packed, "/table/eval", columns, Step="input:0") == {"x": [[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]}
    assert answer(packed, "/table/eval", columns, Step="output:0") == {"y": [[2.0, 6.0, 10.0], [4.0, 8.0, 12.0]]}
    assert answer(packed, "/table/eval", columns, Step="output:7") == answer(packed, "/table/eval", columns)
    assert packed.eval(columns, "/table/eval", Step="input:x").status == 400


def test_columns(packed: Server) -> None:
    whole = {"x": [[1, 2, 3]], "a": [9]}
    assert answer(packed, "/table/eval", whole) == {"a2": 2.0, "b2": 4.0, "c2": 6.0}
    assert answer(packed, "/table/eval", {"a": 1, "b": 2.5, "c": [3]}) == {"a2": 2.0, "b2": 5.0, "c2": 6.0}
    for request, message in (
        ({"a": 1, "b": 2}, "Unable to find either a tensor with name x or with name c"),
        (
            {"a": 1, "b": 2, "c": [[3]]},
            "Only vectors (i.e tensor of rank 1) are supported as indexes. Found a tensor of rank 2 for index c",
        ),
        (
            {"a": [1, 2], "b": [1, 2], "c": [3]},
            "When using tensor indexes all vectors should be of the same size; but found different ones",
        ),
        ({"a": 1, "b": "2", "c": 3}, "Incompatibilies in types for tensor : required (string) but found (integer)"),
        ({"a": 1, "b": 2, "c": [None, 1]}, "Tensor c holds a null"),
    ):
        refused = packed.eval(request, "/table/eval")
        assert (refused.status, refused.json()["message"]) == (400, message)


def test_rolling_windows(packed: Server) -> None:
    expected = {"y": [[1, 2, 3, 4], [3, 4, 5, 6]]}
    assert answer(packed, "/windows/eval", {"a": [1, 3, 5], "b": [2, 4, 6]}) == expected
    assert answer(packed, "/windows/eval", {"x": [[1, 2], [3, 4], [5, 6]]}) == expected
    short = packed.eval({"a": 1, "b": 2}, "/windows/eval")
    assert short.json() == {"status": 400, "message": "Not enough data to evaluate. Required batch size is 2"}


def test_numbers_and_words(packed: Server) -> None:
    sent = b'{"x":[1e-5,0.001,1e7,9999999,-0.0,1e400,16777217]}'
    expected = b'{"y":[1.0E-5,0.001,1.0E7,9999999.0,-0.0,"Infinity",1.6777216E7]}'
    assert packed.eval(sent, "/flat/eval").body == expected
    assert packed.eval(b'{"x":[0.1,1e22,1e-300]}', "/double/eval").body == b'{"y":[0.1,1.0E22,1.0E-300]}'


def test_nulls(packed: Server) -> None:
    assert answer(packed, "/flat/eval", {"x": [None, 2]}) == {"y": [0.0, 2.0]}
    assert packed.eval({"x": [["a", None]]}, "/texts/eval").json()["message"] == "Tensor x holds a null"
    assert packed.eval({"x": None}, "/flat/eval").json()["message"] == PARSE_FAILURE
    assert answer(packed, "/flat/eval", {"x": 1, "unused": None, "empty": []}) == {"y": 1.0}


def test_types(packed: Server) -> None:
    request = {"f": 0.1, "h": 0.1, "d": 0.1, "i": 2.9, "l": 2**40, "b": True, "s": "ü"}
    found = answer(packed, "/types/eval", request)
    assert found == {
        "f_out": 0.1,
        "h_out": 0.099975586,
        "d_out": 0.1,
        "i_out": 2,
        "l_out": 2**40,
        "b_out": True,
        "s_out": "ü",
    }
    refused = packed.eval({**request, "b": 1}, "/types/eval").json()
    assert refused["message"] == "Incompatibilies in types for tensor : required (integer) but found (boolean)"


def test_strings_are_plain_json(packed: Server) -> None:
    assert packed.eval({"x": [["a/é", '"<']]}, "/texts/eval").body == '{"y":["a/é","\\"<"]}'.encode()


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "message"),
    [
        (
            "GET",
            "/nothing",
            {},
            404,
            "RESTEASY003210: Could not find resource for full path: http://127.0.0.1:{port}/nothing",
        ),
        ("GET", "/eval", {}, 405, "RESTEASY003650: No resource method found for GET, return 405 with Allow header"),
        ("PUT", "/describe", {}, 405, "RESTEASY003650: No resource method found for PUT, return 405 with Allow header"),
        ("GET", "/describe", {"Accept": "text/html"}, 406, "RESTEASY003635: No match for accept header"),
        ("GET", "/", {"Accept": JSON}, 406, "RESTEASY003635: No match for accept header"),
        ("POST", "/eval", {}, 415, "RESTEASY003065: Cannot consume content type"),
        ("POST", "/eval", {"Content-Type": "text/csv"}, 415, "RESTEASY003065: Cannot consume content type"),
        ("POST", "/eval", {"Content-Type": "nonsense"}, 415, "RESTEASY003065: Cannot consume content type"),
        ("POST", "/eval", {"Content-Type": JSON + ";charset=nope"}, 415, "RESTEASY003065: Cannot consume content type"),
        (
            "POST",
            "/eval",
            {"Content-Type": JSON, "Accept": "text/csv"},
            406,
            "RESTEASY003635: No match for accept header",
        ),
        (
            "POST",
            "/eval",
            {"Content-Type": "text/csv", "Accept": "text/csv"},
            415,
            "RESTEASY003065: Cannot consume content type",
        ),
        ("POST", "/eval", {"Content-Type": JSON, "Accept": "text/*"}, 400, "Accept header 'text/*' not supported..."),
        ("POST", "/eval", {"Content-Type": JSON, "Accept": "*"}, 400, "Accept header '*' not supported..."),
    ],
)
def test_refusals(single: Server, method: str, path: str, headers: dict[str, str], status: int, message: str) -> None:
    body = b'{"x":[1,2,3]}' if method == "POST" else None
    found = single.call(method, path, body, headers)
    assert found.headers["content-type"] == JSON
    assert {key: value for key, value in found.json().items() if key != "detail"} == {
        "status": status,
        "message": message.format(port=single.port),
    }
    assert found.status == status
    if status == 405:
        assert "OPTIONS" in found.headers["allow"]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", "application/json;charset=utf-8"),
        ("text/html;q=0.1, application/json", "text/html;charset=utf-8"),
        ("text/csv, application/json", "application/json;charset=utf-8"),
        ("APPLICATION/JSON", "application/json;charset=utf-8"),
        ("", "application/json;charset=utf-8"),
        ("application/json; utf-8", "application/json;charset=utf-8"),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "text/html;charset=utf-8"),  # Java's own client
        ("*; q=.2, */*", "application/json;charset=utf-8"),
    ],
)
def test_the_first_type_that_can_be_produced_counts(single: Server, accept: str, content_type: str) -> None:
    found = single.eval({"x": [1, 2, 3]}, Accept=accept)
    assert (found.status, found.headers["content-type"]) == (200, content_type)


@pytest.mark.parametrize(
    "parameters",
    [
        "; utf-8",
        ";",
        ";;charset=utf-8",
        "; charset",
        "; charset=",
        "; =x",
        "; charset=x-windows-874",
        "; charset=IBM01140",
    ],
)
def test_parameters_of_a_content_type_that_say_nothing(single: Server, parameters: str) -> None:
    found = single.call("POST", "/eval", PLAIN, {"Content-Type": JSON + parameters})
    assert found.json()["label"] == 1


def test_content_type_in_any_case_with_parameters(single: Server) -> None:
    body = '{"x":[1,2,2]}'.encode("utf-16")
    found = single.call("POST", "/eval", body, {"Content-Type": "Application/JSON; charset=latin-1"})
    assert found.json() == {"label": 1, "scores": [2.0, 3.0]}


def test_head_and_options(single: Server) -> None:
    head = single.call("HEAD", "/describe")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["content-length"]) == len(single.call("GET", "/describe").body)
    options = single.call("OPTIONS", "/eval")
    assert (options.status, options.headers["allow"]) == (204, "OPTIONS, POST")


def test_hostile_model_ids_are_reached_percent_encoded(packed: Server) -> None:
    for quoted in ("..%2Fa%20b%2F%C3%BC%3F", "%2e%2e%2fa%20b%2f%c3%bc%3f"):
        assert answer(packed, f"/{quoted}/eval", {"x": [1, 2, 2]})["label"] == 1
    assert packed.call("GET", "/eval").status == 404
    assert packed.call("GET", "/../a%20b/describe").status == 404


def test_request_ids(single: Server) -> None:
    assert single.eval({"x": [1, 2, 3]}, X_Request_ID="abc-1").headers["x-request-id"] == "abc-1"
    made = [single.call("GET", "/describe").headers["x-request-id"] for _ in range(2)]
    assert len(set(made)) == 2
    assert single.call("GET", "/describe", None, {"X-Request-ID": "x" * 1000}).headers["x-request-id"] != "x" * 1000
    logged = [line for line in single.lines() if line.get("request_id") == "abc-1"]
    assert [(line["status"], line["path"]) for line in logged] == [(200, "/eval")]


PLAIN = b'{"x":[1,2,2]}'


def raw_deflate(data: bytes) -> bytes:
    return zlib.compress(data)[2:-4]


def members(data: bytes) -> bytes:
    return b"".join(gzip.compress(data[place : place + 3]) for place in range(0, len(data), 3))


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("X-GZip", gzip.compress),
        ("gzip", members),
        ("gzip", lambda data: gzip.compress(data) + bytes(512)),
        ("identity, gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
    ],
    ids=["gzip", "x-gzip", "members", "padded", "listed", "zlib", "raw"],
)
def test_compressed_bodies(single: Server, coding: str, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(PLAIN)
    assert single.eval(packed, Content_Encoding=coding).json()["label"] == 1
    assert single.eval(packed[:-4].rstrip(b"\0")[:-4], Content_Encoding=coding).status == 400
    large = pack(PLAIN + b" " * 20_000)
    assert single.eval(large, Content_Encoding=coding).json()["label"] == 1


@pytest.mark.parametrize("coding", ["gzip", "deflate", "UTF-8", "none", "application/json", "", "identity,identity"])
def test_bodies_that_are_not_compressed_whatever_was_announced(single: Server, coding: str) -> None:
    for body in (PLAIN, b" " + PLAIN, PLAIN.decode().encode("utf-16"), PLAIN.decode().encode("utf-32-be")):
        assert single.eval(body, Content_Encoding=coding).json()["label"] == 1
    assert single.eval(b"", Content_Encoding=coding).status == 400


def test_raw_deflate_may_begin_as_the_end_of_a_line_does() -> None:
    body = b'{"x":[265,297,701,931,700,821,869,911,190,667,236]}'
    packed = "0dc5c10dc0200c03c05d78fb1107e1e0ae82d8030975f7f63e77db69cf4a0da40b15843bff03338929c324e88054c8aefd7e"
    assert opened(bytes.fromhex(packed), "deflate", 1000) == body
    assert opened(b"\r\n--b", "deflate", 1000) == b"\r\n--b"


def test_unknown_charsets_are_not_kept() -> None:
    before = len(known_codecs)
    for number in range(300):
        with pytest.raises(HttpError, match="Cannot consume"):
            content_type_of(f"{JSON};charset=no-{number}")
    assert len(known_codecs) == before
    for name in ("utf 8", "KOI8-R", "646", "Big5-HKSCS", "cp1252", "windows-31j"):
        assert content_type_of(f'{JSON};charset="{name}"').name == JSON


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, br", "gzip, gzip"])
def test_codings_that_are_not_opened(single: Server, coding: str) -> None:
    assert single.eval(PLAIN, Content_Encoding=coding).status == 415


@pytest.mark.parametrize("body", [gzip.compress(PLAIN) + b"more", gzip.compress(b"") * 10_001], ids=["more", "many"])
def test_gzip_with_something_else_behind_it(single: Server, body: bytes) -> None:
    refused = single.eval(body, Content_Encoding="gzip")
    assert (refused.status, refused.json()["message"]) == (400, "The body is not gzip")


def test_chunked_bodies_and_pipelined_requests(single: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", single.port, timeout=60)
    for _ in range(2):
        connection.request("POST", "/eval", iter([b'{"x":', b"[1,2,2]}"]), {"Content-Type": JSON}, encode_chunked=True)
        response = connection.getresponse()
        assert json.loads(response.read())["label"] == 1
    connection.close()


def test_openapi(single: Server) -> None:
    found = single.call("GET", "/openapi.json")
    assert found.headers["content-type"] == JSON
    document = found.json()
    assert document["openapi"] == "3.0.1"
    assert set(document["components"]["schemas"]) >= {"Inputs", "Outputs"}
    assert document["components"]["schemas"]["Inputs"]["properties"]["x"]["items"]["maxItems"] == 3
    example = document["components"]["requestBodies"]["request"]["content"][JSON]["example"]
    assert single.eval(example).status == 200
    as_yaml = single.call("GET", "/openapi.yaml")
    assert as_yaml.headers["content-type"] == "application/yaml"
    assert as_yaml.body.startswith(b'"openapi": "3.0.1"\n')


def test_metrics_have_the_old_names_and_the_usual_ones(single: Server) -> None:
    single.eval({"x": [[1, 2, 3]] * 5})
    for port in (single.port, single.metrics_port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        assert float(samples["evaluator_evaluation_count"]) >= 5
        labels = 'class="EvaluationResource",method="evaluate",status="200",quantile="0.99"'
        assert float(samples[f"evaluator_api_request_latency_ms{{{labels}}}"]) > 0
        assert float(samples['inference_requests_total{model="linear",route="eval",status="200"}']) >= 1
        assert float(samples["inference_requests_in_flight"]) == 0
        assert float(samples['model_load_seconds{model="linear"}']) > 0
        assert 'inference_batch_size_bucket{le="8.0",model="linear"}' in samples
        assert "process_resident_memory_bytes" in samples


def pieces(server: Server, *sent: bytes, answers: int) -> list[tuple[list[str], bytes]]:
    """Header lines (without date and id) and body of each answer to bytes that are sent piece by piece."""
    found = []
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        for piece in sent:
            connection.sendall(piece)
            server.catch_up()
        stream = connection.makefile("rb")
        for _ in range(answers):
            lines = []
            while (line := stream.readline().decode().strip()) != "":
                lines.append(line)
            length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length"))
            kept = [line for line in lines if not line.startswith(("date", "x-request-id"))]
            found.append((kept, stream.read(length)))
    return found


def request(*headers: str, body: bytes = b'{"x":[1,2,2]}') -> bytes:
    lines = [
        "POST /eval HTTP/1.1",
        "Host: a",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def test_the_express_lane_gives_what_the_application_gives(tmp_path: Path) -> None:
    models.linear(tmp_path / "linear")
    with running(tmp_path, tmp_path / "log") as server:
        slowly = pieces(server, request("Keep-Dimensions: 0"), answers=1)[0]
        for _ in range(50):
            server.eval({"x": [1, 2, 2]})
        usual = request()
        assert pieces(server, usual, answers=1)[0] == slowly
        assert pieces(server, usual[:-5], usual[-5:], answers=1)[0] == slowly
        assert pieces(server, usual[:40], usual[40:-5], usual[-5:], answers=1)[0] == slowly
        mixed = pieces(server, usual + request("Step: input:0") + usual + request(body=b"{}") + usual, answers=5)
        assert [body for _, body in mixed[:3]] == [slowly[1], b'{"x":[[1.0,2.0,2.0]]}', slowly[1]]
        assert mixed[3][1] == b'{"status":400,"message":"Unable to find a tensor with name x"}'
        assert mixed[4] == slowly
        for other in (request("Connection: close"), request("Accept: text/html"), request("X-Request-ID: me")):
            assert server.call("GET", "/health/live").status == 200
            assert pieces(server, other, answers=1)[0][0][0] == "HTTP/1.1 200 OK"
        samples = server.call("GET", "/metrics").body.decode()
        assert 'inference_requests_total{model="linear",route="eval",status="200"}' in samples
        count = re.search(r'inference_requests_total\{model="linear",route="eval",status="200"\} (\S+)', samples)
        assert count is not None
        assert float(count[1]) == 1 + 50 + 3 + 4 + 3


@pytest.mark.parametrize("path", ["//eval", "/eval/", "/eval;x=1", "/linear;v=2//eval;x", "/%6cinear/eval"])
def test_slashes_and_parameters_of_a_path_do_not_matter(single: Server, path: str) -> None:
    assert answer(single, path, {"x": [1, 2, 2]}) == {"scores": [2.0, 3.0], "label": 1}


JUNK = b'{"x":[1,2,2]}'
BAD_CHUNK = (
    b"POST /eval HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
)


@pytest.mark.parametrize("headers", [(), ("Accept: text/html",)], ids=["usual", "by the application"])
@pytest.mark.parametrize("junk", [JUNK, b"\x16\x03\x01\x02", BAD_CHUNK], ids=["a body", "no text", "a bad chunk"])
@pytest.mark.parametrize("count", [1, 3])
def test_whole_requests_are_answered_before_what_follows_is_refused(
    single: Server, headers: tuple[str, ...], junk: bytes, count: int
) -> None:
    found = pieces(single, request(*headers) * count + junk, answers=count + 1)
    assert [lines[0].split()[1] for lines, _ in found] == ["200"] * count + ["400"]
    assert json.loads(found[-1][1])["message"] == "Invalid HTTP request"
    assert "connection: close" in found[-1][0]


def test_a_body_that_was_not_announced(single: Server) -> None:
    head = b"POST /eval HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\r\n"
    found = pieces(single, head + JUNK, answers=2)
    assert json.loads(found[0][1])["message"] == PARSE_FAILURE
    assert json.loads(found[1][1])["message"] == "Invalid HTTP request"

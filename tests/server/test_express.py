"""The express lane can be turned off, and nobody can tell from an answer whether it is."""

import json
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.server.engines import load
from migrate.server.evaluation import EvalCalls
from migrate.server.limits import SettingError, Settings, read_settings
from migrate.server.model_files import read_model
from migrate.server.served import Served
from tests.server.format_models import write_sample
from tests.server.process import Server, running
from tests.server.test_contract import pieces, request
from tests.server.test_merging import ROWS, RUNS, at_once, go, stopped, write
from tests.waiting import wait_until

pytestmark = pytest.mark.programs

QUICK = 50  # calls after which a model counts as quick
BODIES = [
    *(json.dumps({"x": row}).encode() for row in ROWS[:8]),
    b'{"x":[[1,2,3],[4,5,6]]}',
    b'{"x":[1e-9,1e9,0.1]}',
    b'{"x":[1,null,"NaN"]}',
    b'{"x":[1,2]}',
    b'{"x":["a",2,3]}',
    b'{"y":1}',
    b"{}",
    b"{",
    b"",
]
HEADERS = [
    (),
    ("X-Request-ID: mine",),
    ("Accept: */*;q=0.1",),
    ("Accept: text/html",),
    ("Accept: text/csv",),
    ("Keep-Dimensions: 1",),
    ("Step: input:0",),
    ("Content-Encoding: gzip",),
]

INPUT: dict[str, Any] = {"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [[1, 2, 2]]}
SCORES = [{"name": "scores", "parameters": {"binary_data": True}}]
BINARY = [{**INPUT, "data": None, "parameters": {"binary_data_size": 12}}]
INFERRED = [
    *(json.dumps({"inputs": [{**INPUT, "data": row}]}).encode() for row in ROWS[:4]),
    *(
        json.dumps(body).encode()
        for body in (
            {"inputs": [INPUT], "id": "ü"},
            {"inputs": [{**INPUT, "data": [1e-9, 1e9, 0.1]}], "id": 7, "parameters": {"binary_data_output": False}},
            {"inputs": [{**INPUT, "shape": [2, 3], "data": [[1, 2, 3], [4, 5, 6]]}]},
            {"inputs": [INPUT], "outputs": [{"name": "label"}]},
            {"inputs": [INPUT], "outputs": SCORES},
            {"inputs": [{**INPUT, "data": [1, "NaN", "Infinity"]}]},
            {"inputs": [{**INPUT, "data": [1, 2]}]},
            {"inputs": [{**INPUT, "datatype": "FP64"}]},
            {"inputs": [INPUT, INPUT]},
            {"inputs": BINARY},
            {},
        )
    ),
    b"{",
    b"",
]
INFER_HEADERS = [
    (),
    ("X-Request-ID: mine",),
    ("Accept: text/csv",),
    ("Content-Encoding: gzip",),
    ("Inference-Header-Content-Length: 2",),
    ("Inference-Header-Content-Length: two",),
    (f"Inference-Header-Content-Length: {'9' * 5000}",),
]


def infer(*headers: str, body: bytes, path: str = "/v2/models/linear/infer") -> bytes:
    return request(*headers, body=body).replace(b"/eval", path.encode(), 1)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Servers with the lane and without it, whose model counts as quick."""
    root = tmp_path_factory.mktemp("models")
    write(root / "linear")
    logs = tmp_path_factory.mktemp("logs")
    with running(root, logs / "on", express="1") as on, running(root, logs / "off", express="0") as off:
        for server in (on, off):
            for _ in range(QUICK):
                server.eval({"x": [1, 2, 2]})
        yield on, off


@pytest.mark.parametrize("headers", INFER_HEADERS, ids=lambda headers: " ".join(headers)[:40] or "usual")
def test_every_inference_has_the_same_bytes(both: tuple[Server, Server], headers: tuple[str, ...]) -> None:
    sent = [infer(*headers, body=body) for body in INFERRED]
    on, off = ([pieces(server, one, answers=1) for one in sent] for server in both)
    assert on == off
    assert {lines[0][0][0].split()[1] for lines in on} <= {"200", "400"}


def test_an_inference_in_binary_has_the_same_bytes(both: tuple[Server, Server]) -> None:
    head = json.dumps({"inputs": BINARY, "outputs": SCORES}).encode()
    header = f"Inference-Header-Content-Length: {len(head)}"
    sent = infer(header, body=head + struct.pack("<3f", 1, 2, 2))
    ((on_lines, on),), off = (pieces(server, sent, answers=1) for server in both)
    assert [(on_lines, on)] == off
    assert on.endswith(struct.pack("<2f", 2, 3))
    assert "content-type: application/octet-stream" in on_lines


def test_inferences_that_came_together_have_the_same_bytes(both: tuple[Server, Server]) -> None:
    sent = [infer(body=body) for body in INFERRED]
    sent[1] = infer(body=INFERRED[1], path="/v2/models/linear/versions/1/infer")
    assert at_once(both[0], sent) == at_once(both[1], sent)
    many = [infer(body=INFERRED[place % 5]) for place in range(20)]

    def merged() -> bool:
        before = both[0].metric(RUNS)
        assert at_once(both[0], many) == [pieces(both[1], one, answers=1)[0][1] for one in many]
        # Each connection had a call of /eval before.
        return both[0].metric(RUNS) - before < 1.5 * len(many)

    wait_until(merged, "each inference had a run of its own")


def test_it_says_which_it_is(both: tuple[Server, Server]) -> None:
    for server, express in zip(both, (True, False), strict=True):
        assert [line["express"] for line in server.lines() if line["message"] == "ready"] == [express]


@pytest.mark.parametrize("headers", HEADERS, ids=lambda headers: " ".join(headers) or "usual")
def test_every_answer_has_the_same_bytes(both: tuple[Server, Server], headers: tuple[str, ...]) -> None:
    sent = [request(*headers, body=body) for body in BODIES]
    on, off = ([pieces(server, one, answers=1) for one in sent] for server in both)
    assert on == off
    assert {lines[0][0][0].split()[1] for lines in on} <= {"200", "400", "406"}


def test_several_requests_in_one_piece_have_the_same_answers(both: tuple[Server, Server]) -> None:
    sent = b"".join(request(body=body) for body in BODIES)
    on, off = (pieces(server, sent, answers=len(BODIES)) for server in both)
    assert on == off


def test_without_it_each_request_has_a_run_of_its_own(both: tuple[Server, Server]) -> None:
    _, off = both
    bodies = [json.dumps({"x": row}).encode() for row in ROWS]
    before = off.metric(RUNS)
    found = at_once(off, [request(body=body) for body in bodies])
    assert off.metric(RUNS) - before == len(ROWS) + len(bodies)  # each connection had a usual request before
    assert found == [off.eval(body).body for body in bodies]


@pytest.mark.parametrize("headers", [(), ("Keep-Dimensions: 1",)], ids=["usual", "by the application"])
def test_who_shuts_the_own_side_is_answered(both: tuple[Server, Server], headers: tuple[str, ...]) -> None:
    sent = request(*headers) + request(*headers, body=b'{"x":[2,1,1]}')
    found = []
    for server in both:
        with stopped(server, 1) as (connection,):
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            go(server)
            found.append([connection.makefile("rb").read().count(b'"label":'), connection.recv(1)])
    assert found == [[2, b""]] * 2


def test_a_model_with_rules_of_its_own_has_the_same_bytes(tmp_path: Path) -> None:
    folder = write_sample(tmp_path / "models", "ages-scaler")
    model = read_model(folder)
    calls = EvalCalls(Served(model, load(model, threads=1), Settings()))
    usual = b'{"age":[45.5,null],"income":[3100.0,1e9]}'
    found = calls.alone(usual, (b"", None))
    assert found is not None
    with (
        running(folder.parent, tmp_path / "on", express="1") as on,
        running(folder.parent, tmp_path / "off", express="0") as off,
    ):
        for server in (on, off):
            for _ in range(QUICK):
                assert server.eval(usual).body == found[0]
        more = (
            b'{"age":1,"income":2}',
            b'{"instances":[{"age":1,"income":2}]}',
            b'{"age":[1],"income":[2,3]}',
            b"{}",
            b"{",
        )
        for body in (usual, *more):
            for headers in ((), ("Keep-Dimensions: 1",)):
                sent = request(*headers, body=body)
                assert pieces(on, sent, answers=1) == pieces(off, sent, answers=1)


def test_the_setting() -> None:
    assert read_settings({}).express
    assert not read_settings({"MIGRATE_EXPRESS": "0"}).express
    with pytest.raises(SettingError, match="MIGRATE_EXPRESS"):
        read_settings({"MIGRATE_EXPRESS": "off"})

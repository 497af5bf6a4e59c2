"""Requests that came together are answered by one run, each as if it had come alone."""

import fcntl
import json
import os
import signal
import socket
import struct
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from migrate.server.engines import load
from migrate.server.evaluation import EvalCalls
from migrate.server.express import Lane
from migrate.server.http import RequestIds
from migrate.server.limits import Settings
from migrate.server.metrics import Metrics
from migrate.server.model_files import read_model
from migrate.server.selfcheck import check
from migrate.server.served import Served
from tests.server import models
from tests.server.process import Server, running
from tests.server.test_contract import request
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.programs

ROWS = [[float(number), 2.0, 2.5] for number in range(40)]
RECORDED = {"x": [[1.0, 2.0, 3.0]]}
RUNS = 'inference_batch_size_count{model="linear"}'


def write(folder: Path, *, apart: bool = True) -> Path:
    models.linear(folder, onnx={"zipmap": {}, "rows_apart": apart})
    sample = {"name": "one", "request": RECORDED, "answer": {"label": 1, "scores": [2.5, 2.5]}}
    sample["answer"] = {"label": 0, "scores": [2.5, 2.5]}
    (folder / "recorded.json").write_text(json.dumps({"samples": [sample]}))
    return folder


def served(folder: Path) -> Served:
    model = read_model(folder)
    made = Served(model, load(model, threads=1), Settings())
    check(made)
    return made


def test_it_merges_where_the_graph_is_proven_and_the_engine_agrees(tmp_path: Path) -> None:
    assert served(write(tmp_path / "apart")).merges
    assert not served(write(tmp_path / "unproven", apart=False)).merges
    unrecorded = write(tmp_path / "unrecorded")
    (unrecorded / "recorded.json").unlink()
    assert not served(unrecorded).merges


def test_merged_answers_are_those_of_one_run_each(tmp_path: Path) -> None:
    made = served(write(tmp_path / "linear"))
    bodies = [json.dumps({"x": row}).encode() for row in ROWS] + [b'{"x":[1e-9,1e9,3]}', b'{"x":[[0,0,0]]}']
    rows = [made.row(body) for body in bodies]
    alone = [made.quick_answer(body) for body in bodies]
    for size in (2, 7, len(bodies)):
        found = made.merged_answers([row for row in rows[-size:] if row is not None])
        assert found == [answer[0] for answer in alone[-size:] if answer is not None]


@pytest.mark.parametrize(
    "body", [b"{}", b'{"x":[[1,2,3],[4,5,6]]}', b'{"x":[]}', b'{"x":[1,2,3],"y":1}', b"{", b'{"x":"a"}']
)
def test_other_bodies_are_not_for_it(tmp_path: Path, body: bytes) -> None:
    made = served(write(tmp_path / "linear"))
    row = made.row(body)
    assert row is None or made.merged_answers([row, [[1.0, 2.0, 3.0]]]) is None


class Recorder:
    """Who waits, and writes down what came."""

    def __init__(self) -> None:
        self.taken: list[bytes | None] = []

    def take(self, answer: bytes | None) -> None:
        self.taken.append(answer)


def test_one_run_for_all_who_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = served(write(tmp_path / "linear"))
    sizes = []
    run = made.engine.run
    monkeypatch.setattr(made.engine, "run", lambda feeds: (sizes.append(len(feeds["x"])), run(feeds))[1])
    made.pace.quick = True
    metrics = Metrics()
    lane = Lane(EvalCalls(made), Settings(), metrics, RequestIds())
    headers = [(b"content-type", b"application/json"), (b"x-request-id", b"mine")]
    waiting = [Recorder() for _ in range(3)]
    for who, body in zip(waiting, (b'{"x":[1,2,2]}', b'{"x":[2,1,1]}', b'{"x":[2,1]}'), strict=True):
        assert lane.wait(who, headers, body)
    lane.flush([(b"date", b"today")])
    assert [[answer and answer.rpartition(b"\r\n\r\n")[2] for answer in who.taken] for who in waiting] == [
        [b'{"scores":[2.0,3.0],"label":1}'],
        [b'{"scores":[2.5,1.5],"label":0}'],
        [None],  # which the application refuses
    ]
    assert waiting[0].taken[0] is not None
    assert b"\r\nx-request-id: mine\r\n" in waiting[0].taken[0]
    assert metrics.evaluated == 2
    assert sizes == [1, 1], "one of them did not fit: each has its own run"
    made.pace.quick = True  # whatever this machine did meanwhile
    for _ in range(5):
        assert lane.wait(Recorder(), headers, b'{"x":[1,2,2]}')
    lane.flush([])
    assert sizes[2:] == [5]
    made.pace.quick = True
    assert not lane.wait(Recorder(), headers, b'{"x":[[1,2,3],[4,5,6]]}')
    assert not lane.wait(Recorder(), [(b"content-type", b"text/plain")], b'{"x":[1,2,2]}')


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    write(tmp_path / "linear")
    with running(tmp_path, tmp_path / "log", express="1") as one:
        for _ in range(50):
            one.eval({"x": [1, 2, 2]})
        assert [line["merged"] for line in one.lines() if "merged" in line] == [True]
        yield one


@contextmanager
def stopped(server: Server, count: int) -> Iterator[list[socket.socket]]:
    """So many connections that the server knows; what is sent on them it sees at once, after :func:`go`."""
    with ExitStack() as stack:
        address = ("127.0.0.1", server.port)
        sockets = [stack.enter_context(socket.create_connection(address, timeout=PATIENCE)) for _ in range(count)]
        for connection in sockets:
            connection.sendall(request())
            _read(connection, 1)
        stack.callback(go, server)
        os.kill(server.process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, server.process.pid, os.WSTOPPED)
        yield sockets


def go(server: Server) -> None:
    """Let a stopped server go on."""
    os.kill(server.process.pid, signal.SIGCONT)


def at_once(server: Server, sent: Sequence[bytes]) -> list[bytes]:
    """What each of several connections gets for its requests."""
    with stopped(server, len(sent)) as sockets:
        for connection, data in zip(sockets, sent, strict=True):
            connection.sendall(data)
            wait_until(lambda: not _on_the_way(connection), "it did not arrive")  # noqa: B023 - called at once
        go(server)
        return [_read(connection, data.count(b"HTTP/1.1")) for connection, data in zip(sockets, sent, strict=True)]


def _on_the_way(connection: socket.socket) -> int:
    """How many bytes the other side's kernel does not have yet."""
    return int(struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0])


def _read(connection: socket.socket, answers: int) -> bytes:
    """The bodies of so many answers, one a line."""
    stream = connection.makefile("rb")
    found = []
    for _ in range(answers):
        length = 0
        while (line := stream.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        found.append(stream.read(length))
    return b"\n".join(found)


def test_everybody_gets_the_own_answer(server: Server) -> None:
    bodies = [json.dumps({"x": row}).encode() for row in ROWS]
    alone = [server.eval(body).body for body in bodies]
    sent = [request(body=body) for body in bodies]
    wrong = b'{"x":[1,2]}'
    refused = server.eval(wrong).body
    sent[3] = request(body=wrong)
    sent[5] = request(body=bodies[5]) + request(body=bodies[6]) + request("Step: input:0", body=bodies[7])
    sent[9] = request("Connection: close", body=bodies[9])
    step = server.eval(bodies[7], Step="input:0").body
    expected = [*alone]
    expected[3] = refused
    expected[5] = b"\n".join((alone[5], alone[6], step))

    def merged() -> bool:
        before, runs = count(server), server.metric(RUNS)
        assert at_once(server, sent) == expected
        # Each connection had a usual one before; one of these was refused, and one connection sent two more.
        assert count(server) == before + len(sent) + len(sent) - 1 + 2
        # Each connection's first request had a run, the others hardly any, unless the machine kept the server waiting.
        return server.metric(RUNS) - runs < len(sent) + len(sent) / 2

    wait_until(merged, "each request had a run of its own")


def test_who_shuts_the_own_side_is_answered(server: Server) -> None:
    with stopped(server, 3) as sockets:
        for connection in sockets:
            connection.sendall(request())
            connection.shutdown(socket.SHUT_WR)
        go(server)
        for connection in sockets:
            assert _read(connection, 1) == b'{"scores":[2.0,3.0],"label":1}'


def test_what_goes_wrong_in_one_run_is_told_to_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = served(write(tmp_path / "linear"))
    made.pace.quick = True
    lane = Lane(EvalCalls(made), Settings(), Metrics(), RequestIds())
    waiting = [Recorder(), Recorder()]
    for who in waiting:
        assert lane.wait(who, [(b"content-type", b"application/json")], b'{"x":[1,2,2]}')
    monkeypatch.setattr(made.engine, "run", lambda _: 1 / 0)
    lane.flush([])
    assert [who.taken for who in waiting] == [[None], [None]], "the application answers, with 500 and a line in the log"


def test_who_leaves_takes_no_other_answer_away(server: Server) -> None:
    with stopped(server, 4) as sockets:
        for place, connection in enumerate(sockets):
            connection.sendall(request(body=json.dumps({"x": ROWS[place]}).encode()))
        sockets[1].close()
        go(server)
        for place in (0, 2, 3):
            assert _read(sockets[place], 1) == server.eval({"x": ROWS[place]}).body


def test_a_server_that_ends_answers_who_waits(server: Server) -> None:
    with stopped(server, 4) as sockets:
        for connection in sockets:
            connection.sendall(request())
            wait_until(lambda: not _on_the_way(connection), "it did not arrive")  # noqa: B023 - called at once
        os.kill(server.process.pid, signal.SIGINT)
        time.sleep(0.2)  # over the pace at which uvicorn looks for its end: it does so before it reads
        go(server)
        for connection in sockets:
            assert _read(connection, 1) == b'{"scores":[2.0,3.0],"label":1}'


def count(server: Server) -> float:
    return server.metric('inference_requests_total{model="linear",route="eval",status="200"}')

"""Bodies that take their time: they keep nobody else waiting, and hold only so much together."""

import asyncio
import json
import platform
import re
import socket
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from onnx import TensorProto

from migrate.server.engines import load
from migrate.server.errors import HttpError
from migrate.server.evaluation import Admission, Evaluation
from migrate.server.http import Request
from migrate.server.limits import SettingError, Settings, read_settings
from migrate.server.metrics import Metrics
from migrate.server.model_files import read_model
from migrate.server.rows import RowThreads
from migrate.server.served import Served
from migrate.server.threads import memory_limit
from tests.server import models
from tests.server.process import Server, held, running
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.programs

MB = 1 << 20
LIMITS = {"max_body_bytes": str(20 * MB), "max_uploads_bytes": str(40 * MB), "max_in_flight": "2"}
ONE = b'{"x":[1]}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("models")
    models.identity(root / "flat", TensorProto.FLOAT, [-1])
    with running(root, tmp_path_factory.mktemp("log") / "log", **LIMITS) as found:
        yield found


@contextmanager
def upload(server: Server, *, announced: int, sent: int, path: str = "/eval") -> Iterator[socket.socket]:
    """A connection that announces a body and sends a part of it."""
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {announced}\r\n\r\n"
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)) as connection:
        connection.sendall(head.encode() + b" " * sent)
        yield connection


def status_of(connection: socket.socket) -> tuple[int, str]:
    with connection.makefile("rb") as answer:
        head = answer.readline()
        rest = b"".join(iter(answer.readline, b"\r\n"))
    return int(head.split()[1]), rest.decode().lower()


def serves(server: Server) -> bool:
    return server.eval(ONE).body == b'{"y":1.0}'


@pytest.mark.parametrize("path", ["/eval", "/v2/models/flat/infer"])
def test_bodies_that_do_not_come_keep_nobody_waiting(server: Server, path: str) -> None:
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(upload(server, announced=20 * MB, sent=100, path=path))
        server.catch_up()
        assert serves(server)
        with held(server, ONE) as finish:
            assert finish().endswith(b'{"y":1.0}')


@pytest.mark.parametrize("path", ["/eval", "/v2/models/flat/infer"])
def test_bodies_hold_only_so_much_together(server: Server, path: str) -> None:
    with ExitStack() as stack:
        kept = [stack.enter_context(upload(server, announced=19 * MB, sent=19 * MB - 1, path=path)) for _ in range(2)]
        wait_until(lambda: server.metric("inference_upload_bytes") == 2 * (19 * MB - 1), "they are not read")
        with upload(server, announced=19 * MB, sent=19 * MB, path=path) as more:
            status, head = status_of(more)
            assert (status, "retry-after: 1\r\n" in head) == (503, True)
        assert serves(server), "usual calls are not refused for large ones"
        # Those that were there before are read to their end, and then there is room again.
        for connection in kept:
            connection.sendall(b" ")
            assert status_of(connection)[0] == 400
    with upload(server, announced=19 * MB, sent=19 * MB, path=path) as again:
        assert status_of(again)[0] == 400


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries give it back by themselves")
def test_what_was_cut_off_is_given_back(server: Server) -> None:
    def resident() -> int:
        text = Path(f"/proc/{server.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", text)[0]) * 1024

    assert serves(server)
    before, sent = resident(), 36 * MB
    with ExitStack() as stack:
        kept = [stack.enter_context(upload(server, announced=20 * MB, sent=0)) for _ in range(36)]
        for _ in range(sent // len(kept) // 32768):
            for connection in kept:
                connection.sendall(b" " * 32768)
            server.catch_up()
        wait_until(lambda: resident() > before + sent // 2, "the bodies are not read")
    wait_until(lambda: resident() < before + sent // 4, lambda: f"{before} bytes before, {resident()} after")
    # And so is their part of the sum.
    assert server.metric("inference_upload_bytes") == 0
    with upload(server, announced=19 * MB, sent=19 * MB) as one, upload(server, announced=19 * MB, sent=19 * MB) as two:
        assert [status_of(one)[0], status_of(two)[0]] == [400, 400]


def test_what_was_sent_earns_no_time_to_send_nothing(tmp_path: Path, log: Path) -> None:
    models.identity(tmp_path / "models" / "flat", TensorProto.FLOAT, [-1])
    sent = 10 * MB
    assert sent / 32768 > 2 * PATIENCE
    with (
        running(tmp_path / "models", log, body_seconds="0.5") as server,
        upload(server, announced=2 * sent, sent=sent) as connection,
    ):
        assert status_of(connection)[0] == 408


def test_requests_in_flight(tmp_path: Path) -> None:
    """Two wait for a thread, which somebody else has; the third is refused, and the two are answered in the end."""
    folder = models.linear(tmp_path / "linear")
    model = read_model(folder)
    settings, metrics, go_on = Settings(max_in_flight=2), Metrics(), Event()

    async def body() -> AsyncIterator[dict[str, Any]]:
        yield {"type": "http.request", "body": b'{"x":[1,2,2]}', "more_body": False}

    def request() -> Request:
        headers = [(b"content-type", b"application/json")]
        return Request({"method": "POST", "path": "/eval", "headers": headers}, body().__anext__)

    async def run(executor: ThreadPoolExecutor) -> list[bytes]:
        admission = Admission(settings, metrics, executor, RowThreads(1, 1.0))
        evaluation = Evaluation(Served(model, load(model, threads=1), settings), settings, admission)
        executor.submit(go_on.wait, PATIENCE)
        waiting = [asyncio.create_task(evaluation(request())) for _ in range(2)]
        await asyncio.sleep(0)
        assert metrics.in_flight == 2
        with pytest.raises(HttpError, match="2 requests are in flight already") as refused:
            await evaluation(request())
        assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})
        go_on.set()
        return [response.body for response in await asyncio.gather(*waiting)]

    with ThreadPoolExecutor(1) as executor:
        try:
            answers = asyncio.run(run(executor))
        finally:
            go_on.set()
    assert [json.loads(answer)["label"] for answer in answers] == [1, 1]
    assert metrics.in_flight == 0


def test_the_memory_is_the_containers(tmp_path: Path) -> None:
    machine = memory_limit(tmp_path)
    assert machine > 0
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_limit(tmp_path) == machine
    (tmp_path / "memory.max").write_text("4096\n")
    assert memory_limit(tmp_path) == 4096
    (tmp_path / "memory.max").unlink()
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("8192\n")
    assert memory_limit(tmp_path) == 8192


def test_one_body_has_room() -> None:
    assert read_settings({"MIGRATE_MAX_UPLOADS_BYTES": "0"}).max_uploads_bytes == 0
    with pytest.raises(SettingError, match="MIGRATE_MAX_UPLOADS_BYTES=5 has no room"):
        read_settings({"MIGRATE_MAX_UPLOADS_BYTES": "5"})

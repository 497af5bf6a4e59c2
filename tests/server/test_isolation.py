"""One model that fails, or does not end, keeps no other from being served."""

import asyncio
import hashlib
import json
import os
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest

from migrate.server import engines, rows
from migrate.server.engines import loads_alone, threads_of
from migrate.server.errors import HttpError
from migrate.server.http import Request
from migrate.server.limits import Settings
from migrate.server.loading import Loading
from migrate.server.metrics import Metrics
from migrate.server.model import Model
from migrate.server.model_engine import ContradictionError
from migrate.server.model_files import read_model
from migrate.server.routes import Router
from migrate.server.rows import Row, RowThreads, row_begins, rows_end, watched
from migrate.server.served import Served
from migrate.server.site import add_process_routes, check_ready, readiness
from migrate.server.status import Phase, Status
from migrate.server.triton import add_triton_server
from migrate.server.v2 import add_v2_server
from tests.server import models
from tests.server.process import Server, running, start
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.programs

GOOD = {"x": [1.0, 2.0, 2.0]}
GOOD_ANSWER = {"scores": [2.0, 3.0], "label": 1}


def change(folder: Path, **settings: Any) -> Path:
    content = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**content, **settings}))
    return folder


def is_served(server: Server, name: str) -> bool:
    return bool(server.eval(GOOD, f"/{name}/eval").json() == GOOD_ANSWER)


def asked(server: Server, name: str) -> list[tuple[int, str]]:
    """What each route of a model says."""
    calls = [
        server.call("GET", f"/{name}/"),
        server.call("GET", f"/{name}/describe"),
        server.eval(GOOD, f"/{name}/eval"),
        server.call("GET", f"/v2/models/{name}/ready"),
        server.call("POST", f"/v2/models/{name}/infer", b"{}"),
    ]
    return [(found.status, found.json()["message"]) for found in calls]


def write_failing(root: Path) -> dict[str, str]:
    """Models that cannot be served, each in its own way, and a part of the reason."""
    (change(models.linear(root / "no-file")) / "files" / "model.onnx").unlink()
    change(models.linear(root / "other-inputs"), inputs=[{"name": "z", "type": "float", "shape": [-1, 3]}])
    sample = {"name": "one", "request": GOOD, "answer": {"scores": [9, 9], "label": 1}}
    (models.linear(root / "other-answers") / "recorded.json").write_text(json.dumps({"samples": [sample]}))
    change(models.linear(root / "newer"), schema=99)
    (root / "known").mkdir()
    (root / "known" / "unserved.json").write_text(json.dumps({"id": "known one", "reason": "it holds <no> model"}))
    return {
        "no-file": "cannot load model.onnx",
        "other-inputs": "the file has ['x']",
        "other-answers": "scores, value 0: 2.0, recorded was 9",
        "newer": "it has schema 99",
        "known one": "it holds <no> model",
    }


def test_the_others_are_served_and_each_says_why_it_is_not(tmp_path: Path, log: Path) -> None:
    models.linear(tmp_path / "good")
    why = write_failing(tmp_path)
    with running(tmp_path, log) as server:
        assert is_served(server, "good")
        ready = server.call("GET", "/health/ready").json()
        assert (ready["status"], sorted(ready["not_served"])) == ("ready", sorted(why))
        for name, reason in why.items():
            assert reason in ready["not_served"][name]
            path = name.replace(" ", "%20")
            assert set(asked(server, path)) == {(503, f"The model {name} is not served: {ready['not_served'][name]}")}
        page = server.call("GET", "/").body.decode()
        assert "it holds &lt;no&gt; model" in page
        assert page.index("good") < page.index("known one")
        index = server.call("POST", "/v2/repository/index").json()
        assert [one["state"] for one in index if one["name"] == "good"] == ["READY"]
        assert {one["name"]: one["reason"] for one in index if one["state"] == "UNAVAILABLE"} == ready["not_served"]
        # What there never was is still that.
        assert server.call("GET", "/other/describe").status == 404
        assert server.call("GET", "/describe").status == 404


def test_with_tokens_a_caller_without_one_is_told_no_names(tmp_path: Path, log: Path) -> None:
    models.linear(tmp_path / "good")
    why = write_failing(tmp_path)
    with running(tmp_path, log, tokens_sha256=hashlib.sha256(b"let me in").hexdigest()) as server:
        assert server.call("GET", "/health/ready").json() == {"status": "ready"}
        said = server.call("GET", "/health/ready", headers={"Authorization": "Bearer let me in"}).json()
        assert sorted(said["not_served"]) == sorted(why)


def test_while_no_model_answers_neither_health_route_says_ready() -> None:
    threads, status, router = RowThreads(1, 1.0), Status(), Router()
    add_process_routes(router, status, Metrics(), threads, {hashlib.sha256(b"let me in").hexdigest()})
    add_v2_server(router, status, threads)
    status.phase, status.served = Phase.READY, ["secret"]

    def ask(path: str, **headers: str) -> bytes:
        named = [(name.encode(), value.encode()) for name, value in headers.items()]
        route = router.find(path.encode())
        assert route is not None
        request = Request({"method": "GET", "headers": named, "path": path}, asyncio.Queue().get)
        return asyncio.run(route.handler(request)(request)).body

    paths = ("/health/ready", "/v2/health/ready")
    assert [json.loads(ask(path)) for path in paths] == [{"status": "ready"}, {"ready": True}]
    threads.given_up["secret"] = 2
    for path in paths:
        with pytest.raises(HttpError, match=r"^Not ready: no model answers$") as refused:
            ask(path)
        assert (refused.value.status, refused.value.detail) == (503, "")
    with pytest.raises(HttpError) as told:
        ask("/health/ready", authorization="Bearer let me in")
    assert json.loads(told.value.detail) == {"secret": "2 of its rows do not end"}
    with pytest.raises(HttpError, match="The model secret is not served now: 2 of its rows do not end"):
        threads.check("secret")


def test_the_index_says_of_a_model_whose_rows_do_not_end_what_health_says() -> None:
    threads, status, router = RowThreads(1, 1.0), Status(), Router()
    add_triton_server(router, status, Metrics(), threads, version="1")
    status.phase, status.served = Phase.READY, ["good", "hanging"]

    def index() -> list[dict[str, str]]:
        route = router.find(b"/v2/repository/index")
        assert route is not None
        request = Request({"method": "POST", "headers": [], "path": "/v2/repository/index"}, asyncio.Queue().get)
        found: list[dict[str, str]] = json.loads(asyncio.run(route.handler(request)(request)).body)
        return found

    assert [one["state"] for one in index()] == ["READY", "READY"]
    threads.given_up["hanging"] = 2
    good, hanging = index()
    assert (good["name"], good["state"]) == ("good", "READY")
    assert hanging == {"name": "hanging", "state": "UNAVAILABLE", "reason": "2 of its rows do not end"}
    assert readiness(status, check_ready(status, threads))["not_served"] == {"hanging": hanging["reason"]}
    threads.given_up["hanging"] = 1
    assert [one["state"] for one in index()] == ["READY", "READY"]


@pytest.mark.parametrize("late", [False, True], ids=["", "late"])
def test_a_model_called_stats_has_its_own_metadata(tmp_path: Path, log: Path, late: bool) -> None:
    models.linear(tmp_path / "good")
    pipe = write_late(tmp_path / "stats") if late else models.linear(tmp_path / "stats")
    with running(tmp_path, log, load_seconds="0.5") as server:
        if late:
            assert server.call("GET", "/v2/models/stats").status == 503
            pipe.write_text((tmp_path / "stats" / "content").read_text())
        wait_until(lambda: is_served(server, "stats"), log.read_text)
        assert server.call("GET", "/v2/models/stats").json()["name"] == "stats"
        (found,) = server.call("GET", "/v2/models/stats/stats").json()["model_stats"]
        assert found["name"] == "stats"


def test_the_statistics_of_all_are_there_where_no_model_is_called_so(tmp_path: Path, log: Path) -> None:
    models.linear(tmp_path / "good")
    with running(tmp_path, log) as server:
        assert [one["name"] for one in server.call("GET", "/v2/models/stats").json()["model_stats"]] == ["good"]


def test_without_any_the_process_ends(tmp_path: Path, log: Path) -> None:
    write_failing(tmp_path)
    server = start(tmp_path, log)
    assert server.process.wait(timeout=PATIENCE) == 1
    reason = next(line["reason"] for line in server.lines() if line["message"] == "not ready, and will not be")
    assert "cannot load model.onnx" in reason


def write_late(folder: Path) -> Path:
    """A model whose file is a pipe: loading it ends when somebody has written into the returned one."""
    models.linear(folder)
    path = folder / "files" / "manifest.json"
    content = json.dumps({"binary": b64encode((folder / "files" / "model.onnx").read_bytes()).decode()})
    os.mkfifo(path)
    change(folder, entry="manifest.json", onnx={"embedded": True})
    (folder / "content").write_text(content)
    return path


def test_one_that_loads_for_long_is_named_and_served_later(tmp_path: Path, log: Path) -> None:
    models.linear(tmp_path / "b-good")
    pipe = write_late(tmp_path / "a-late")
    with running(tmp_path, log, load_seconds="0.5") as server:
        assert is_served(server, "b-good")
        ready = server.call("GET", "/health/ready").json()
        assert ready["loading"] == ["a-late"]
        assert "it has been loading for" in ready["not_served"]["a-late"]
        assert {status for status, _ in asked(server, "a-late")} == {503}
        pipe.write_text((tmp_path / "a-late" / "content").read_text())
        wait_until(lambda: is_served(server, "a-late"), log.read_text)
        assert server.call("GET", "/health/ready").json() == {"status": "ready"}
        assert server.call("GET", "/v2/models/a-late/ready").status == 200
        assert '<a href="./a-late/">' in server.call("GET", "/").body.decode()


def test_the_only_one_is_waited_for_and_named(tmp_path: Path, log: Path) -> None:
    pipe = write_late(tmp_path / "late")
    server = start(tmp_path, log, load_seconds="0.1")
    try:
        found = server.call("GET", "/health/ready")
        assert (found.status, found.json()["message"]) == (503, "Not ready: starting")
        assert "loading late for" in found.json()["detail"]
        assert {status for status, _ in asked(server, "late")} == {503}
        pipe.write_text((tmp_path / "late" / "content").read_text())
        wait_until(lambda: server.call("GET", "/health/ready").status == 200, log.read_text)
        assert is_served(server, "late")
        assert server.eval(GOOD).status == 200
    finally:
        server.process.kill()
        server.process.wait()


async def loaded(folder: Path, load: Callable[[Model], Served], settings: Settings) -> Status:
    """The status after loading one model in a way."""
    status = Status()
    await Loading([read_model(folder)], load, lambda _: None, status=status, settings=settings).run()
    return status


def test_a_row_that_does_not_end_ends_the_loading(tmp_path: Path) -> None:
    go_on = Event()

    def hang(_: Model) -> Served:
        row_begins()
        go_on.wait(PATIENCE)
        raise AssertionError

    try:
        status = asyncio.run(loaded(models.linear(tmp_path / "m"), hang, Settings(row_seconds=0.2)))
    finally:
        go_on.set()
    assert status.unserved == {"m": "the engine did not end one row within 0.2 seconds"}


@pytest.mark.parametrize(("engine", "most"), [("onnx", 3), ("torch_pickle", 1), ("pmml", 1)])
def test_models_load_side_by_side_where_their_engines_allow_it(tmp_path: Path, engine: str, most: int) -> None:
    each = [read_model(change(models.linear(tmp_path / name), engine=engine)) for name in "abcdef"]
    loading: set[str] = set()
    numbers: list[int] = []
    together = Barrier(most)

    def load(model: Model) -> Served:
        loading.add(model.id)
        together.wait(PATIENCE)  # until so many are in here
        numbers.append(len(loading))
        together.wait(PATIENCE)
        loading.remove(model.id)
        raise ContradictionError("enough")

    async def run() -> Status:
        status = Status()
        await Loading(each, load, lambda _: None, status=status, settings=Settings(), places=3).run()
        return status

    assert asyncio.run(run()).unserved == dict.fromkeys("abcdef", "enough")
    assert max(numbers) == most


def test_the_last_one_that_does_not_end_is_not_waited_for(tmp_path: Path) -> None:
    each = [read_model(models.linear(tmp_path / name, model_id=name)) for name in "ab"]
    settings, status, go_on = Settings(load_seconds=0.2), Status(), Event()

    def load(model: Model) -> Served:
        if model.id == "b":
            go_on.wait(PATIENCE)
        return Served(model, engines.load(model, threads=1), settings)

    async def run() -> None:
        # One at a time, so that nothing else is being loaded when the last one begins.
        await asyncio.wait_for(
            Loading(
                each, load, lambda done: status.served.append(done.model.id), status=status, settings=settings
            ).run(),
            PATIENCE / 2,
        )
        assert (status.served, list(status.loading)) == (["a"], ["b"])

    try:
        asyncio.run(run())
    finally:
        go_on.set()


def test_a_flow_loads_alone_where_one_of_its_steps_does(tmp_path: Path) -> None:
    step = {"inputs": [], "outputs": []}
    for engine, alone in (("keras", True), ("onnx", False)):
        steps = [{**step, "engine": "scaler"}, {**step, "engine": engine}]
        folder = change(models.linear(tmp_path / engine), engine="flow", flow={"steps": steps})
        assert loads_alone(read_model(folder)) is alone


def test_many_models_have_fewer_threads_each(tmp_path: Path) -> None:
    model = read_model(models.linear(tmp_path / "m"))
    assert [threads_of(model, 16, count) for count in (1, 4, 8, 300)] == [16, 16, 8, 1]
    shared = read_model(change(models.linear(tmp_path / "t"), engine="torchscript"))
    assert threads_of(shared, 16, 300) == 16, "its threads are the process's"


def test_a_bug_in_the_loading_is_that_models(tmp_path: Path) -> None:
    def fail(_: Model) -> Served:
        raise KeyError("lost")

    status = asyncio.run(loaded(models.linear(tmp_path / "m"), fail, Settings()))
    assert status.unserved == {"m": "it could not be loaded: KeyError: 'lost'"}


def test_a_batch_has_the_time_of_all_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(rows, "monotonic", lambda: clock[0])
    row, left = Row(), []

    def look(seconds: float) -> None:
        clock[0] += seconds
        left.append(row.left(30))

    def work() -> None:
        look(100)
        for _ in range(3):
            row_begins()
            look(29)
        look(2)
        rows_end()
        look(100)

    watched(row, work)
    row_begins()  # of a thread that nobody watches
    assert left == [30, 1, 1, 1, -1, 30]


def test_rows_that_do_not_end_are_given_up_and_keep_no_other_waiting() -> None:
    go_on = Event()

    def hang() -> int:
        row_begins()
        go_on.wait(PATIENCE)
        rows_end()
        return 1

    async def run() -> None:
        threads = RowThreads(2, 0.3)
        for _ in range(2):
            with pytest.raises(HttpError, match="Internal error") as given_up:
                await threads.run("hangs", hang)
            assert (given_up.value.status, given_up.value.detail) == (
                500,
                "the engine did not end one row within 0.3 seconds",
            )
        with pytest.raises(HttpError, match="2 of its rows do not end") as refused:
            await threads.run("hangs", hang)
        assert refused.value.status == 503
        assert await threads.run("other", lambda: 3) == 3, "another model is computed by others"
        go_on.set()
        await asyncio.to_thread(wait_until, lambda: not threads.refusal("hangs"), "they have not ended")
        assert await threads.run("hangs", lambda: 4) == 4

    try:
        asyncio.run(run())
    finally:
        go_on.set()


def test_what_fails_in_a_thread_is_raised() -> None:
    async def run() -> None:
        with pytest.raises(ZeroDivisionError):
            await RowThreads(1, 1.0).run("m", lambda: 1 // 0)

    asyncio.run(run())

"""Models that are unloaded because of the limit of memory, and loaded again when they are called."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from migrate.server import unloading as module
from migrate.server.engines import load
from migrate.server.errors import HttpError
from migrate.server.evaluation import EvalCalls
from migrate.server.express import Lane
from migrate.server.http import RequestIds
from migrate.server.limits import Settings
from migrate.server.metrics import Metrics
from migrate.server.model import Model
from migrate.server.model_engine import ContradictionError, UnloadedError
from migrate.server.model_files import read_model
from migrate.server.served import Call, Served
from migrate.server.status import Status
from migrate.server.unloading import Unloading
from tests.server import models
from tests.server.process import Server, running
from tests.server.test_isolation import GOOD, GOOD_ANSWER, is_served, write_late
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.programs

BODY = json.dumps(GOOD).encode()
MESSAGE = "The model {} is not served now: {}"


def unloaded(server: Server, name: str) -> bool:
    """Whether the last that the log says of a model is that it was unloaded."""
    said = [line["message"] for line in server.lines() if line.get("model") == name]
    return said[-1] == "model is unloaded"


def wait_unloaded(server: Server, name: str) -> None:
    wait_until(lambda: unloaded(server, name), server.log.read_text)


def test_each_is_loaded_again_when_it_is_called(tmp_path: Path, log: Path) -> None:
    names = ["a", "b", "c"]
    for name in names:
        models.linear(tmp_path / name)
    # No process is so small: all but the one that was called last are unloaded.
    with running(tmp_path, log, models_rss="1") as server:
        for _ in range(2):
            for name in names:
                assert is_served(server, name)
        assert server.call("GET", "/health/ready").json() == {"status": "ready"}
        for name in names[:2]:
            wait_unloaded(server, name)
        v2 = {"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": GOOD["x"]}]}
        answer = server.call("POST", "/v2/models/a/infer", json.dumps(v2).encode()).json()
        assert {one["name"]: one["data"] for one in answer["outputs"]} == {"scores": [2.0, 3.0], "label": [1]}
        # What needs no engine is there all the time.
        wait_unloaded(server, "b")
        assert server.call("GET", "/b/describe").status == 200
        assert server.call("GET", "/v2/models/b/ready").status == 200
        assert unloaded(server, "b")
        assert server.metric("model_unloads_total") >= 4
        assert server.metric("model_reloads_total") >= 3
        assert any(line["message"] == "models need more memory than they may" for line in server.lines())


def test_one_that_cannot_be_loaded_again_says_why(tmp_path: Path, log: Path) -> None:
    models.linear(tmp_path / "a")
    models.linear(tmp_path / "b")
    file = tmp_path / "b" / "files" / "model.onnx"
    with running(tmp_path, log, models_rss="1") as server:
        assert is_served(server, "a")
        wait_unloaded(server, "b")
        file.unlink()
        refused = server.eval(GOOD, "/b/eval")
        assert (refused.status, refused.headers["retry-after"]) == (503, "10")
        assert refused.json()["message"].startswith(MESSAGE.format("b", "ONNX Runtime cannot load model.onnx"))
        ready = server.call("GET", "/health/ready").json()
        assert ready["status"] == "ready"
        assert "cannot load model.onnx" in ready["not_served"]["b"]
        assert server.call("GET", "/v2/models/b/ready").status == 503
        (index,) = [one for one in server.call("POST", "/v2/repository/index").json() if one["name"] == "b"]
        assert (index["state"], index["reason"]) == ("UNAVAILABLE", ready["not_served"]["b"])
        assert is_served(server, "a")


def test_what_reads_requests_goes_on_while_one_is_loaded_again(tmp_path: Path, log: Path) -> None:
    models.linear(tmp_path / "b-good")
    pipe = write_late(tmp_path / "a-late")
    content = (tmp_path / "a-late" / "content").read_text()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(pipe.write_text, content)
        with running(tmp_path, log, models_rss="1", load_seconds="30") as server:
            assert first.result(timeout=PATIENCE)
            assert is_served(server, "b-good")
            wait_unloaded(server, "a-late")
            waiting = [pool.submit(server.eval, GOOD, "/a-late/eval") for _ in range(2)]
            for _ in range(3):
                assert is_served(server, "b-good")
            assert not any(each.done() for each in waiting)
            assert server.call("GET", "/a-late/describe").status == 200
            pipe.write_text(content)
            assert [each.result(timeout=PATIENCE).json() for each in waiting] == [GOOD_ANSWER] * 2
            again = [line["model"] for line in server.lines() if line["message"] == "model is loaded again"]
            assert again.count("a-late") == 1, "both waited for one loading"


def served(folder: Path, settings: Settings) -> Served:
    model = read_model(folder)
    return Served(model, load(model, threads=1), settings)


def looked_after(
    settings: Settings,
    each: list[Served],
    loader: Callable[[Model], Served],
    status: Status,
    pool: ThreadPoolExecutor,
    *,
    done: Callable[[], None] = lambda: None,
) -> Unloading:
    made = Unloading(
        {one.model.id: one.model for one in each},
        loader,
        done,
        places=2,
        status=status,
        metrics=Metrics(),
        settings=settings,
        executor=pool,
    )
    for one in each:
        made.add(one)
    return made


def test_an_unloaded_model_computes_nothing_where_requests_are_read(tmp_path: Path) -> None:
    made = served(models.linear(tmp_path / "m"), Settings())
    made.pace.quick = True
    lane = Lane(EvalCalls(made), Settings(), Metrics(), RequestIds())
    headers = [(b"content-type", b"application/json")]
    assert lane.answer(headers, BODY, []) is not None
    engine = made.unload()
    made.pace.quick = True
    assert lane.answer(headers, BODY, []) is None, "the application waits for the engine"
    with pytest.raises(UnloadedError):
        made.evaluate(Call(BODY))
    assert made.engine.inputs == engine.inputs
    made.load(engine)
    made.pace.quick = True  # whatever this machine did meanwhile
    assert lane.answer(headers, BODY, []) is not None


def test_one_that_is_called_is_not_unloaded(tmp_path: Path) -> None:
    settings = Settings(models_rss=1)
    each = [served(models.linear(tmp_path / name, model_id=name), settings) for name in "abc"]

    async def run(pool: ThreadPoolExecutor) -> None:
        unloading = looked_after(settings, each, lambda _: each[0], Status(), pool)
        async with unloading.loaded(each[1]), unloading.loaded(each[0]):
            await unloading.make_room()
            assert [one.is_loaded for one in each] == [True, True, False]
        await unloading.make_room()
        assert [one.is_loaded for one in each] == [False, True, False], "the one that was called last stays"

    with ThreadPoolExecutor(1) as pool:
        asyncio.run(run(pool))


def test_one_that_fails_is_not_tried_again_by_every_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(models_rss=1)
    each = [served(models.linear(tmp_path / name, model_id=name), settings) for name in "ab"]
    engine = each[0].engine
    tries: list[str] = []
    status = Status()

    def fail_once(model: Model) -> Served:
        tries.append(model.id)
        if len(tries) == 1:
            raise ContradictionError("no room")
        return Served(model, engine, settings)

    async def run(pool: ThreadPoolExecutor) -> None:
        unloading = looked_after(settings, each, fail_once, status, pool)
        await unloading.make_room()

        async def call() -> None:
            async with unloading.loaded(each[0]):
                raise AssertionError

        found = await asyncio.gather(*(call() for _ in range(3)), return_exceptions=True)
        found += await asyncio.gather(call(), return_exceptions=True)
        assert {(type(one), str(one)) for one in found} == {(HttpError, MESSAGE.format("a", "no room"))}
        assert (tries, status.failing) == (["a"], {"a": "no room"})
        monkeypatch.setattr(module, "_AGAIN_SECONDS", 0.0)
        async with unloading.loaded(each[0]):
            assert each[0].engine is engine
        assert (tries, status.failing) == (["a", "a"], {})

    with ThreadPoolExecutor(1) as pool:
        asyncio.run(run(pool))


def test_a_call_does_not_wait_for_ever(tmp_path: Path) -> None:
    settings = Settings(models_rss=1, load_seconds=0.1)
    each = [served(models.linear(tmp_path / name, model_id=name), settings) for name in "ab"]
    engines = [one.engine for one in each]

    async def run(pool: ThreadPoolExecutor) -> None:
        ended, again = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def slow(_: Model) -> Served:
            asyncio.run_coroutine_threadsafe(ended.wait(), loop).result(PATIENCE)
            return Served(each[0].model, engines[0], settings)

        unloading = looked_after(settings, each, slow, Status(), pool, done=again.set)
        await unloading.make_room()
        with pytest.raises(HttpError, match=r"it has been loading for 0\.1 seconds$"):
            async with unloading.loaded(each[0]):
                raise AssertionError
        ended.set()
        await again.wait()  # nobody waits for it, and it is loaded all the same
        assert each[0].engine is engines[0]

    with ThreadPoolExecutor(1) as pool:
        asyncio.run(run(pool))


def test_one_that_is_unloaded_while_a_call_waits_for_it_is_loaded_once_more(tmp_path: Path) -> None:
    settings = Settings(models_rss=1)
    each = [served(models.linear(tmp_path / name, model_id=name), settings) for name in "ab"]
    engine = each[0].engine
    loads: list[str] = []

    def again(model: Model) -> Served:
        loads.append(model.id)
        return Served(model, engine, settings)

    def unload_once() -> None:  # as where nobody called it any more
        if len(loads) == 1:
            each[0].unload()

    async def run(pool: ThreadPoolExecutor) -> None:
        unloading = looked_after(settings, each, again, Status(), pool, done=unload_once)
        await unloading.make_room()
        async with unloading.loaded(each[0]):
            assert each[0].engine is engine
        assert loads == ["a", "a"]

    with ThreadPoolExecutor(1) as pool:
        asyncio.run(run(pool))


def test_those_that_do_not_end_keep_no_other_unloaded(tmp_path: Path) -> None:
    settings = Settings(models_rss=1, load_seconds=0.2)
    each = [served(models.linear(tmp_path / name, model_id=name), settings) for name in "abcd"]
    engine = each[2].engine
    go_on = Event()

    def hang(model: Model) -> Served:
        if model.id != "c":
            go_on.wait(PATIENCE)
        return Served(model, engine, settings)

    async def run(pool: ThreadPoolExecutor) -> None:
        unloading = looked_after(settings, each, hang, Status(), pool)
        await unloading.make_room()

        async def answers(one: Served) -> bool:
            try:
                async with unloading.loaded(one):
                    return one.is_loaded
            except HttpError:
                return False

        # As many as are loaded at a time.
        assert await asyncio.gather(answers(each[0]), answers(each[1])) == [False, False]
        async with asyncio.timeout(PATIENCE / 4):
            while not await answers(each[2]):
                pass
        go_on.set()

    try:
        with ThreadPoolExecutor(1) as pool:
            asyncio.run(run(pool))
    finally:
        go_on.set()

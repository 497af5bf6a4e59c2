"""The life of the process: listen, load, prove, serve; on SIGTERM say no, drain, stop."""

import asyncio
import ctypes
import gc
import logging
import signal
import socket
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from types import FrameType
from typing import Any, Final
from urllib.parse import quote

import uvicorn
from uvicorn.server import ServerState

from migrate.server.app import App
from migrate.server.engines import load, threads_of
from migrate.server.evaluation import Admission, EvalCalls
from migrate.server.express import Calls, Lane
from migrate.server.http import Receive, Request, Response, Scope, Send
from migrate.server.limits import Settings
from migrate.server.loading import Loading
from migrate.server.logs import log
from migrate.server.merging import decide
from migrate.server.metrics import CONTENT_TYPE, Metrics
from migrate.server.model import Model
from migrate.server.protocol import GuardedProtocol
from migrate.server.routes import Router
from migrate.server.rows import RowThreads
from migrate.server.selfcheck import reproduce
from migrate.server.served import Served
from migrate.server.site import add_list_route, add_model_routes, add_process_routes, exposition
from migrate.server.status import Phase, Status
from migrate.server.threads import cpu_count, give_memory_back, search_for_garbage, yield_to_others
from migrate.server.triton import add_triton_server
from migrate.server.unloading import Unloading
from migrate.server.v2 import add_v2_routes, add_v2_server
from migrate.server.v2_inference import VERSION, InferCalls

FAILED: Final = 1
_ARRIVED_SECONDS: Final = 0.01
_REASONS: Final = 3  # of models that are not served, in one sentence
_BACKLOG: Final = 2048
_SETTLE_SECONDS: Final = 0.1
_SO_ATTACH_FILTER: Final = 26


class Server(uvicorn.Server):
    """Uvicorn's server with this process's start and end."""

    def __init__(self, settings: Settings, models: tuple[Model, ...], unserved: Mapping[str, str]) -> None:
        self.exit_code = 0
        self.settings = settings
        self.status = Status()
        self.status.unserved.update(unserved)
        self.metrics = Metrics()
        self.router = Router()
        self._models = models
        self._is_only = len(models) + len(unserved) == 1
        self._cpus = settings.threads or cpu_count()
        threads = max(2, self._cpus)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="model", initializer=yield_to_others)
        self._rows = RowThreads(threads, settings.row_seconds)
        self._admission = Admission(settings, self.metrics, self._executor, self._rows)
        self._described: dict[str, Model] = {}
        self._undecided: dict[str, tuple[Served, Sequence[dict[str, Any]]]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._listeners: list[asyncio.Server] = []
        add_process_routes(self.router, self.status, self.metrics, self._rows, settings.tokens_sha256)
        add_v2_server(self.router, self.status, self._rows)
        app = App(settings, self.status, self.metrics, self.router)
        self._app = app
        self._lanes: dict[bytes, Lane] = {}
        self._new_lanes: dict[bytes, Lane] = {}
        super().__init__(_config(app, settings, self._lanes))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen at once, so that ``/health/live`` answers, and load the models beside it."""
        try:
            await super().startup(sockets)
            if self.settings.metrics_port:
                self._listeners.append(await _listen_metrics(self.settings, self.metrics))
        except (OSError, SystemExit) as error:
            self._fail(f"cannot listen: {error}")
            return
        log(
            logging.INFO,
            "listening",
            host=self.settings.host,
            port=_port_of(self.servers[0]),
            metrics_port=_port_of(self._listeners[0]) if self._listeners else 0,
            threads=self._cpus,
        )
        self._run(self._load())

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain on the first signal, stop on the second. Runs between two lines of any code: it only starts things."""
        del frame
        if self.status.phase is Phase.DRAINING or sig == signal.SIGINT:
            self.should_exit = True
            return
        serving = self.status.serving
        self.status.phase = Phase.DRAINING
        # From now on every answer says that its connection ends, which the express lane never does.
        self._lanes.clear()
        if not serving:
            self.should_exit = True
            return
        asyncio.get_event_loop().call_soon_threadsafe(lambda: self._run(self._drain()))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listeners and wait for what is running."""
        for listener in self._listeners:
            listener.close()
        # What has arrived, and is not read yet, is a request like any other; uvicorn closes what seems idle.
        await asyncio.sleep(_ARRIVED_SECONDS)
        await super().shutdown(sockets)
        self._executor.shutdown(wait=False, cancel_futures=True)
        log(logging.INFO, "stopped", requests=self.server_state.total_requests)

    async def _drain(self) -> None:
        log(logging.INFO, "draining", seconds=self.settings.drain_seconds, in_flight=self.metrics.in_flight)
        await asyncio.sleep(self.settings.drain_seconds)
        for server in self.servers:
            for listener in server.sockets:
                _refuse_newcomers(listener.fileno())
        await asyncio.sleep(_SETTLE_SECONDS)
        self.should_exit = True

    async def _load(self) -> None:
        start = perf_counter()
        if self.settings.models_rss and not self._is_only:
            self._unload()
        await Loading(
            self._models,
            self._load_one,
            self._answer_for,
            status=self.status,
            settings=self.settings,
            places=self._cpus,
        ).run()
        if not self.status.served:
            failed = list(self.status.unserved.items())[:_REASONS]
            self._fail("; ".join(f"model {name}: {reason}" for name, reason in failed))
            return
        add_triton_server(self.router, self.status, self.metrics, self._rows, version=VERSION)
        if not self._is_only:
            add_list_route(self.router, self._described, self.status)
        if self.status.phase is Phase.STARTING:
            self.status.phase = Phase.READY
            self._open_lanes()
            served, unserved = self.status.served, self.status.unserved
            seconds, express = perf_counter() - start, bool(self._lanes)
            log(logging.INFO, "ready", models=served, not_served=unserved, seconds=seconds, express=express)
        # The first scrape shall not have to wait for its library.
        await asyncio.get_running_loop().run_in_executor(self._executor, exposition, self.metrics)
        await self._decide()

    async def _decide(self) -> None:
        """Find out which models' requests can be merged: of many models that takes longer than loading them."""
        for name, (served, requests) in list(self._undecided.items()):
            # One that is not in memory is looked at when it is called; two of these tasks never take the same.
            if not served.is_loaded or self._undecided.pop(name, None) is None:
                continue
            async with self._admission.kept(served):
                await asyncio.get_running_loop().run_in_executor(self._executor, decide, served, requests)

    def _unload(self) -> None:
        """Keep within the limit of memory from now on."""
        self._admission.unloading = Unloading(
            {model.id: model for model in self._models},
            self._load_again,
            lambda: self._run(self._decide()),
            places=self._cpus,
            status=self.status,
            metrics=self.metrics,
            settings=self.settings,
            executor=self._executor,
        )
        self._run(self._admission.unloading.watch())

    def _answer_for(self, served: Served) -> None:
        """Answer for a model that has been loaded, however late."""
        name = served.model.id
        add_model_routes(self.router, served, self.settings, self._admission, is_only=self._is_only)
        add_v2_routes(self.router, served, self.status, self.settings, self._admission)
        self._described[name] = served.model
        self.status.served.append(name)
        if self._admission.unloading is not None:
            self._admission.unloading.add(served)
            self._run(self._admission.unloading.make_room())
        if Lane.opens(self.settings):
            self._new_lanes.update(self._lanes_of(served))
        if self.status.phase is Phase.READY:
            self._open_lanes()
            log(logging.INFO, "model is served now", model=name)
            self._run(self._decide())

    def _lanes_of(self, served: Served) -> dict[bytes, Lane]:
        """The lanes of a model, by the paths as clients write them."""
        name = quote(served.model.id, safe="").encode()
        found = {b"/%b/eval" % name: self._lane(EvalCalls(served))}
        if self._is_only:
            found[b"/eval"] = found[b"/%b/eval" % name]
        infer = b"/v2/models/%b/infer" % name
        found[infer] = self._lane(InferCalls(served, self.settings))
        found[b"/v2/models/%b/versions/%b/infer" % (name, VERSION.encode())] = found[infer]
        return found

    def _lane(self, calls: Calls) -> Lane:
        return Lane(calls, self.settings, self.metrics, self._app.ids)

    def _open_lanes(self) -> None:
        self._lanes.update(self._new_lanes)
        self._new_lanes.clear()

    def _load_one(self, model: Model) -> Served:
        try:
            served, requests = self._loaded(model)
        finally:
            search_for_garbage()
        if self._is_only:
            decide(served, requests)
        else:
            self._undecided[model.id] = (served, requests)
        return served

    def _load_again(self, model: Model) -> Served:
        return self._loaded(model)[0]

    def _loaded(self, model: Model) -> tuple[Served, Sequence[dict[str, Any]]]:
        """A model that is proven right, and the requests that were recorded for it."""
        start = perf_counter()
        engine = load(model, threads=threads_of(model, self._cpus, len(self._models)))
        served = Served(engine.complete(model), engine, self.settings)
        requests = reproduce(served)
        self.metrics.load_seconds[model.id] = perf_counter() - start
        return served, requests

    def _fail(self, reason: str) -> None:
        log(logging.ERROR, "not ready, and will not be", reason=reason)
        self.exit_code = FAILED
        self.should_exit = True
        self.force_exit = True

    def _run(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def serve(settings: Settings, models: tuple[Model, ...], unserved: Mapping[str, str]) -> int:
    """Serve until a signal, or until no model can be; returns the exit code.

    Args:
        settings: The server's.
        models: What is to be served.
        unserved: Why others are not, by their ids.
    """
    sys.setswitchinterval(0.001)
    give_memory_back()
    # While libraries are imported there is next to none, and looking for it takes a sixth of the time.
    gc.disable()
    server = Server(settings, models, unserved)
    server.run()
    return server.exit_code


def _config(app: Callable[..., Any], settings: Settings, lanes: dict[bytes, Lane]) -> uvicorn.Config:
    protocol = type("Protocol", (GuardedProtocol,), {"settings": settings, "lanes": lanes})
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=protocol,
        ws="none",
        loop="uvloop",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=settings.idle_seconds,  # type: ignore[arg-type]
        timeout_graceful_shutdown=settings.stop_seconds,  # type: ignore[arg-type]
    )


async def _listen_metrics(settings: Settings, metrics: Metrics) -> asyncio.Server:
    """The old runtime's second port, which answers ``/metrics`` alone."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found = Request(scope, receive).method in {"GET", "HEAD"} and scope["path"] == "/metrics"
        response = Response(exposition(metrics), CONTENT_TYPE) if found else Response(b"", b"text/plain", status=404)
        headers = [(b"content-type", response.content_type), (b"content-length", b"%d" % len(response.body))]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    config = _config(app, settings, {})
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: config.http_protocol_class(config=config, server_state=state, app_state={}),  # type: ignore[call-arg]
        host=settings.host,
        port=settings.metrics_port if settings.port else 0,
    )


def _port_of(server: asyncio.base_events.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


def _refuse_newcomers(descriptor: int) -> None:
    """Let the kernel drop new connections while those that it has accepted already are still taken up.

    A listener closed with connections in its queue resets them; a socket filter that drops every packet (one BPF
    instruction, ``return 0``) lets the queue run empty first. Linux only; elsewhere the listener is simply closed.
    """
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    filter_of_one = struct.pack("HP", 1, ctypes.addressof(program))
    duplicate = socket.socket(fileno=socket.dup(descriptor))
    try:
        duplicate.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_of_one)
    except OSError as error:
        log(logging.WARNING, "cannot filter the listener", reason=str(error))
    finally:
        duplicate.close()

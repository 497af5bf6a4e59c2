"""A limit of memory for the models of one process: those not called for longest are unloaded, and loaded when called.

Nothing here reads or computes on the event loop: a model is loaded in a thread of its own, as at the start, and the
requests that need it wait.
"""

import asyncio
import gc
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from functools import partial
from time import monotonic, perf_counter
from typing import Final

from migrate.server.engines import loads_alone
from migrate.server.errors import HttpError
from migrate.server.limits import Settings
from migrate.server.loading import in_thread, reason_of
from migrate.server.logs import log
from migrate.server.metrics import Metrics
from migrate.server.model import Model
from migrate.server.served import Served
from migrate.server.status import Status
from migrate.server.threads import resident_bytes, trim_memory

_LOOK_SECONDS: Final = 1.0  # between two looks at the memory
_AGAIN_SECONDS: Final = 10.0  # before one that could not be loaded is tried again
_CALLS: Final = ("eval", "infer")
# Nothing of their engines refers to itself, so it is gone without a search for that, which would stop the process.
_FREED_AT_ONCE: Final = frozenset({"onnx", "tokenizers"})


class Unloading:
    """Keeps the memory of this process below ``models_rss`` where that is set."""

    def __init__(
        self,
        models: Mapping[str, Model],
        load: Callable[[Model], Served],
        done: Callable[[], None],
        *,
        places: int,
        status: Status,
        metrics: Metrics,
        settings: Settings,
        executor: Executor,
    ) -> None:
        """Prepare to.

        Args:
            models: The models as their files describe them, by their ids.
            load: Loads one and proves it right, in a thread.
            done: Told when one has been loaded again.
            places: How many are loaded at a time.
            status: Where it is told which cannot be loaded again.
            metrics: What is counted: of calls, and of models that are loaded again.
            settings: The limit, and how long a call waits for its model.
            executor: Where what models held is freed.
        """
        self._models = models
        self._load = load
        self._done = done
        self._places = places
        self._free = asyncio.Semaphore(places)
        self._status = status
        self._metrics = metrics
        self._settings = settings
        self._executor = executor
        self._served: dict[str, Served] = {}
        self._called: dict[str, float] = {}
        self._counts: Counter[str] = Counter()
        self._running: Counter[str] = Counter()
        self._loading: dict[str, asyncio.Task[str]] = {}
        self._failed: dict[str, float] = {}
        self._entry = asyncio.Lock()
        self._turn = asyncio.Lock()
        self._is_full = False

    def add(self, served: Served) -> None:
        """Look after a model that is served. One that Java computes stays: Java gives no memory back."""
        if not served.row_by_row:
            self._served[served.model.id] = served
            self._called[served.model.id] = monotonic()

    async def watch(self) -> None:
        """Look at the memory for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self.make_room()

    @asynccontextmanager
    async def loaded(self, served: Served) -> AsyncIterator[None]:
        """Keep a model loaded inside of the context, after waiting for it where it is not.

        Raises:
            HttpError: 503 with ``Retry-After``, when it cannot be loaded, or not in time.
        """
        name = served.model.id
        self._running[name] += 1
        try:
            # Whoever made it be loaded may have given up, and it may have been unloaded at once.
            while not served.is_loaded:
                await self._wait_for(served)
            yield
        finally:
            self._running[name] -= 1
            self._called[name] = monotonic()

    async def _wait_for(self, served: Served) -> None:
        name = served.model.id
        limit = self._settings.load_seconds
        if monotonic() - self._failed.get(name, -_AGAIN_SECONDS) < _AGAIN_SECONDS:
            raise _not_now(name, self._status.failing[name])
        task = self._loading.get(name)
        if task is None:
            task = self._loading[name] = asyncio.create_task(self._load_again(served))
            task.add_done_callback(lambda _: self._loading.pop(name))
        if not (await asyncio.wait({task}, timeout=limit))[0]:
            raise _not_now(name, f"it has been loading for {limit:g} seconds")
        if why := task.result():
            raise _not_now(name, why)

    async def _load_again(self, served: Served) -> str:
        """Load a model; the reason where that fails, else empty."""
        name = served.model.id
        model = self._models[name]
        # One that must be loaded alone takes all places, and nobody takes one of them meanwhile.
        taken = self._places if loads_alone(model) else 1
        async with self._entry:
            for _ in range(taken):
                await self._free.acquire()
        start = perf_counter()
        loading = asyncio.create_task(in_thread(model, self._load, self._settings.row_seconds))
        try:
            # Callers have given up then; one that does not end keeps no other model from its place.
            await asyncio.wait({loading}, timeout=self._settings.load_seconds)
        finally:
            for _ in range(taken):
                self._free.release()
        try:
            fresh = await loading
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this model's, and told
            self._status.failing[name] = why = reason_of(model, error)
            self._failed[name] = monotonic()
            log(logging.ERROR, "model could not be loaded again", model=name, reason=why)
            return why
        served.load(fresh.engine)
        self._status.failing.pop(name, None)
        self._failed.pop(name, None)
        self._metrics.loaded_again += 1
        log(logging.INFO, "model is loaded again", model=name, seconds=perf_counter() - start)
        self._done()
        await self.make_room()
        return ""

    async def make_room(self) -> None:
        """Unload models until the memory is below the limit, or none is left that is not called."""
        async with self._turn:
            await self._make_room()

    async def _make_room(self) -> None:
        self._see_calls()
        while (memory := resident_bytes()) > self._settings.models_rss:
            served = self._idlest()
            if served is None:
                if not self._is_full:
                    log(logging.WARNING, "models need more memory than they may", bytes=memory)
                self._is_full = True
                return
            engine: list[object] = [served.unload()]
            name = served.model.id
            self._metrics.unloaded += 1
            search = served.model.engine not in _FREED_AT_ONCE
            await asyncio.get_running_loop().run_in_executor(self._executor, partial(_free, engine, search=search))
            log(logging.INFO, "model is unloaded", model=name, idle=monotonic() - self._called[name], bytes=memory)
        self._is_full = False

    def _idlest(self) -> Served | None:
        """The model not called for longest; the one called last stays, so that no limit makes each call load."""
        names = [name for name, served in self._served.items() if served.is_loaded and not self._running[name]]
        names.sort(key=self._called.__getitem__)
        others = any(served.is_loaded and name not in names for name, served in self._served.items())
        return self._served[names[0]] if len(names) > (0 if others else 1) else None

    def _see_calls(self) -> None:
        """Learn from the counts which models were called: the express lane does nothing for this."""
        counts: Counter[str] = Counter()
        for (name, route, _), histogram in list(self._metrics.requests.items()):
            if route in _CALLS:
                counts[name] += sum(histogram.counts)
        now = monotonic()
        for name, count in counts.items():
            if count != self._counts[name]:
                self._counts[name] = count
                self._called[name] = now


def _not_now(name: str, why: str) -> HttpError:
    return HttpError(503, f"The model {name} is not served now: {why}", headers={"Retry-After": "10"})


def _free(engine: list[object], *, search: bool) -> None:
    """Give back what an engine holds, whose only reference is in this list."""
    engine.clear()
    if search:
        gc.unfreeze()  # the first model was loaded before the search for garbage began
        gc.collect()
    trim_memory()
